"""One person in the report: curves, states, events with pictures, and totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean

from facetrack.report.crops import RecentCrops
from facetrack.report.series import Curve, Spans
from facetrack.types import Event, Face, Image
from facetrack.types.text import duration_text

CURVES = (
    *("eyes.right.openness", "eyes.left.openness", "perclos_p80_60s", "eyes.blink_rate_per_min", "mouth.openness"),
    *("smile.prob", "head.yaw_deg", "head.pitch_deg", "attention.share", "fatigue.score"),
)
STATES = (
    *("mouth.speaking", "mouth.yawning", "smile.smiling", "attention.on_target", "attention.distracted"),
    "fatigue.level",
)
"""Paths in `Signals`."""
_CURVE_VALUES, _STATE_VALUES = attrgetter(*CURVES), attrgetter(*STATES)
MAX_PICTURES = 300
"""Pictures of one kind of event and person: an hour has a thousand blinks, and a page of them would not open."""
LEAST_S = 20.0
"""Least known time for a rate per minute (as in signals.eyes.blink_rate)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An event, and a JPEG of the face at picture_s, the nearest time to its middle of which one was left."""

    event: Event
    picture: bytes | None
    picture_s: float


class Person:
    """Collects one person's signals frame by frame. Memory: bounded but for the events."""

    def __init__(self, track_id: int) -> None:
        self.track_id = track_id
        self.curves = {name: Curve() for name in CURVES}
        self.states = {name: Spans() for name in STATES}
        self.seen, self.eyes_known, self.expression = Spans(), Spans(), Spans()
        self.events: list[Shown] = []
        self.fatigue_parts: Mapping[str, float] = {}  # when fatigue was highest
        self._highest = 0.0
        self.portrait: bytes | None = None
        self._portrait_turn_deg = float("inf")
        self._crops = RecentCrops()
        self._pictures: dict[str, int] = {}

    def add(self, time_s: float, face: Face, image: Image) -> None:
        """Take the person's next frame."""
        signals = face.signals
        for curve, value in zip(self.curves.values(), _CURVE_VALUES(signals), strict=True):
            curve.add(time_s, value)
        for spans, value in zip(self.states.values(), _STATE_VALUES(signals), strict=True):
            spans.add(time_s, value)
        self.seen.add(time_s, True)
        fatigue = signals.fatigue
        if fatigue.score is not None and fatigue.parts is not None and fatigue.score > self._highest:
            self._highest, self.fatigue_parts = fatigue.score, fatigue.parts
        self.expression.add(time_s, signals.likeliest_expression)
        eyes = signals.eyes.right.openness, signals.eyes.left.openness
        self.eyes_known.add(time_s, True if any(eye is not None for eye in eyes) else None)
        self._crops.add(time_s, image, face.box)
        self._keep_portrait(time_s, face)

    def _keep_portrait(self, time_s: float, face: Face) -> None:
        """Keep the picture in which the face looks straightest into the camera with its eyes open."""
        eyes = face.signals.eyes.right.openness, face.signals.eyes.left.openness
        if face.pose is None or any(eye is None or eye < 0.7 for eye in eyes):
            turn_deg = 180.0
        else:
            turn_deg = abs(face.pose.yaw_deg) + abs(face.pose.pitch_deg)
        if turn_deg < self._portrait_turn_deg and (crop := self._crops.nearest(time_s)) is not None:
            self._portrait_turn_deg, self.portrait = turn_deg, crop[1]

    def ended(self, event: Event) -> None:
        """Keep an event of this person that ended with the last frame."""
        crop = None
        if self._pictures.get(event.kind, 0) < MAX_PICTURES:
            crop = self._crops.nearest((event.start_s + event.until_s) / 2)
            self._pictures[event.kind] = self._pictures.get(event.kind, 0) + 1
        self.events.append(Shown(event, crop[1] if crop else None, crop[0] if crop else event.until_s))

    def of_kind(self, *kinds: str) -> list[Event]:
        return [shown.event for shown in self.events if shown.event.kind in kinds]


