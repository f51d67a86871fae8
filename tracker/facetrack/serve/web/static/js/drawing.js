// Faces on a canvas: lines between the landmarks, dots, and the person's number.
import { colourOf } from "./format.js";

const HIDDEN_BELOW = 0.5; // as in drawing/faces.py

// place: {x, y, scale, mirror, width}, from px of the frame to px of the canvas.
export function drawFace(context, face, edges, place, { label = true } = {}) {
  const points = face.points.map(([x, y]) => [place.x + place.scale * (place.mirror ? place.width - 1 - x : x), place.y + place.scale * y]);
  const colour = colourOf(face.id);
  const size = place.scale * Math.max(face.box[2] - face.box[0], face.box[3] - face.box[1]);
  const stroke = Math.max(1, Math.min(2.4, size / 140)) * (globalThis.devicePixelRatio || 1) ** 0.5;
  const seen = (index) => !face.visibility || face.visibility[index] >= HIDDEN_BELOW;
  context.lineCap = context.lineJoin = "round";
  for (const [alpha, wanted] of [[1, true], [0.35, false]]) {
    const path = new Path2D();
    for (const [a, b] of edges) {
      if ((seen(a) && seen(b)) !== wanted) continue;
      path.moveTo(...points[a]);
      path.lineTo(...points[b]);
    }
    context.globalAlpha = alpha * 0.55;
    context.strokeStyle = "#10141a";
    context.lineWidth = stroke + 2;
    context.stroke(path);
    context.globalAlpha = alpha;
    context.strokeStyle = colour;
    context.lineWidth = stroke;
    context.stroke(path);
  }
  context.globalAlpha = 1;
  drawDots(context, points, seen, colour, stroke, size);
  if (label) drawLabel(context, String(face.id), points, colour, size);
}

function drawDots(context, points, seen, colour, stroke, size) {
  if (size < 120) return;
  for (const [index, [x, y]] of points.entries()) {
    context.beginPath();
    context.arc(x, y, stroke * 1.25, 0, 2 * Math.PI);
    context.fillStyle = "#ffffff";
    context.strokeStyle = colour;
    context.lineWidth = stroke / 2;
    if (seen(index)) context.fill();
    else context.stroke();
  }
}

function drawLabel(context, text, points, colour, size) {
  const height = Math.max(13, Math.min(24, size / 9)) * (globalThis.devicePixelRatio || 1) ** 0.5;
  const [left, top] = [Math.min(...points.map(([x]) => x)), Math.min(...points.map(([, y]) => y))];
  context.font = `600 ${height * 0.72}px system-ui, sans-serif`;
  const width = context.measureText(text).width + height * 0.8;
  const y = Math.max(2, top - height * 1.5);
  context.fillStyle = "rgb(12 16 22 / .78)";
  context.beginPath();
  context.roundRect(Math.max(2, left), y, width, height, height / 3);
  context.fill();
  context.fillStyle = colour;
  context.textBaseline = "middle";
  context.fillText(text, Math.max(2, left) + height * 0.4, y + height / 2 + 1);
}
