"""One camera of the server: its live loop in a thread of its own, and what clients may change in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any, Protocol

from facetrack.capture import Camera, ReconnectingCamera
from facetrack.errors import FacetrackError
from facetrack.loops.live import LiveLoop
from facetrack.loops.outputs import Output
from facetrack.serve.calibrating import GuidedCalibration
from facetrack.serve.feed import Feed, StreamSink
from facetrack.signals.profile import Profile
from facetrack.sinks.header import source_name
from facetrack.sinks.sink import RecordSink
from facetrack.smoothing.landmarks import SMOOTHING
from facetrack.tracking.changes import number_on, set_profile, set_smoothing
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Event, Face, Frame

STARTING, RUNNING, ENDED, FAILED = "starting", "running", "ended", "failed"
ENGINES = {"auto": None, "onnx": None, "openvino": "openvino", "torch": "torch"}
"""Engines that clients may choose, each with the module that it needs."""
JOIN_S = 2.0
"""Longest wait for the loop's end."""


class Neutral(Protocol):
    """What else takes the neutral: the protocols of other programs."""

    def take_neutral(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a camera is made of.

    source: opened. address: what it was opened by. build: makes a tracker on the engine of that name. records, senders,
    protocols: the sinks of `live`.
    """

    name: str
    address: str
    source: Camera | ReconnectingCamera
    tracker: FaceTracker
    build: Callable[[str], FaceTracker]
    engine: str = "auto"
    records: Sequence[Output] = ()
    senders: Sequence[RecordSink] = ()
    protocols: Neutral | None = None


class ServedCamera:
    """A camera that is followed. feed: its results. state: starting, running, ended or failed; problem: why.

    error: what ended it. on_end: called in its thread at the end.
    """

    def __init__(self, parts: Parts, on_end: Callable[[], None] = lambda: None) -> None:
        self.name, self.choice, self.address, self.engine = parts.name, parts.name, parts.address, parts.engine
        self.feed, self.state, self.problem = Feed(parts.name), STARTING, ""
        self.error: Exception | None = None
        self._parts, self._on_end = parts, on_end
        self._building = threading.Lock()
        self.calibration = GuidedCalibration(self._take_profile)
        sinks: Sequence[RecordSink] = (self.feed, _Stages(self), self.calibration, *parts.senders)
        self.loop = LiveLoop(parts.source, parts.tracker, list(parts.records), None, None, False, sinks)
        self._thread = threading.Thread(target=self._run, name=f"facetrack serve {parts.name}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self.loop.begin(self.address)
        self.state = RUNNING
        self._thread.start()

    def _run(self) -> None:
        try:
            self.loop.run()
        except Exception as error:  # whatever it is, the other cameras and the server go on
            self.error = error
            self.problem = str(error) if isinstance(error, FacetrackError) else f"the tracker failed: {error!r}"
        self.loop.finish()
        self.loop.close_outputs()
        self.state = ENDED if self.error is None else FAILED
        self._on_end()

    @property
    def alive(self) -> bool:
        """Whether its loop runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End it."""
        self._parts.source.close()

    def join(self) -> None:
        """Wait for its end."""
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)

    def set_smoothing(self, name: str) -> None:
        """Change the smoothing, from the next frame on."""
        self.loop.call_soon(lambda: set_smoothing(self.loop.tracker, name))

    def set_engine(self, name: str) -> None:
        """Open the networks on another engine, which may take seconds, and go on with them. Raises FacetrackError."""
        with self._building:
            tracker = self._parts.build(name)
            self.loop.call_soon(partial(self._take_tracker, tracker, name))

    def _take_tracker(self, tracker: FaceTracker, engine: str) -> None:
        before = self.loop.tracker
        number_on(tracker, before)
        set_smoothing(tracker, before.options.smoothing)
        set_profile(tracker, before.options.signals.profile)
        self.loop.take_tracker(tracker)
        self.engine = engine
        self.loop.begin(self.address)

    def switch(self, choice: str, address: str, reopen: Callable[[], Camera]) -> None:
        """Go on with another camera. choice: its name among what it can be switched to."""
        assert isinstance(self._parts.source, ReconnectingCamera)
        self.choice, self.address, self.problem = choice, address, ""
        self._parts.source.switch(reopen)

    @property
    def can_switch(self) -> bool:
        """Whether another camera can take its place."""
        return isinstance(self._parts.source, ReconnectingCamera)

    def take_neutral(self) -> bool:
        """Take the present head pose of the longest-followed face as straight ahead; False without a face."""
        newest = self.feed.newest
        faces = [] if newest is None else [face for face in newest.faces if face.pose is not None]
        if not faces:
            return False
        pose = min(faces, key=lambda face: face.track_id).pose
        assert pose is not None
        yaw, pitch, roll = pose.yaw_deg, pose.pitch_deg, pose.roll_deg
        self.loop.call_soon(
            lambda: self._take_profile(replace(self.profile, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll))
        )
        if self._parts.protocols is not None:
            self.loop.call_soon(self._parts.protocols.take_neutral)
        return True

    @property
    def profile(self) -> Profile:
        """The profile that is applied."""
        return self.loop.tracker.options.signals.profile

    def _take_profile(self, profile: Profile) -> None:
        self.loop.end_events(set_profile(self.loop.tracker, replace(profile, camera=self.profile.camera)))

    def to_json(self) -> dict[str, Any]:
        """Return where it stands, for the clients."""
        figures, newest = self.feed.figures, self.feed.newest
        height, width = (None, None) if newest is None else newest.frame.image.shape[:2]
        median, late = figures.latency_ms(0.5), figures.latency_ms(0.95)
        return {
            "name": self.name, "source": source_name(self.address), "choice": self.choice,
            "state": self.state, "problem": self.problem,
            "width": width, "height": height, "frames": figures.frames, "fps": round(figures.fps, 1),
            "latency_ms": None if median is None else round(median, 1),
            "latency_p95_ms": None if late is None else round(late, 1),
            "dropped": self.dropped, "faces": figures.faces,
            "engine": self.engine, "runs_on": self.runs_on, "engines": engines(),
            "smoothing": self.loop.tracker.options.smoothing, "smoothings": list(SMOOTHING),
            "calibration": self.calibration.to_json(),
        }  # fmt: skip

    @property
    def dropped(self) -> int:
        """Frames that came while the tracker was busy."""
        return self._parts.source.dropped

    @property
    def runs_on(self) -> str | None:
        """Engine that the landmark network runs on; None for a tracker without one."""
        engine = getattr(self.loop.tracker.landmarker, "engine", None)
        return None if engine is None else type(engine).__module__.rpartition(".")[2]


def engines() -> list[str]:
    """Return the engines that are installed."""
    return [name for name, module in ENGINES.items() if module is None or find_spec(module) is not None]


class _Stages(StreamSink):
    """A sink that counts what the loop's stages took."""

    def __init__(self, camera: ServedCamera) -> None:
        self._camera = camera

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Count the stages since the last frame."""
        self._camera.feed.figures.add_stages(self._camera.loop.steps.stage_s)
