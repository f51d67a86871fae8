// The last minute of one person's signals, each row a canvas.
import { UNKNOWN, element } from "./format.js";

const SPAN_S = 60;
const DRAW_EVERY_MS = 100;
const ROWS = [
  { title: "Eyes", low: 0, high: 1, grid: [0.5], kinds: ["blink", "long_closure", "microsleep"],
    lines: [["right", (f) => f.signals.eyes.right.openness], ["left", (f) => f.signals.eyes.left.openness]] },
  { title: "Mouth and smile", low: 0, high: 1, grid: [0.5], kinds: ["yawn", "speech", "smile"],
    lines: [["opening", (f) => f.signals.mouth.openness], ["smile", (f) => f.signals.smile.prob]] },
  { title: "Head", low: -45, high: 45, grid: [0], unit: "°", kinds: ["glance_away", "distraction", "nod", "shake"],
    lines: [["yaw", (f) => f.signals.head.yaw_deg ?? f.pose?.yaw_deg ?? null], ["pitch", (f) => f.signals.head.pitch_deg ?? f.pose?.pitch_deg ?? null]] },
  { title: "Attention and fatigue", low: 0, high: 1, grid: [0.3, 0.6],
    lines: [["attention", (f) => f.signals.attention.share], ["fatigue", (f) => f.signals.fatigue.score], ["PERCLOS", (f) => f.signals.perclos_p80_60s]] },
];

export class Timelines {
  constructor(root, select) {
    this.select = select;
    this.histories = new Map();
    this.drawnMs = 0;
    this.rows = ROWS.map((row) => new Row(row));
    root.append(...this.rows.map((row) => row.root));
  }

  take(frame) {
    for (const face of frame.faces) {
      if (!face.signals) continue;
      if (!this.histories.has(face.id)) this.histories.set(face.id, { samples: [], events: [] });
      const { samples } = this.histories.get(face.id);
      samples.push([frame.time_s, ROWS.flatMap((row) => row.lines.map(([, read]) => read(face)))]);
      while (samples.length > 2 && samples[0][0] < frame.time_s - SPAN_S - 1) samples.shift();
    }
    this.nowS = frame.time_s;
    if (performance.now() - this.drawnMs >= DRAW_EVERY_MS && !document.hidden) this.draw();
  }

  takeEvent(event) {
    const history = this.histories.get(event.id);
    if (!history || event.phase !== "ended") return;
    history.events.push(event);
    if (history.events.length > 200) history.events.shift();
  }

  draw() {
    this.drawnMs = performance.now();
    for (const [id, { samples }] of this.histories) if (samples.at(-1)[0] < this.nowS - SPAN_S) this.histories.delete(id);
    this.offer();
    const history = this.histories.get(Number(this.select.value));
    let column = 0;
    for (const row of this.rows) {
      row.draw(history, this.nowS, column);
      column += row.row.lines.length;
    }
  }

  offer() {
    const ids = [...this.histories.keys()].sort((a, b) => a - b);
    if (ids.join() === this.offered) return;
    this.offered = ids.join();
    const chosen = ids.includes(Number(this.select.value)) ? this.select.value : String(ids[0] ?? "");
    this.select.replaceChildren(...ids.map((id) => element("option", { value: id, textContent: `Person ${id}` })));
    this.select.value = chosen;
    this.select.disabled = ids.length === 0;
  }

  clear() {
    this.histories.clear();
    this.draw();
  }
}

class Row {
  constructor(row) {
    this.row = row;
    this.keys = row.lines.map(([name], index) => element("span", { className: `key c${index + 1}`, textContent: name }));
    this.canvas = element("canvas");
    this.canvas.setAttribute("role", "img");
    this.root = element("div", { className: "timeline" },
      element("div", { className: "keys" }, element("strong", { textContent: row.title }), ...this.keys), this.canvas);
  }

  draw(history, nowS, column) {
    const { canvas, row } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, width, height);
    const x = (timeS) => width * (1 - (nowS - timeS) / SPAN_S);
    const y = (value) => height * (0.94 - (0.88 * (Math.max(row.low, Math.min(row.high, value)) - row.low)) / (row.high - row.low));
    context.strokeStyle = style.getPropertyValue("--rule");
    context.lineWidth = ratio;
    for (const level of row.grid) line(context, [[0, y(level)], [width, y(level)]]);
    for (let back = 15; back < SPAN_S; back += 15) line(context, [[x(nowS - back), 0], [x(nowS - back), height]]);
    if (history) this.drawEvents(context, history.events, x, height, style);
    row.lines.forEach(([name], index) => {
      context.strokeStyle = style.getPropertyValue(`--c${index + 1}`);
      context.lineWidth = 1.6 * ratio;
      if (history) this.drawLine(context, history.samples, column + index, x, y);
      this.tell(index, name, history?.samples.at(-1)?.[1][column + index]);
    });
  }

  drawLine(context, samples, column, x, y) {
    let run = [];
    let lastS = -Infinity;
    for (const [timeS, values] of samples) {
      if (values[column] === null || timeS - lastS > 1) {
        line(context, run);
        run = [];
      }
      if (values[column] !== null) run.push([x(timeS), y(values[column])]);
      lastS = timeS;
    }
    line(context, run);
  }

  drawEvents(context, events, x, height, style) {
    context.fillStyle = style.getPropertyValue("--warn");
    context.globalAlpha = 0.22;
    for (const event of events) {
      if (!this.row.kinds?.includes(event.kind)) continue;
      context.fillRect(x(event.start_s), 0, Math.max(2, x(event.end_s) - x(event.start_s)), height);
    }
    context.globalAlpha = 1;
  }

  tell(index, name, value) {
    const known = value !== null && value !== undefined;
    const text = `${name} ${known ? (this.row.unit ? `${Math.round(value)}${this.row.unit}` : value.toFixed(2)) : UNKNOWN}`;
    if (this.keys[index].textContent === text) return;
    this.keys[index].textContent = text;
    this.canvas.setAttribute("aria-label", `${this.row.title}, last minute: ${this.keys.map((key) => key.textContent).join(", ")}`);
  }
}

function line(context, points) {
  if (points.length < 2) return;
  context.beginPath();
  context.moveTo(...points[0]);
  for (const point of points.slice(1)) context.lineTo(...point);
  context.stroke();
}
