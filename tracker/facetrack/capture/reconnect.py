"""A live source that is opened again when it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from facetrack.capture.camera import Camera
from facetrack.errors import CameraLostError, FacetrackError
from facetrack.types import Frame
from facetrack.types.closing import ClosesItself

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
"""Pauses before the first attempt to connect and, each twice the last, before the later ones."""
STEADY_S = 5.0
"""Duration of a connection from which on the pauses begin with the shortest again."""


class ReconnectingCamera(ClosesItself):
    """Camera or stream that is opened again, with growing pauses, when it fails or ends.

    camera: the first connection. reopen: opens another one. give_up_s: time without a frame after which the iteration
    raises CameraLostError: 0 with the first failure, None never. log: takes one line for each failure.

    Frame.time_s is on one clock, and Frame.index goes on counting over all connections; `size` and `fps` are those of
    the newest. outages: failures so far; what a tracker knows from before one no longer holds. A recording served as a
    stream is not opened again at its end.
    """

    live = True
    n_frames = None
    has_audio = False

    def __init__(
        self, camera: Camera, reopen: Callable[[], Camera], give_up_s: float | None, log: Callable[[str], None]
    ) -> None:
        self.size, self.fps, self.outages = camera.size, camera.fps, 0
        self._camera, self._reopen, self._give_up_s, self._log = camera, reopen, give_up_s, log
        self._dropped = 0
        self._closed = threading.Event()
        self._pause_s = FIRST_PAUSE_S

    @property
    def dropped(self) -> int:
        """Frames that the reader was too slow for."""
        return self._dropped + self._camera.dropped

    def __iter__(self) -> Iterator[Frame]:
        first_index, last_s = 0, time.perf_counter()
        while True:
            failure: FacetrackError | None = None
            connected_s, next_index = time.perf_counter(), first_index
            try:
                for frame in self._camera:
                    next_index = first_index + frame.index + 1
                    last_s = time.perf_counter()
                    yield replace(frame, index=first_index + frame.index)
            except FacetrackError as error:
                failure = error
            if self._closed.is_set() or (failure is None and getattr(self._camera, "is_recording", False)):
                return
            first_index = next_index
            if time.perf_counter() - connected_s > STEADY_S:
                self._pause_s = FIRST_PAUSE_S
            if not self._connect_again(_reason(self._camera, failure), last_s):
                return

    def _connect_again(self, reason: str, last_s: float) -> bool:
        """Open the camera again. Returns False once it is closed; raises CameraLostError when it is time to give up."""
        self.outages += 1
        self._camera.close()
        if self._give_up_s != 0:
            self._log(f"{reason}; connecting again")
        while True:
            since_s = time.perf_counter() - last_s
            if self._give_up_s is not None and since_s >= self._give_up_s:
                raise CameraLostError(
                    f"{reason}, {since_s:.0f} s without a frame; check the camera and its network, then start again."
                )
            left_s = float("inf") if self._give_up_s is None else self._give_up_s - since_s
            if self._closed.wait(min(self._pause_s, left_s)):
                return False
            self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
            try:
                camera = self._reopen()
            except FacetrackError:  # still away
                continue
            self._dropped += self._camera.dropped
            self._camera, self.size, self.fps = camera, camera.size, camera.fps
            return True

    def switch(self, reopen: Callable[[], Camera]) -> None:
        """Go on with another camera, as after an outage; for other threads."""
        self._reopen, self._pause_s = reopen, 0.0
        self._camera.close()

    def close(self) -> None:
        self._closed.set()
        self._camera.close()


def _reason(camera: Camera, failure: FacetrackError | None) -> str:
    """Return why a connection ended, without the advice that follows in the message."""
    if failure is None:
        return f"{getattr(camera, 'source', 'the camera')} has ended"
    return str(failure).partition(";")[0].rstrip(".")
