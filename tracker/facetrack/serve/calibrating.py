"""A calibration in the course of a run: the steps of `facetrack calibrate`, shown by the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from facetrack.errors import SettingsError
from facetrack.serve.feed import StreamSink
from facetrack.signals.calibration import STEPS, Calibration, missing, step_at
from facetrack.signals.profile import Profile
from facetrack.types import Event, Face, Frame

IDLE, WAITING, RUNNING, DONE, FAILED = "idle", "waiting", "running", "done", "failed"
GIVE_UP_S = 60.0
"""Time without a face after which a calibration ends."""
LENGTH_S = sum(length_s for length_s, _ in STEPS)


class GuidedCalibration(StreamSink):
    """A sink that watches the faces while a calibration runs; its time starts with the first frame with a face.

    phase: idle, waiting (for a face), running, done or failed. take: gets the profile, in the live loop's thread.
    """

    def __init__(self, take: Callable[[Profile], None]) -> None:
        self._take = take
        self._found: dict[int, Calibration] = {}
        self._asked_s = self._start_s = self._now_s = 0.0
        self.phase, self.message = IDLE, ""
        self.profile: Profile | None = None

    def ask(self) -> None:
        """Begin with the next frame; in the live loop's thread."""
        self._found, self.message = {}, ""
        self._asked_s = self._now_s
        self.phase = WAITING

    def stop(self) -> None:
        """End it without a profile."""
        if self.goes_on:
            self.phase, self.message = IDLE, ""

    @property
    def goes_on(self) -> bool:
        """Whether it has begun and not ended."""
        return self.phase in (WAITING, RUNNING)

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Take a frame."""
        self._now_s = frame.time_s
        if self.phase == WAITING:
            if faces:
                self.phase, self._start_s = RUNNING, frame.time_s
            elif frame.time_s - self._asked_s > GIVE_UP_S:
                self.phase, self.message = FAILED, "no face came into the picture; sit before the camera and try again"
        if self.phase != RUNNING:
            return
        for face in faces:
            self._found.setdefault(face.track_id, Calibration()).add(frame.time_s, face.signals, face.pose)
        if step_at(frame.time_s - self._start_s) is None:
            self._finish()

    def _finish(self) -> None:
        longest = max(self._found.values(), key=lambda calibration: calibration.known_s)
        self._found = {}
        try:
            self.profile = longest.profile()
        except SettingsError as error:
            self.phase, self.message = FAILED, str(error)
            return
        self.phase, self.message = DONE, "; ".join(missing(self.profile))
        self._take(self.profile)

    def to_json(self) -> dict[str, Any]:
        """Return where it stands."""
        since_s = self._now_s - self._start_s
        step = step_at(since_s) if self.phase == RUNNING else None
        return {
            "phase": self.phase,
            "step": step,
            "steps": [{"seconds": length_s, "instruction": text} for length_s, text in STEPS],
            "left_s": round(max(LENGTH_S - since_s, 0.0), 1) if self.phase == RUNNING else None,
            "message": self.message,
            "profile": None if self.profile is None else self.profile.to_json(),
        }
