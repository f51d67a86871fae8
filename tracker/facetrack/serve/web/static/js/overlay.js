// Points alone on a transparent ground, for OBS: ?camera=NAME&mirror=1&picture=1&labels=0&rate=30
import { Connection, ask } from "./connection.js";
import { drawFace } from "./drawing.js";

const query = new URLSearchParams(location.search);
const flag = (name, usual) => (query.get(name) ?? usual) === "1";
const canvas = document.getElementById("overlay");
const context = canvas.getContext("2d");
let edges = [];

async function draw(frame, picture) {
  const bitmap = picture && (await createImageBitmap(picture).catch(() => null));
  const ratio = globalThis.devicePixelRatio || 1;
  const [width, height] = [Math.round(innerWidth * ratio), Math.round(innerHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const scale = Math.min(width / frame.width, height / frame.height);
  const [left, top] = [(width - scale * frame.width) / 2, (height - scale * frame.height) / 2];
  const mirror = flag("mirror", "0");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  if (bitmap) {
    if (mirror) context.setTransform(-1, 0, 0, 1, width, 0);
    context.drawImage(bitmap, left, top, scale * frame.width, scale * frame.height);
    context.setTransform(1, 0, 0, 1, 0, 0);
    bitmap.close();
  }
  const place = { x: left + scale / 2, y: top + scale / 2, scale, mirror, width: frame.width };
  for (const face of frame.faces) drawFace(context, face, edges, place, { label: flag("labels", "1") });
  globalThis.facetrack = { newest: frame, drawn: performance.now() };
}

const camera = query.get("camera") ?? (await ask("/api/cameras")).cameras[0]?.name ?? "camera";
const topics = flag("picture", "0") ? ["points", "picture"] : ["points"];
new Connection(camera, topics, {
  hello: (message) => (edges = message.edges),
  frame: draw,
  lost: () => context.clearRect(0, 0, canvas.width, canvas.height),
});
