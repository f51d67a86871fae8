// What began and ended, newest first; grave ones are also spoken by screen readers.
import { GRAVE, WARNING, clock, colourOf, element, eventName } from "./format.js";

const MOST = 100;

export class Events {
  constructor({ list, empty, spoken, blinks }) {
    Object.assign(this, { list, empty, spoken, blinks, going: new Map() });
    blinks.addEventListener("change", () => this.filter());
  }

  take(event) {
    const key = `${event.id} ${event.kind}`;
    const begun = this.going.get(key);
    if (event.phase === "began") {
      const item = this.item(event);
      this.going.set(key, item);
      this.list.prepend(item);
      if (GRAVE.has(event.kind) || WARNING.has(event.kind)) this.spoken.textContent = `Person ${event.id}: ${eventName(event.kind)}`;
    } else if (begun?.isConnected) {
      begun.replaceWith(this.item(event));
      this.going.delete(key);
    } else this.list.prepend(this.item(event));
    while (this.list.children.length > MOST) this.list.lastChild.remove();
    this.empty.hidden = true;
    this.filter();
  }

  item(event) {
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = colourOf(event.id);
    const grade = GRAVE.has(event.kind) ? "grave" : WARNING.has(event.kind) ? "warn" : "";
    const what = element("span", { className: "what", textContent: eventName(event.kind) }, element("span", { className: "unseen", textContent: `, person ${event.id}` }));
    const how = element("span", { className: "how", textContent: lasting(event) });
    const item = element("li", { className: grade }, swatch, what, how, element("time", { textContent: clock(event.start_s) }));
    item.dataset.kind = event.kind;
    return item;
  }

  filter() {
    for (const item of this.list.children) item.hidden = item.dataset.kind === "blink" && !this.blinks.checked;
  }

  clear() {
    this.going.clear();
    this.list.replaceChildren();
    this.empty.hidden = false;
  }
}

function lasting(event) {
  if (event.end_s === null) return "goes on";
  const seconds = event.end_s - event.start_s;
  return seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`;
}
