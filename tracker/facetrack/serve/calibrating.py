"""A calibration in the course of a run: the steps of `facetrack calibrate`, shown by the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a calibration stands, replaced as a whole: other threads read it while frames come.

    phase: idle, waiting (for a face), running, done or failed. since_s: time since its first frame with a face.
    profile: the last one found.
    """

    phase: str = IDLE
    since_s: float = 0.0
    message: str = ""
    profile: Profile | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it has begun and not ended."""
        return self.phase in (WAITING, RUNNING)


class GuidedCalibration(StreamSink):
    """A sink that watches the faces while a calibration runs; its time starts with the first frame with a face.

    standing: where it stands. take: gets the profile, in the live loop's thread.
    """

    def __init__(self, take: Callable[[Profile], None]) -> None:
        self._take = take
        self._found: dict[int, Calibration] = {}
        self._asked_s = self._start_s = self._now_s = 0.0
        self.standing = Standing()

    def ask(self) -> None:
        """Begin with the next frame; in the live loop's thread."""
        self._found = {}
        self._asked_s = self._now_s
        self._stand(WAITING)

    def stop(self) -> None:
        """End it without a profile."""
        if self.standing.goes_on:
            self._stand(IDLE)

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Take a frame."""
        self._now_s = frame.time_s
        if not self.standing.goes_on:
            return
        if self.standing.phase == WAITING:
            if not faces:
                if frame.time_s - self._asked_s > GIVE_UP_S:
                    self._stand(FAILED, message="no face came into the picture; sit before the camera and try again")
                return
            self._start_s = frame.time_s
        for face in faces:
            self._found.setdefault(face.track_id, Calibration()).add(frame.time_s, face.signals, face.pose)
        since_s = frame.time_s - self._start_s
        if step_at(since_s) is None:
            self._finish()
        else:
            self._stand(RUNNING, since_s)

    def _stand(self, phase: str, since_s: float = 0.0, message: str = "") -> None:
        self.standing = Standing(phase, since_s, message, self.standing.profile)

    def _finish(self) -> None:
        longest = max(self._found.values(), key=lambda calibration: calibration.known_s)
        self._found = {}
        try:
            profile = longest.profile()
        except SettingsError as error:
            self._stand(FAILED, message=str(error))
            return
        self.standing = Standing(DONE, message="; ".join(missing(profile)), profile=profile)
        self._take(profile)

    def to_json(self) -> dict[str, Any]:
        """Return where it stands."""
        standing = self.standing
        running = standing.phase == RUNNING
        return {
            "phase": standing.phase,
            "step": step_at(standing.since_s) if running else None,
            "steps": [{"seconds": length_s, "instruction": text} for length_s, text in STEPS],
            "left_s": round(max(LENGTH_S - standing.since_s, 0.0), 1) if running else None,
            "message": standing.message,
            "profile": None if standing.profile is None else standing.profile.to_json(),
        }
