"""Videos of a few frames, and trackers without networks that separate processes can build, for tests of batches."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from facetrack.errors import ModelFileError
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Image
from staged import Stage, actor

SIZE = (64, 48)
FPS = 10


def write_clip(path: Path, frames: int = 4, grey: int = 90) -> Path:
    """Write a video of plain frames, each a little lighter than the last."""
    return write_pictures(path, [np.full((SIZE[1], SIZE[0], 3), grey + index, np.uint8) for index in range(frames)])


def write_pictures(path: Path, pictures: Sequence[Image]) -> Path:
    """Write a video of these pictures, (H, W, 3) BGR."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        height, width = pictures[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def start() -> FaceTracker:
    """Return a tracker that finds one face in every frame."""
    stage = Stage()
    stage.sigma_px = 0.2
    stage.cast(ann=actor(32, 24, 24))
    return stage.tracker()


class Deadly:
    """Builds trackers that kill their process at a bright frame: always, or until a file is there."""

    def __init__(self, until: Path | None = None) -> None:
        self.until = until

    def __call__(self) -> FaceTracker:
        tracker = start()
        update = tracker.update

        def update_or_die(frame, search=True):
            if frame.image.mean() > 200 and (self.until is None or not self.until.exists()):
                if self.until is not None:
                    self.until.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return update(frame, search)

        tracker.update = update_or_die  # type: ignore[method-assign]
        return tracker


def fail_to_start() -> FaceTracker:
    """Raise as a network that does not open."""
    raise ModelFileError("no such network")


class Slow:
    """Builds trackers that need so many seconds for a frame."""

    def __init__(self, frame_s: float) -> None:
        self.frame_s = frame_s

    def __call__(self) -> FaceTracker:
        tracker = start()
        update = tracker.update

        def update_slowly(frame, search=True):
            time.sleep(self.frame_s)
            return update(frame, search)

        tracker.update = update_slowly  # type: ignore[method-assign]
        return tracker


def timeless(data: bytes) -> bytes:
    """Return an output without the minute at which a report says that it was written."""
    return re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d", b"", data)
