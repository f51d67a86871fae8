// The live picture with its points; on black where the picture is not wanted.
import { drawFace } from "./drawing.js";

export class Stage {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.edges = [];
    this.mirror = false;
    this.busy = false;
    this.said = "";
  }

  // Draw a frame with its picture, a Blob or null; the newest one if the last is still being decoded.
  async show(frame, picture) {
    this.next = [frame, picture];
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.next) {
        const [newest, blob] = this.next;
        this.next = null;
        const bitmap = blob && (await createImageBitmap(blob).catch(() => null));
        this.draw(newest, bitmap);
        bitmap?.close();
      }
    } finally {
      this.busy = false;
    }
  }

  draw(frame, bitmap) {
    const { canvas, context } = this;
    const ratio = `${frame.width} / ${frame.height}`;
    if (canvas.style.aspectRatio !== ratio) canvas.style.aspectRatio = ratio;
    const shown = canvas.clientWidth * (globalThis.devicePixelRatio || 1);
    const width = Math.max(1, Math.round(Math.min(shown, 1600)));
    const height = Math.max(1, Math.round((width * frame.height) / frame.width));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#07090c";
    context.fillRect(0, 0, width, height);
    if (bitmap) {
      context.save();
      if (this.mirror) context.setTransform(-1, 0, 0, 1, width, 0);
      context.drawImage(bitmap, 0, 0, width, height);
      context.restore();
    }
    const scale = width / frame.width; // pixel centres are whole numbers in the frame, halves on the canvas
    const place = { x: scale / 2, y: scale / 2, scale, mirror: this.mirror, width: frame.width };
    for (const face of frame.faces) drawFace(context, face, this.edges, place);
    this.tell(frame.faces.length);
  }

  tell(faces) {
    const text = faces === 0 ? "No face in the picture" : faces === 1 ? "One face in the picture" : `${faces} faces in the picture`;
    if (text !== this.said) this.canvas.setAttribute("aria-label", (this.said = text));
  }
}
