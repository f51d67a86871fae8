// The dashboard: one source of results at a time, shown in all parts of the page.
import { BrowserCamera } from "./browser-camera.js";
import { CalibrationDialog } from "./calibration.js";
import { Connection, ask } from "./connection.js";
import { Events } from "./events.js";
import { UNKNOWN, element } from "./format.js";
import { People } from "./people.js";
import { Stage } from "./stage.js";
import { Timelines } from "./timelines.js";

const BROWSER = "\u0000browser";
const TOPICS = ["points", "pose", "signals", "events", "state"];
const find = (id) => document.getElementById(id);

const stage = new Stage(find("stage"));
const people = new People(find("cards"), find("nobody"), find("people-count"));
const timelines = new Timelines(find("timelines"), find("who"));
const events = new Events({ list: find("events"), empty: find("no-events"), spoken: find("spoken"), blinks: find("blinks") });
const page = { stage, newest: null, state: null, source: null, pictures: 0 };
globalThis.facetrack = page; // for the console and the tests
const dialog = new CalibrationDialog((action) => page.source.calibrate(page.camera, action), toast);

const take = {
  hello(message) {
    stage.edges = message.edges;
  },
  frame(frame, picture) {
    page.newest = frame;
    page.picture = picture;
    page.pictures += picture !== null;
    stage.show(frame, find("privacy").ariaPressed === "true" ? null : picture);
    people.show(frame);
    timelines.take(frame);
    notice("");
  },
  event(event) {
    events.take(event);
    timelines.takeEvent(event);
  },
  state(state) {
    page.state = state;
    showState(state);
    dialog.take(state.calibration);
  },
  error({ error }) {
    toast(error);
  },
  lost(reason) {
    showStatus("lost", page.camera === BROWSER ? "No camera" : "Not connected");
    notice(`${reason}.`);
  },
};

function follow(camera) {
  page.source?.close();
  people.clear();
  timelines.clear();
  events.clear();
  page.camera = camera;
  showStatus("waiting", "Connecting");
  notice(camera === BROWSER ? "Waiting for this browser's camera." : "");
  if (camera === BROWSER) page.source = new BrowserCamera(take);
  else {
    page.source = new Connection(camera, topics(), take);
    recall(camera);
  }
  remember("camera", camera);
}

const topics = () => (find("privacy").ariaPressed === "true" ? TOPICS : [...TOPICS, "picture"]);

// Events from before the page was opened.
async function recall(camera) {
  const { events: earlier } = await ask(`/api/state?camera=${encodeURIComponent(camera)}`).catch(() => ({ events: [] }));
  if (page.camera === camera && find("events").children.length === 0) for (const event of earlier) events.take(event);
}

function showState(state) {
  const live = state.state === "running" && (state.fps > 0 || page.camera === BROWSER);
  showStatus(live ? "live" : "lost", live ? "Live" : state.problem ? "Failed" : "No picture");
  if (!live && state.frames > 0) notice(state.problem || "The camera sends no picture; it is tried again.");
  find("fps").textContent = state.fps.toFixed(0);
  const trip = page.source.roundTripMs;
  find("latency-name").textContent = trip ? "round trip" : "latency";
  const latency = trip ?? state.latency_ms;
  find("latency").textContent = latency === null ? UNKNOWN : `${latency.toFixed(0)} ms`;
  find("dropped").textContent = state.dropped;
  showChoices(state);
}

function showChoices({ smoothing, smoothings, engine, engines, runs_on, choice }) {
  if (document.activeElement !== find("source")) find("source").value = choice;
  const slider = find("smoothing");
  slider.max = smoothings.length - 1;
  page.smoothings = smoothings;
  if (document.activeElement !== slider || !page.sliding) {
    slider.value = smoothings.indexOf(smoothing);
    nameSmoothing(smoothing);
  }
  const select = find("engine");
  if (select.dataset.known !== engines.join()) {
    select.dataset.known = engines.join();
    select.replaceChildren(...engines.map((name) => element("option", { value: name, textContent: name })));
  }
  if (!page.changingEngine) select.value = engine;
  find("engine-hint").textContent = page.changingEngine ? "Opening the networks ..." : runs_on ? `Runs on ${runs_on}.` : "";
}