@dataclass(frozen=True, slots=True)
class Total:
    """One figure of a person: its name, the figure as text, and what it is of."""

    name: str
    value: str
    note: str = ""

    @property
    def is_known(self) -> bool:
        return self.value != UNKNOWN


UNKNOWN = "\N{EN DASH}"


def totals(person: Person) -> list[Total]:
    """Return the main figures; one that could not be known is a dash, with the reason beside it."""
    glances = person.of_kind("glance_away")
    states = person.states
    return [
        *_eyes(person),
        *_closures(person),
        _share("On target", states["attention.on_target"], "of the time in which the gaze was known"),
        Total("Longest glance away", _seconds(max((e.duration_s for e in glances), default=None)),
              f"of {len(glances)}"),
        Total("Distractions", str(len(person.of_kind("distraction"))), "3 s at once, or 10 s in 30 s"),
        Total("Yawns", str(len(person.of_kind("yawn")))),
        _share("Speaking", states["mouth.speaking"], "of the time in which the mouth was seen"),
        _share("Smiling", states["smile.smiling"], "of the time in which the mouth was seen"),
        *_expressions(person),
        _fatigue(person),
    ]  # fmt: skip


def _eyes(person: Person) -> list[Total]:
    blinks = person.of_kind("blink")
    known_s = person.eyes_known.total_s()
    rate = f"{60 * len(blinks) / known_s:.1f}" if known_s >= LEAST_S else UNKNOWN
    note = f"{len(blinks)} in {known_s:.1f} s of seen eyes" + ("" if known_s >= LEAST_S else "; a rate needs 20 s")
    mean_s = fmean(e.duration_s for e in blinks) if blinks else None
    return [
        Total("Blinks per minute", rate, note),
        Total("Mean blink", UNKNOWN if mean_s is None else duration_text(mean_s), "long closures apart"),
    ]


def _closures(person: Person) -> list[Total]:
    long = person.of_kind("long_closure")  # a microsleep is one, too
    extremes = person.curves["perclos_p80_60s"].extremes()
    perclos = Total("PERCLOS P80", UNKNOWN, "needs 20 s of seen eyes")
    if extremes is not None:
        perclos = Total("PERCLOS P80", f"{100 * extremes[1]:.1f} %", "highest over 60 s")
    longest = _seconds(max((e.duration_s for e in long), default=None))
    micro = len(person.of_kind("microsleep"))
    return [
        perclos,
        Total("Longest closure", longest, f"microsleeps: {micro}, other long closures: {len(long) - micro}"),
    ]


def _fatigue(person: Person) -> Total:
    extremes = person.curves["fatigue.score"].extremes()
    if extremes is None:
        return Total("Fatigue", UNKNOWN, "needs PERCLOS")
    level = next((name for name in ("drowsy", "tired", "alert") if person.states["fatigue.level"].total_s(name)), "")
    parts = [
        f"{name.replace('_', ' ')} {value:+.2f}" for name, value in person.fatigue_parts.items() if abs(value) >= 0.005
    ]
    return Total(
        "Fatigue", f"{extremes[1]:.2f}", ", ".join([f"at most; level {level}" if level else "at most", *parts])
    )


def _expressions(person: Person) -> list[Total]:
    """Return the expression seen for longest and the others' shares; nothing without expressions."""
    known_s = person.expression.total_s()
    names = {str(span.state) for span in person.expression.all()}
    shares = sorted(((person.expression.total_s(name) / known_s, name) for name in names), reverse=True)
    texts = [f"{name} {100 * share:.0f} %" for share, name in shares]
    return (
        [Total("Looks like", texts[0], ", ".join([*texts[1:], "a guess at the look, not at feelings"]))]
        if texts
        else []
    )


def _share(name: str, spans: Spans, note: str) -> Total:
    known_s = spans.total_s()
    return Total(name, f"{100 * spans.total_s(True) / known_s:.0f} %" if known_s else UNKNOWN, note)


def _seconds(duration_s: float | None) -> str:
    return UNKNOWN if duration_s is None else duration_text(duration_s)
