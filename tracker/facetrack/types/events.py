"""Events: something that one face does from one moment to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from facetrack.types.plain import rounded

BEGAN, ENDED = "began", "ended"
"""Phases of an event."""
NO_EVIDENCE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Kind:
    """What holds for every event of a kind.

    part: of the face that must be seen, "eyes", "mouth" or "head"; "face" where it is enough that it is followed.
    lasts: whether it is reported when it begins, too. unit: of its amplitude; "deg", or "" for openness and readings.
    """

    part: str
    lasts: bool = False
    unit: str = ""


KINDS: Mapping[str, Kind] = MappingProxyType({
    **dict.fromkeys(("blink", "wink_right", "wink_left"), Kind("eyes")),
    **dict.fromkeys(("nod", "shake", "nod_off"), Kind("head", unit="deg")),
    **dict.fromkeys(("long_closure", "microsleep", "eyes_down"), Kind("eyes", lasts=True)),
    **dict.fromkeys(("yawn", "speech", "smile"), Kind("mouth", lasts=True)),
    **dict.fromkeys(("glance_away", "distraction"), Kind("head", lasts=True, unit="deg")),
    "facing_away": Kind("face", lasts=True, unit="deg"),
})  # fmt: skip
"""The one table of events by their kinds; JSON, CSV, alarms, the report and the totals of `batch` follow it."""
EVENT_KINDS = tuple(KINDS)
LASTING_KINDS = tuple(name for name, kind in KINDS.items() if kind.lasts)
"""Kinds of events that are reported when they begin and when they end."""


@dataclass(frozen=True, slots=True, repr=False)
class Event:
    """Something that one face does from one moment to another.

    A kind that lasts (LASTING_KINDS) is reported twice: "began" as soon as its criterion is met, and "ended" when it is
    over, the face is lost, or the tracker ends. Both have the same kind, track_id and since_s; there is one "ended" for
    each "began". Every other kind is known only when it is over and is reported once, as "ended".

    kind: one of KINDS; docs/signals.md says what each is.
    phase: "began" or "ended". Counts are counts of the ended ones.
    start_s: when the movement began; an ended one may correct it.
    since_s: when it became this event, its criterion being met; start_s <= since_s <= end_s. Of a kind that is known
        only when it is over, end_s.
    end_s: when it ended; None while it lasts. Where the face was lost, the last moment at which it was known to last.
    amplitude: how far it went (until now), in the unit of its signal: openness of eyes and mouth (0..1), the reading of
        a smile (0..1), degrees of head, glances and a head turned away; None where that says nothing.
    closing_speed_per_s: openness per second by which the lids closed; None for what is no closure.
    evidence: what an event of the lids rests on, with an eye network only, by these names, each left out where unknown:
        completeness, 0..1 of the way from open to shut that the lids went; fall_s, the time they took from .75 to .35
        of the open gap; pitch_deg, the head against how it is usually held, positive up, before the lids fell; and
        gaze_down_deg, the eyes in the head against how they usually look, positive down, before the lids fell.
    """

    kind: str
    track_id: int
    phase: str
    start_s: float
    since_s: float
    end_s: float | None
    amplitude: float | None = None
    closing_speed_per_s: float | None = None
    evidence: Mapping[str, float] = field(default_factory=lambda: NO_EVIDENCE)

    @classmethod
    def completed(
        cls, kind: str, track_id: int, start_s: float, end_s: float, amplitude: float | None = None,
        closing_speed_per_s: float | None = None, evidence: Mapping[str, float] = NO_EVIDENCE,
    ) -> Event:  # fmt: skip
        """Make an event that is known only now that it is over."""
        return cls(kind, track_id, ENDED, start_s, end_s, end_s, amplitude, closing_speed_per_s, evidence)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.phase == ENDED

    @property
    def until_s(self) -> float:
        """Its end; of one that lasts, when its criterion was met."""
        return self.since_s if self.end_s is None else self.end_s

    @property
    def duration_s(self) -> float:
        """Seconds from its start to `until_s`."""
        return self.until_s - self.start_s

    def __repr__(self) -> str:
        end = "now" if self.end_s is None else f"{self.end_s:.3f}"
        return f"Event({self.kind} {self.phase}, face {self.track_id}, {self.start_s:.3f} to {end} s)"

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values with the names of the JSON lines."""
        return {
            "kind": self.kind,
            "id": int(self.track_id),
            "phase": self.phase,
            "start_s": rounded(self.start_s, 6),
            "since_s": rounded(self.since_s, 6),
            "end_s": rounded(self.end_s, 6),
            "amplitude": rounded(self.amplitude, 4),
            "closing_speed_per_s": rounded(self.closing_speed_per_s, 4),
            "evidence": {name: rounded(value, 4) for name, value in self.evidence.items()},
        }
