"""One person's timelines: a chart for each signal, all over the same time, as numbers for the page's template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facetrack.report.person import Person
from facetrack.report.series import Span
from facetrack.report.svg import Scale, band_path, clock, line_path, time_ticks
from facetrack.types import Event
from facetrack.types.text import duration_text

WIDTH, ROW = 1000, 60
"""Of a chart's drawing, which the page stretches to its width; ROW is its height in px."""
MAX_TICKS = 8
LEAST_WIDTH = 0.75
"""Of a stretch that would be too narrow to see."""
GRAVE = ("long_closure", "microsleep", "nod_off", "distraction")
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


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled line: across at y px, or of the time at `share` % of the width."""

    text: str
    y: float = 0.0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """A dashed line across at y px."""

    class_: str
    y: float


@dataclass(frozen=True, slots=True)
class Key:
    """A state in the legend."""

    class_: str
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of WIDTH with its class and what the pointer shows; middle: of it, % of the width."""

    x: float
    width: float
    class_: str
    text: str

    @property
    def middle(self) -> float:
        return round(100 * (self.x + self.width / 2) / WIDTH, 2)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A curve: the `d` of its line and, where readings differ within a bin, of its band."""

    class_: str
    name: str
    line: str
    band: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A row of the timelines as numbers. keys: the states of its strips; strips: stretches, one list a strip."""

    title: str
    low: float
    high: float
    unit: str
    ticks: Sequence[Tick]
    limits: Sequence[Limit]
    marks: Sequence[Mark]
    curves: Sequence[Drawn]
    keys: Sequence[Key]
    strips: Sequence[Sequence[Mark]]
    height: int = ROW


@dataclass(frozen=True, slots=True)
class Timelines:
    """The charts of what is known of a person; unknown: titles of the others."""

    start_s: float
    end_s: float
    ticks: Sequence[Tick]
    charts: Sequence[Chart]
    unknown: Sequence[str]


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


def timelines(person: Person, start_s: float, end_s: float) -> Timelines:
    """Return the charts over start_s to end_s."""
    x = Scale(start_s, max(end_s, start_s + 1e-3), 0, WIDTH)
    known = [row for row in rows(person) if _is_known(row, person)]
    ticks = [
        Tick(clock(time_s), share=round(100 * x(time_s) / WIDTH, 2)) for time_s in time_ticks(x.low, x.high, MAX_TICKS)
    ]
    unknown = [row.title for row in rows(person) if not _is_known(row, person)]
    return Timelines(start_s, end_s, ticks, [_chart(row, person, x) for row in known], unknown)


def _is_known(row: Row, person: Person) -> bool:
    """Return whether there is anything to draw: a reading, or a state."""
    curves = any(person.curves[line.signal].extremes() is not None for line in row.lines)
    return curves or any(_stretches(strip, person) for strips in row.strips for strip in strips)


def _chart(row: Row, person: Person, x: Scale) -> Chart:
    y = Scale(row.low, row.high, ROW, 0)
    strips = [strip for strips in row.strips for strip in strips]
    return Chart(
        row.title, row.low, row.high, row.unit,
        [Tick(_label(value, row.unit), y=y(value)) for value in row.ticks],
        [Limit(class_, y(value)) for value, class_ in row.limits],
        [_mark(event, x) for event in person.of_kind(*row.kinds)],
        [_drawn(line, person, x, y) for line in row.lines],
        [Key(strip.class_, strip.name) for strip in strips if _stretches(strip, person)],
        [[_span(strip, span, x) for strip in strips for span in _stretches(strip, person)] for strips in row.strips],
    )  # fmt: skip


def _label(value: float, unit: str) -> str:
    return f"{100 * value:.0f} %" if unit == "%" else f"{value:g}{unit}"


def _drawn(line: Line, person: Person, x: Scale, y: Scale) -> Drawn:
    runs = person.curves[line.signal].runs()
    means = [[(x(r.time_s), y(r.mean)) for r in run] for run in runs]
    bands = [
        band_path([(x(r.time_s), y(r.high)) for r in run], [(x(r.time_s), y(r.low)) for r in run])
        for run in runs
        if any(r.high > r.low for r in run)
    ]
    return Drawn(line.class_, line.name, line_path(means), "".join(bands))


def _stretches(strip: Strip, person: Person) -> list[Span]:
    return [span for span in person.states[strip.signal].all() if span.state == strip.state]


def _span(strip: Strip, span: Span, x: Scale) -> Mark:
    text = f"{strip.name}, {clock(span.start_s)} to {clock(span.end_s)}"
    return _stretch(x(span.start_s), x(span.end_s), strip.class_, text)


def _mark(event: Event, x: Scale) -> Mark:
    """Return an event's stretch, which has a flag above it: the stretch itself may be a hair's breadth."""
    kind = "grave" if event.kind in GRAVE else "plain"
    name = f"{event.kind.replace('_', ' ')} at {clock(event.start_s)}, {duration_text(event.duration_s)}"
    return _stretch(x(event.start_s), x(event.until_s), kind, name)


def _stretch(start: float, end: float, class_: str, text: str) -> Mark:
    return Mark(round(start, 2), round(max(LEAST_WIDTH, end - start), 2), class_, text)


def _most(person: Person, signal: str) -> float:
    """Return the largest magnitude of a curve, 0 where nothing is known."""
    extremes = person.curves[signal].extremes()
    return max(abs(value) for value in extremes) if extremes else 0.0