function nameSmoothing(name) {
  find("smoothing-name").textContent = name;
  find("smoothing").setAttribute("aria-valuetext", name);
}

function showStatus(state, text) {
  find("status").dataset.state = state;
  if (find("status-text").textContent !== text) find("status-text").textContent = text;
}

function notice(text) {
  const node = find("notice");
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
}

let toastTimer;
function toast(text) {
  const node = find("toast");
  node.textContent = text;
  node.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (node.hidden = true), 6000);
}

const act = (promise, done) => promise.then(() => done && toast(done)).catch((error) => toast(error.message));

function toggle(id, changed) {
  const button = find(id);
  button.ariaPressed = String(remembered(id) === "true");
  button.addEventListener("click", () => {
    button.ariaPressed = String(button.ariaPressed !== "true");
    remember(id, button.ariaPressed);
    changed(button.ariaPressed === "true");
  });
  changed(button.ariaPressed === "true");
}

function remembered(name) {
  try {
    return localStorage.getItem(`facetrack ${name}`);
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`facetrack ${name}`, value);
  } catch {
    // private windows keep nothing
  }
}

toggle("privacy", () => page.source?.want(topics()));
toggle("mirror", (on) => (stage.mirror = on));
find("neutral").addEventListener("click", () => act(page.source.calibrate(page.camera, "neutral"), "This pose is straight ahead now."));
find("calibrate").addEventListener("click", () => dialog.open());
find("camera").addEventListener("change", ({ target }) => follow(target.value));
find("smoothing").addEventListener("input", ({ target }) => ((page.sliding = true), nameSmoothing(page.smoothings[target.value])));
find("smoothing").addEventListener("change", ({ target }) => {
  page.sliding = false;
  act(page.source.settings(page.camera, { smoothing: page.smoothings[target.value] }));
});
find("engine").addEventListener("change", async ({ target }) => {
  page.changingEngine = true;
  await act(page.source.settings(page.camera, { engine: target.value }), `Engine: ${target.value}`);
  page.changingEngine = false;
});
find("source").addEventListener("change", ({ target }) => act(ask("/api/cameras", { camera: page.camera, source: target.value })));

const THEMES = ["", "light", "dark"];
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  find("theme").setAttribute("aria-label", `Theme: ${theme || "as the system"}`);
  find("theme").title = find("theme").ariaLabel;
  remember("theme", theme);
}
setTheme(THEMES.includes(remembered("theme")) ? remembered("theme") : "");
find("theme").addEventListener("click", () => setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]));

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, dialog");
  const button = { p: "privacy", m: "mirror", n: "neutral", c: "calibrate" }[event.key];
  if (button && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) find(button).click();
});

async function start() {
  const [{ cameras, choices }, { browser_cameras }] = await Promise.all([ask("/api/cameras"), ask("/api/state")]);
  const options = cameras.map(({ name, source }) => element("option", { value: name, textContent: name === "camera" ? `Camera ${source}` : name }));
  if (browser_cameras.limit) options.push(element("option", { value: BROWSER, textContent: "This browser's camera" }));
  find("camera").replaceChildren(...options);
  find("source-row").hidden = choices.length < 2;
  find("source").replaceChildren(...choices.map(({ source, label }) => element("option", { value: source, textContent: label })));
  const values = options.map(({ value }) => value);
  if (values.length === 0) return notice("This server follows no camera.");
  const chosen = values.includes(remembered("camera")) ? remembered("camera") : values[0];
  find("camera").value = chosen;
  return follow(chosen);
}

start().catch((error) => {
  showStatus("lost", "Not connected");
  notice(`${error.message}.`);
});
