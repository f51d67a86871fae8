// One card for each person: what they do now, and what it adds up to.
import { UNKNOWN, clock, colourOf, element, fixed, percent, reasons } from "./format.js";

const DRAW_EVERY_MS = 120;
const GONE_AFTER_S = 8;
const METERS = [
  ["right eye", (s) => s.eyes.right.openness, ""], ["left eye", (s) => s.eyes.left.openness, ""],
  ["mouth", (s) => s.mouth.openness, "c2"], ["smile", (s) => s.smile.prob, "c2"],
  ["attention", (s) => s.attention.share, "c3"],
];
const CHIPS = [
  [(s) => s.mouth.speaking, "speaking", ""], [(s) => s.smile.smiling, "smiling", "good"],
  [(s) => s.mouth.yawning, "yawning", "warn"], [(s) => s.eyes.closed_s >= 0.5, "eyes closed", "bad"],
  [(s) => s.eyes.lids === "lowered", "eyes lowered", ""], [(s) => s.attention.on_target === false, "looks away", "warn"],
  [(s) => s.attention.distracted, "distracted", "bad"],
];
const SVG = "http://www.w3.org/2000/svg";

export class People {
  constructor(list, nobody, count) {
    Object.assign(this, { list, nobody, count, cards: new Map(), drawnMs: 0 });
  }

  show(frame) {
    for (const face of frame.faces) {
      if (!face.signals) continue;
      if (!this.cards.has(face.id)) this.add(face.id, frame.time_s);
      this.cards.get(face.id).take(face, frame.time_s);
    }
    const now = performance.now();
    if (now - this.drawnMs < DRAW_EVERY_MS) return;
    this.drawnMs = now;
    for (const [id, card] of this.cards) {
      if (frame.time_s - card.lastS > GONE_AFTER_S || frame.time_s < card.sinceS) this.remove(id);
      else card.draw(frame.time_s);
    }
    const present = frame.faces.length;
    if (this.count.textContent !== String(present)) this.count.textContent = present;
    this.nobody.hidden = this.cards.size > 0;
  }

  add(id, timeS) {
    const card = new Card(id, timeS);
    this.cards.set(id, card);
    const after = [...this.cards.values()].find((other) => other.id > id);
    this.list.insertBefore(card.root, after?.root ?? null);
  }

  remove(id) {
    this.cards.get(id)?.root.remove();
    this.cards.delete(id);
  }

  clear() {
    for (const id of [...this.cards.keys()]) this.remove(id);
    this.nobody.hidden = false;
    this.count.textContent = "0";
  }
}

class Card {
  constructor(id, timeS) {
    Object.assign(this, { id, sinceS: timeS, lastS: timeS });
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = colourOf(id);
    this.since = element("span", { className: "since" });
    this.chips = element("div", { className: "chips" });
    this.meters = METERS.map(([name, , colour]) => meter(name, colour));
    this.dial = dial();
    this.angles = element("p", { className: "angles" });
    this.level = element("b");
    this.score = element("span", { className: "score" });
    this.why = element("p", { className: "why" });
    this.fatigue = element("div", { className: "fatigue" }, element("p", { className: "line" }, "Fatigue ", this.level, this.score), this.why);
    this.totals = ["blinks/min", "PERCLOS", "on target"].map((name) => total(name));
    this.root = element("article", { className: "person" },
      element("header", {}, swatch, element("h3", { textContent: `Person ${id}` }), this.since), this.chips,
      element("div", { className: "body" }, element("dl", { className: "meters" }, ...this.meters.map((m) => m.root)),
        element("div", {}, this.dial.root, this.angles, element("p", { className: "angles", textContent: "yaw · pitch · roll" }))),
      this.fatigue, element("dl", { className: "totals" }, ...this.totals.map((t) => t.root)));
    this.root.setAttribute("aria-label", `Person ${id}`);
  }

  take(face, timeS) {
    this.face = face;
    this.lastS = timeS;
  }

  draw(nowS) {
    const { signals } = this.face;
    const away = nowS - this.lastS > 0.3;
    this.root.classList.toggle("away", away);
    set(this.since, away ? `away ${clock(nowS - this.lastS)}` : `in view ${clock(nowS - this.sinceS)}`);
    const chips = CHIPS.filter(([holds]) => holds(signals)).map(([, name, kind]) => [name, kind]);
    if (chips.length === 0) chips.push(["at rest", ""]);
    const key = chips.map(([name]) => name).join();
    if (this.shownChips !== key) {
      this.shownChips = key;
      this.chips.replaceChildren(...chips.map(([name, kind]) => element("span", { className: `chip ${kind}`, textContent: name })));
    }
    METERS.forEach(([, read], index) => this.meters[index].set(read(signals)));
    this.drawHead(this.face.pose, signals);
    this.drawFatigue(signals.fatigue, signals);
    set(this.totals[0].value, fixed(signals.eyes.blink_rate_per_min, 0));
    set(this.totals[1].value, percent(signals.perclos_p80_60s));
    set(this.totals[2].value, signals.attention.on_target === null ? UNKNOWN : signals.attention.on_target ? "yes" : "no");
  }

  drawHead(pose, signals) {
    const head = signals.head.yaw_deg === null && pose ? pose : signals.head;
    this.dial.set(head, signals.attention.on_target);
    const angle = (value) => (value === null ? UNKNOWN : `${Math.round(value)}°`);
    set(this.angles, `${angle(head.yaw_deg)} · ${angle(head.pitch_deg)} · ${angle(head.roll_deg)}`);
  }

  drawFatigue(fatigue) {
    const known = fatigue.level !== null;
    this.fatigue.dataset.level = fatigue.level ?? "";
    set(this.level, known ? fatigue.level : "not known yet");
    set(this.score, known ? fatigue.score.toFixed(2) : "");
    set(this.why, known ? reasons(fatigue.parts).join(" · ") || "no signs of it" : "needs 20 s of seen eyes");
  }
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function meter(name, colour) {
  const fill = element("span", { className: `bar-fill ${colour}` });
  const value = element("dd");
  const root = element("div", { className: "meter" }, element("dt", { textContent: name }), element("span", { className: "track" }, fill), value);
  return {
    root,
    set(share) {
      fill.style.transform = `scaleX(${share ?? 0})`;
      set(value, share === null ? UNKNOWN : share.toFixed(2));
    },
  };
}

function total(name) {
  const value = element("dd", { textContent: UNKNOWN });
  return { root: element("div", {}, element("dt", { textContent: name }), value), value };
}

// Where the head points: yaw to the sides, pitch up and down, 45 degrees to the rim; the line tilts with the roll.
function dial() {
  const root = svg("svg", { viewBox: "-50 -50 100 100", class: "dial", "aria-hidden": "true" },
    svg("circle", { class: "ring", r: 48 }), svg("rect", { class: "zone", x: -21, y: -16, width: 42, height: 32, rx: 6 }));
  const needle = svg("g", {}, svg("line", { class: "level", x1: -17, x2: 17, y1: 0, y2: 0 }), svg("circle", { class: "needle", r: 6 }));
  root.append(needle);
  return {
    root,
    set(head, onTarget) {
      const known = head.yaw_deg !== null;
      const [x, y] = known ? [head.yaw_deg, -head.pitch_deg].map((deg) => Math.max(-40, Math.min(40, (48 / 45) * deg))) : [0, 0];
      needle.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${(head.roll_deg ?? 0).toFixed(1)})`);
      needle.style.opacity = known ? 1 : 0.25;
      root.classList.toggle("off", onTarget === false);
    },
  };
}

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
