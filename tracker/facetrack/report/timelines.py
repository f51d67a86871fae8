"""One person's timelines as one SVG: a row for each signal, all over the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facetrack.report.person import Person
from facetrack.report.svg import Scale, clock, curve, element, time_ticks
from facetrack.types import Event

WIDTH, LEFT, RIGHT, TOP = 1120, 204, 16, 26
ROW, STRIP, SPACE = 62, 9, 22
"""px of the drawing: height of a curve's field, of one strip of states, and between rows."""
MAX_TICKS = 11
TIRED_PERCLOS, DROWSY_PERCLOS = 0.08, 0.12
"""Advisory and warning of the Copilot (Grace and Steward 2001), as in _assets/fatigue.toml."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve of `Signals`, the class of its colour, and its name in the legend."""

    signal: str
    class_: str
    name: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A state of `Signals`, drawn as a bar below the row where it holds."""

    signal: str
    state: str | bool
    class_: str
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """ticks: labelled lines across; limits: dashed ones, with their classes. kinds: events that are marked."""

    title: str
    low: float
    high: float
    ticks: Sequence[float]
    lines: Sequence[Line]
    strips: Sequence[Sequence[Strip]] = ()
    kinds: Sequence[str] = ()
    unit: str = ""
    limits: Sequence[tuple[float, str]] = ()

    @property
    def height(self) -> int:
        return ROW + STRIP * len(self.strips)


def rows(person: Person) -> list[Row]:
    """Return the rows in their order; ranges fit the person's where no natural one exists."""
    perclos = _most(person, "perclos_p80_60s")
    blinks = _most(person, "eyes.blink_rate_per_min")
    turn = max(_most(person, "head.yaw_deg"), _most(person, "head.pitch_deg"))
    top_deg = next((deg for deg in (30, 45, 60) if turn <= deg), 90)
    top_perclos = next((top for top in (0.2, 0.5) if perclos <= top), 1.0)
    top_blinks = next((top for top in (30, 60) if blinks <= top), 120)
    closures = ("blink", "wink_right", "wink_left", "long_closure", "microsleep")
    return [
        Row("Eye openness", 0, 1, (0, 0.5, 1),
            [Line("eyes.right.openness", "c1", "right"), Line("eyes.left.openness", "c2", "left")],
            kinds=(*closures, "eyes_down")),
        Row("PERCLOS P80, 60 s", 0, top_perclos, (0, DROWSY_PERCLOS, top_perclos),
            [Line("perclos_p80_60s", "c1", "share of time closed")], unit="%",
            limits=((TIRED_PERCLOS, "warn"), (DROWSY_PERCLOS, "bad"))),
        Row("Blinks per minute", 0, top_blinks, (0, top_blinks / 2, top_blinks),
            [Line("eyes.blink_rate_per_min", "c1", "of the last 60 s")]),
        Row("Mouth", 0, 1, (0, 0.5, 1), [Line("mouth.openness", "c1", "openness")],
            [[Strip("mouth.speaking", True, "f3", "speaking"),
               Strip("mouth.yawning", True, "f2", "yawning")]], ("yawn",)),
        Row("Smile", 0, 1, (0, 0.5, 1), [Line("smile.prob", "c1", "reading")],
            [[Strip("smile.smiling", True, "f3", "smiling")]]),
        Row("Head", -top_deg, top_deg, (-top_deg, 0, top_deg),
            [Line("head.yaw_deg", "c1", "yaw"), Line("head.pitch_deg", "c2", "pitch")],
            kinds=("nod", "shake", "nod_off"), unit="°"),
        Row("Attention", 0, 1, (0, 0.5, 1), [Line("attention.share", "c1", "share on target, 60 s")],
            [[Strip("attention.on_target", True, "good", "on target"),
              Strip("attention.on_target", False, "warn", "away")]],
            ("glance_away", "distraction", "facing_away")),
        Row("Fatigue", 0, 1, (0, 0.3, 0.6, 1), [Line("fatigue.score", "c1", "value")],
            [[Strip("fatigue.level", "alert", "good", "alert"), Strip("fatigue.level", "tired", "warn", "tired"),
              Strip("fatigue.level", "drowsy", "bad", "drowsy")]]),
    ]  # fmt: skip


