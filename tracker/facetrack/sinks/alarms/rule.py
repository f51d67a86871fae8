"""When an alarm goes off: at the beginning of something, once, and not again before it has been over for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facetrack.errors import OutputError
from facetrack.types import BEGAN, Event, Face
from facetrack.types.events import EVENT_KINDS, LASTING_KINDS

DROWSY = "drowsy"
KINDS = (DROWSY, *EVENT_KINDS)
"""What an alarm can wait for: the fatigue level drowsy, and every kind of event."""
OVER_S = 2.0
"""Time for which it must have been over before it may go off again: one on the edge does not ring twice."""
PAUSE_S = 10.0
"""Least time between two alarms."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm. kind: of KINDS. track_id: whose. time_s: of the frame."""

    kind: str
    track_id: int
    time_s: float


def parse_kinds(text: str) -> tuple[str, ...]:
    """Parse "drowsy,microsleep". Raises OutputError."""
    kinds = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise OutputError(f"--alarm is '{text}'; expected some of {', '.join(KINDS)}, with commas between")
    return kinds


class Rule:
    """Decides frame by frame. pause_s: least time between two alarms of any kind.

    What begins within the pause goes off at its end, if it lasts till then.
    """

    def __init__(self, kinds: Sequence[str], pause_s: float = PAUSE_S) -> None:
        self._kinds, self._pause_s = tuple(kinds), pause_s
        self._lasting: dict[str, set[int]] = {kind: set() for kind in kinds}
        self._over_s: dict[str, float] = {}
        self._armed = dict.fromkeys(kinds, True)
        self._last_s: float | None = None

    def update(self, time_s: float, faces: Sequence[Face], events: Sequence[Event]) -> Alarm | None:
        """Return the alarm that goes off with this frame, if any."""
        present = self._present(faces, events)
        for kind in self._kinds:
            if present[kind]:
                self._over_s.pop(kind, None)
            elif time_s - self._over_s.setdefault(kind, time_s) >= OVER_S:
                self._armed[kind] = True
        if self._last_s is not None and 0.0 <= time_s - self._last_s < self._pause_s:
            return None
        for kind in self._kinds:
            if present[kind] and self._armed[kind]:
                self._armed[kind], self._last_s = False, time_s
                return Alarm(kind, min(present[kind]), time_s)
        return None

    def _present(self, faces: Sequence[Face], events: Sequence[Event]) -> dict[str, set[int]]:
        """Tracks by kind in which it lasts now, or in which a short one was just over."""
        short: dict[str, set[int]] = {}
        for event in events:
            if event.kind not in self._lasting:
                continue
            if event.kind not in LASTING_KINDS:
                short.setdefault(event.kind, set()).add(event.track_id)
            elif event.phase == BEGAN:
                self._lasting[event.kind].add(event.track_id)
            else:
                self._lasting[event.kind].discard(event.track_id)
        if DROWSY in self._lasting:
            drowsy = {face.track_id for face in faces if face.signals.fatigue.level == DROWSY}
            unknown = {face.track_id for face in faces if face.signals.fatigue.level is None}
            self._lasting[DROWSY] = drowsy | (self._lasting[DROWSY] & unknown)
        return {kind: tracks | short.get(kind, set()) for kind, tracks in self._lasting.items()}
