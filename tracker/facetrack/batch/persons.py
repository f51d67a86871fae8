"""Totals of each person in a video, in constant memory: rates, PERCLOS, smiles, attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from facetrack.report.series import GAP_S
from facetrack.sinks.sink import RecordSink
from facetrack.types import Event, Face, Frame, Signals
from facetrack.types.events import KINDS

LEAST_S = 20.0
"""Least known time for a rate per minute (as in signals.eyes.blink_rate)."""
STATES: dict[str, Callable[[Signals], Any]] = {
    "eyes": lambda s: None if s.eyes.right.openness is s.eyes.left.openness is None else True,
    "mouth": lambda s: None if s.mouth.openness is None else True,
    "head": lambda s: None if s.head.yaw_deg is None else True,
    "smiling": lambda s: s.smile.smiling,
    "speaking": lambda s: s.mouth.speaking,
    "on_target": lambda s: s.attention.on_target,
    "distracted": lambda s: s.attention.distracted,
}
"""Whether a part of the face is known, and states whose share of the known time is a total."""
LEVELS: dict[str, Callable[[Signals], float | None]] = {
    "perclos_p80_60s": lambda s: s.perclos_p80_60s,
    "attention": lambda s: s.attention.share,
    "fatigue": lambda s: s.fatigue.score,
    "smile_prob": lambda s: s.smile.prob,
}
"""Signals whose mean over the frames and largest value are totals."""
SHARES = ("smiling", "speaking", "on_target", "distracted")
COLUMNS: dict[str, type] = {
    "id": int,
    **dict.fromkeys(("first_s", "last_s", "seen_s"), float),
    **{f"{part}_known_s": float for part in ("eyes", "mouth", "head")},
    **{f"{kind}_{what}": of for kind in KINDS for what, of in (("count", int), ("per_min", float))},
    **dict.fromkeys(("blink_mean_s", "long_closure_longest_s"), float),
    **{f"{name}_share": float for name in SHARES},
    **{f"{name}_{what}": float for name in LEVELS for what in ("mean", "max")},
}
"""Names and types of the totals; all but the ID, times and counts are None where nothing was known."""
ROUNDED = 4


class Held:
    """Time for which a state was known, and for which it was true.

    Each frame's state holds until the next frame, or is unknown from it on after more than GAP_S, as in the report.
    """

    def __init__(self) -> None:
        self.known_s = self.true_s = 0.0
        self._last: tuple[float, bool | None] | None = None

    def add(self, time_s: float, state: bool | None) -> None:
        """Take the next frame's state; None is unknown."""
        if self._last is not None:
            last_s, before = self._last
            if before is not None and time_s - last_s <= GAP_S:
                self.known_s += time_s - last_s
                self.true_s += before * (time_s - last_s)
        self._last = time_s, state


class PersonTotals:
    """Totals of one person."""

    def __init__(self, track_id: int, time_s: float) -> None:
        self.track_id, self.first_s, self.last_s = track_id, time_s, time_s
        self._seen = Held()
        self._states = {name: Held() for name in STATES}
        self._levels = {name: [0, 0.0, 0.0] for name in LEVELS}  # count, sum, largest
        self._counts = dict.fromkeys(KINDS, 0)
        self._blinks_s = self._longest_s = 0.0

    def add(self, time_s: float, signals: Signals) -> None:
        """Take the person's next frame."""
        self.last_s = time_s
        self._seen.add(time_s, True)
        for name, state_of in STATES.items():
            self._states[name].add(time_s, state_of(signals))
        for name, level_of in LEVELS.items():
            value = level_of(signals)
            if value is not None:
                count, total, largest = self._levels[name]
                self._levels[name] = [count + 1, total + value, max(largest, value)]

    def ended(self, event: Event) -> None:
        """Take an event that is over."""
        self._counts[event.kind] += 1
        if event.kind == "blink":
            self._blinks_s += event.duration_s
        if event.kind in ("long_closure", "microsleep"):
            self._longest_s = max(self._longest_s, event.duration_s)

    def to_json(self) -> dict[str, Any]:
        """Return the totals by the names of COLUMNS, times in seconds, rates per minute of the known time."""
        found: dict[str, Any] = {
            "id": self.track_id, "first_s": self.first_s, "last_s": self.last_s, "seen_s": self._seen.known_s
        }  # fmt: skip
        for part in ("eyes", "mouth", "head"):
            found[f"{part}_known_s"] = self._states[part].known_s
        for kind, count in self._counts.items():
            known_s = self._states.get(KINDS[kind].part, self._seen).known_s
            found[f"{kind}_count"] = count
            found[f"{kind}_per_min"] = 60 * count / known_s if known_s >= LEAST_S else None
        blinks, closures = self._counts["blink"], self._counts["long_closure"] + self._counts["microsleep"]
        found["blink_mean_s"] = self._blinks_s / blinks if blinks else None
        found["long_closure_longest_s"] = self._longest_s if closures else None
        for name in SHARES:
            held = self._states[name]
            found[f"{name}_share"] = held.true_s / held.known_s if held.known_s else None
        for name, (levels, total, largest) in self._levels.items():
            found[f"{name}_mean"] = total / levels if levels else None
            found[f"{name}_max"] = largest if levels else None
        return {name: round(x, ROUNDED) if isinstance(x, float) else x for name, x in found.items()}


class TotalsSink(RecordSink):
    """Collects each person's totals; writes no file."""

    def __init__(self) -> None:
        self._persons: dict[int, PersonTotals] = {}

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Take the next frame."""
        for face in faces:
            self._person(face.track_id, frame.time_s).add(frame.time_s, face.signals)
        for event in events:
            if event.is_over:
                self._person(event.track_id, frame.time_s).ended(event)

    def _person(self, track_id: int, time_s: float) -> PersonTotals:
        if track_id not in self._persons:
            self._persons[track_id] = PersonTotals(track_id, time_s)
        return self._persons[track_id]

    def totals(self) -> tuple[dict[str, Any], ...]:
        """Return the totals of all persons, by ID."""
        return tuple(self._persons[key].to_json() for key in sorted(self._persons))

    def close(self) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Do nothing."""

    def keep_partial(self) -> Path | None:
        """Keep nothing."""
        return None
