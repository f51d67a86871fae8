// Words and numbers as people read them.
export const UNKNOWN = "–";

// The colours of drawing/faces.py, by the track's ID.
const COLOURS = ["#4fd5ff", "#80ff66", "#ffb04f", "#ff82e6", "#fffa78", "#6ea0ff", "#d2ffaa", "#ff9696"];
export const colourOf = (id) => COLOURS[(id - 1) % COLOURS.length];

export const percent = (share) => (share === null || share === undefined ? UNKNOWN : `${Math.round(100 * share)} %`);
export const fixed = (value, digits) => (value === null || value === undefined ? UNKNOWN : value.toFixed(digits));

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

const EVENTS = {
  long_closure: "Eyes closed", eyes_down: "Eyes lowered", wink_right: "Right wink", wink_left: "Left wink",
  nod_off: "Nodding off", glance_away: "Glance away", facing_away: "Facing away", shake: "Head shake",
};
export const GRAVE = new Set(["microsleep", "nod_off"]);
export const WARNING = new Set(["long_closure", "distraction", "yawn"]);

export function eventName(kind) {
  return EVENTS[kind] ?? kind[0].toUpperCase() + kind.slice(1).replaceAll("_", " ");
}

const PARTS = {
  perclos: "PERCLOS", microsleeps: "microsleeps", long_blinks: "long blinks", yawns: "yawns", nods: "nodding off",
  awake: "signs of being awake",
};

// The parts of the fatigue score that make a difference, the largest first.
export function reasons(parts) {
  return Object.entries(parts ?? {})
    .filter(([, value]) => Math.abs(value) >= 0.005)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
    .map(([name, value]) => `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)} ${PARTS[name] ?? name}`);
}

// An element with properties and children; texts are never read as HTML.
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
