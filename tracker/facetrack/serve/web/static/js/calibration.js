// The guided calibration in a dialog, led by the server's state; a tone at each step, as eyes are closed in one.
import { element } from "./format.js";

const TITLES = { waiting: "Come into the picture", done: "Calibrated", failed: "That did not work" };

export class CalibrationDialog {
  // act: called with start or stop, returns a promise.
  constructor(act, say) {
    const find = (id) => document.getElementById(id);
    this.parts = { dialog: find("calibration"), instruction: find("instruction"), progress: find("progress"), steps: find("steps"),
      result: find("result"), download: find("download"), close: find("close") };
    this.act = act;
    this.say = say;
    this.step = null;
    this.parts.close.addEventListener("click", () => this.parts.dialog.close());
    this.parts.dialog.addEventListener("close", () => this.running && this.act("stop").catch(() => {}));
  }

  async open() {
    this.tones = new AudioContext();
    this.running = true;
    this.begun = false;
    this.step = null;
    const { parts } = this;
    parts.instruction.textContent = TITLES.waiting;
    parts.progress.value = 0;
    parts.result.textContent = "";
    parts.download.hidden = true;
    parts.close.textContent = "Cancel";
    parts.dialog.showModal();
    try {
      await this.act("start");
    } catch (error) {
      this.running = false;
      parts.dialog.close();
      this.say(error.message);
    }
  }

  take(state) {
    if (!this.running || !this.parts.dialog.open) return;
    const { parts } = this;
    this.begun ||= state.phase === "waiting" || state.phase === "running";
    if (!this.begun) return;
    const total = state.steps.reduce((sum, step) => sum + step.seconds, 0);
    parts.progress.max = total;
    parts.progress.value = state.phase === "running" ? total - state.left_s : state.phase === "done" ? total : 0;
    const text = state.phase === "running" && state.step !== null ? capital(state.steps[state.step].instruction) : TITLES[state.phase];
    if (text && parts.instruction.textContent !== text) parts.instruction.textContent = text;
    const current = state.phase === "done" ? state.steps.length : state.phase === "running" ? (state.step ?? state.steps.length) : -1;
    if (current !== this.step) this.next(current, state.steps);
    if (state.phase === "done" || state.phase === "failed") this.finish(state);
  }

  next(current, steps) {
    this.step = current;
    this.parts.steps.replaceChildren(...steps.map(({ instruction }, index) =>
      element("li", { textContent: capital(instruction), className: index < current ? "done" : index === current ? "now" : "" })));
    if (current >= 0) this.tone(current === steps.length ? 880 : 660);
  }

  finish(state) {
    const { parts } = this;
    this.running = false;
    parts.close.textContent = "Close";
    parts.result.textContent = state.message ? `${capital(state.message)}.` : "All levels were seen. They hold until the server ends.";
    if (state.phase !== "done") return;
    parts.download.href = URL.createObjectURL(new Blob([JSON.stringify(state.profile, null, 2)], { type: "application/json" }));
    parts.download.hidden = false;
  }

  tone(hertz) {
    const oscillator = new OscillatorNode(this.tones, { frequency: hertz });
    const gain = new GainNode(this.tones, { gain: 0.12 });
    oscillator.connect(gain).connect(this.tones.destination);
    oscillator.start();
    oscillator.stop(this.tones.currentTime + 0.16);
  }
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
