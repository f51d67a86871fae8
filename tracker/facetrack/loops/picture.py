"""Faces of a single picture: what `facetrack image` and `facetrack.find_faces` share."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetrack.loops.result import Result
from facetrack.types import Frame, Image

if TYPE_CHECKING:
    from facetrack.tracking.tracker import FaceTracker

DETECTOR_PX = 640
"""Detector resolution, twice that of a video: there are no further frames, and latency does not matter."""
MAX_FACES = 64
ALONE: dict[str, Any] = {"single": True, "smoothing": "off", "confirmations": 1}
"""Options of a tracker whose pictures stand alone."""
_LOCK = threading.Lock()


def find_faces(
    image: str | Path | Image, *, rgb: bool = False, max_faces: int = MAX_FACES, landmarks: str | Path | None = None,
    detector: str = "own", fov_deg: float | None = None,
) -> Result:  # fmt: skip
    """Find the faces in one picture, as `facetrack image` does; the networks are opened once and used again.

    image: a file, (H, W, 3) uint8 with blue first as OpenCV has it, or a picture of Pillow. rgb: red comes first.
    landmarks: another landmark network's name or path. detector: own, yunet or mediapipe. fov_deg: of the lens, for the
        pose.
    Returns the faces as a `Result`: a sequence with `plot`, `to_dict` and `to_dataframe`.
    Raises FacetrackError where there is no picture to read, ValueError for an array that is none.
    """
    from facetrack.capture import read_image
    from facetrack.tracking.frames import as_bgr

    picture = read_image(image) if isinstance(image, str | Path) else as_bgr(image, rgb)
    name = Path(image).name if isinstance(image, str | Path) else None
    with _LOCK:
        return find_in(
            _tracker(max_faces, landmarks, detector, fov_deg), Frame(picture, time_s=0.0, index=0, name=name)
        )


def find_in(tracker: FaceTracker, frame: Frame) -> Result:
    """Find the faces of one frame on its own. tracker: with the options ALONE."""
    tracker.reset()
    return Result(frame, tuple(tracker.update(frame)))


@cache
def _tracker(max_faces: int, landmarks: str | Path | None, detector: str, fov_deg: float | None) -> FaceTracker:
    from facetrack.tracking.tracker import FaceTracker

    return FaceTracker.from_weights(
        landmarks, detector_px=DETECTOR_PX, detector=detector, max_faces=max_faces, fov_deg=fov_deg, **ALONE
    )
