"""One sink for all protocols: makes the scene of each frame once and hands it to every one of them."""

from __future__ import annotations

from collections.abc import Sequence

from facetrack.sinks.avatar.choice import FaceChoice
from facetrack.sinks.avatar.scene import SceneMaker
from facetrack.sinks.header import Header
from facetrack.sinks.network.output import Output
from facetrack.sinks.sink import RecordSink
from facetrack.types import Event, Face, Frame

ASK_EVERY_S = 0.09
"""Time between two looks at what receivers ask for: a look costs as much as a datagram."""


class Broadcast(RecordSink):
    """The protocols of a run.

    choice: of the main face. mirror: send mirror images to avatars. paused: nothing is sent while it is set.
    is_stream: a frame goes out at once, none is held back. It is never closed: a receiver that has gone stops no run.
    """

    is_stream = True

    def __init__(self, outputs: Sequence[Output], choice: FaceChoice | None = None, *, mirror: bool = False) -> None:
        self.outputs, self.paused = tuple(outputs), False
        self._asked_s = -ASK_EVERY_S
        everyone = any(output.everyone for output in self.outputs)
        self._scenes = SceneMaker(choice or FaceChoice(), mirror=mirror, everyone=everyone)

    def begin(self, header: Header) -> None:
        """Tell every protocol what is tracked."""
        for output in self.outputs:
            output.begin(header)

    def start(self, clock_s: float) -> None:
        """Take the time.perf_counter() of the frames' time 0."""
        self._scenes.start(clock_s)

    def take_neutral(self) -> None:
        """Take the main face's next pose as the neutral."""
        self._scenes.neutral.ask()

    def pause(self) -> None:
        """Stop sending, or go on."""
        self.paused = not self.paused

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Send one frame."""
        if not 0.0 <= frame.time_s - self._asked_s < ASK_EVERY_S:
            self._asked_s = frame.time_s
            asked = [output.wants_neutral() for output in self.outputs]  # of all, so that none asks again
            if any(asked):
                self.take_neutral()
        if self.paused:
            return
        height, width = frame.image.shape[:2]
        scene = self._scenes.scene(frame.index, frame.time_s, (width, height), faces, events)
        for output in self.outputs:
            output.send(scene)

    def close(self) -> None:
        """Close every protocol."""
        for output in self.outputs:
            output.close()

    def discard(self) -> None:
        """Close every protocol: what was sent is out."""
        self.close()