def timelines(person: Person, start_s: float, end_s: float) -> str:
    """Render the SVG over start_s to end_s. Names and times of events show under the pointer."""
    x = Scale(start_s, max(end_s, start_s + 1e-3), LEFT, WIDTH - RIGHT)
    shown = rows(person)
    height = TOP + sum(row.height + SPACE for row in shown)
    parts = [_axis(x, height)]
    top = TOP
    for row in shown:
        parts.append(_row(row, person, x, top))
        top += row.height + SPACE
    name = f"Timelines of person {person.track_id}"
    description = f"From {clock(start_s)} to {clock(end_s)}: " + ", ".join(row.title for row in shown)
    return element(
        "svg", element("title", text=name), element("desc", text=description), *parts,
        viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=f"{name}. {description}",
    )  # fmt: skip


def _axis(x: Scale, height: int) -> str:
    parts = []
    for time_s in time_ticks(x.low, x.high, MAX_TICKS):
        at = x(time_s)
        parts.append(element("line", x1=at, x2=at, y1=TOP - 6, y2=height - SPACE, class_="grid"))
        parts.append(element("text", text=clock(time_s), x=at, y=TOP - 12, class_="tick mid"))
    return "".join(parts)


def _row(row: Row, person: Person, x: Scale, top: int) -> str:
    y = Scale(row.low, row.high, top + ROW, top)
    parts = [
        element("rect", x=LEFT, y=top, width=WIDTH - RIGHT - LEFT, height=ROW, class_="field"),
        element("text", text=row.title, x=0, y=top + 13, class_="title"),
        _legend(row, top + 31),
    ]
    for value in row.ticks:
        label = f"{100 * value:.0f} %" if row.unit == "%" else f"{value:g}{row.unit}"
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(value), y2=y(value), class_="grid"))
        parts.append(element("text", text=label, x=LEFT - 6, y=y(value) + 3.5, class_="tick end"))
    for value, class_ in row.limits:
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(value), y2=y(value), class_=f"limit {class_}"))
    parts += [_mark(event, x, top) for event in person.of_kind(*row.kinds)]
    parts += [curve(person.curves[line.signal].runs(), x, y, line.class_) for line in row.lines]
    if all(person.curves[line.signal].extremes() is None for line in row.lines):
        parts.append(element("text", text="not known in this clip", x=LEFT + 10, y=top + 20, class_="none"))
    for index, strips in enumerate(row.strips):
        parts += [_strip(strip, person, x, top + ROW + 2 + STRIP * index) for strip in strips]
    return "".join(parts)


def _legend(row: Row, y: int) -> str:
    """Colours and names: short lines for curves, squares for states."""
    parts = []
    for line in row.lines:
        parts.append(element("line", x1=0, x2=14, y1=y - 4, y2=y - 4, class_=f"line {line.class_}"))
        parts.append(element("text", text=line.name, x=19, y=y, class_="key"))
        y += 14
    at = 0
    for strip in (strip for strips in row.strips for strip in strips):
        parts.append(element("rect", x=at, y=y - 9, width=8, height=8, class_=strip.class_))
        parts.append(element("text", text=strip.name, x=at + 11, y=y - 1, class_="key"))
        at += 19 + 6 * len(strip.name)
    return "".join(parts)


def _strip(strip: Strip, person: Person, x: Scale, top: int) -> str:
    spans = [span for span in person.states[strip.signal].all() if span.state == strip.state]
    return "".join(
        element(
            "rect", element("title", text=f"{strip.name}, {clock(span.start_s)} to {clock(span.end_s)}"),
            x=x(span.start_s), y=top, width=max(0.75, x(span.end_s) - x(span.start_s)), height=STRIP - 2,
            class_=strip.class_,
        )
        for span in spans
    )  # fmt: skip


def _mark(event: Event, x: Scale, top: int) -> str:
    """Draw a shaded stretch with a tick on its upper edge that stays visible when the stretch is a hair's breadth."""
    start, end = x(event.start_s), x(event.until_s)
    kind = "grave" if event.kind in ("long_closure", "microsleep", "nod_off", "distraction") else "plain"
    name = f"{event.kind.replace('_', ' ')} at {clock(event.start_s)}, {event.duration_s:.2f} s"
    middle = (start + end) / 2
    return element(
        "g", element("title", text=name),
        element("rect", x=start, y=top, width=max(1.0, end - start), height=ROW, class_="mark"),
        element("path", d=f"M{middle - 3.5:.1f} {top - 7}h7l-3.5 6z"),
        class_=kind,
    )  # fmt: skip


def _most(person: Person, signal: str) -> float:
    """Return the largest magnitude of a curve, 0 where nothing is known."""
    extremes = person.curves[signal].extremes()
    return max(abs(value) for value in extremes) if extremes else 0.0
