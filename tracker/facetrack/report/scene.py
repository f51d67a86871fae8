"""One frame of a video for its report: the one with most faces, with their boxes and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facetrack.types import Face, Frame

WIDTH_PX = 720
COLOUR = (176, 102, 11)
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 82)


@dataclass(frozen=True, slots=True)
class Scene:
    """A JPEG of width x height px, of the frame at time_s."""

    jpeg: bytes
    width: int
    height: int
    time_s: float


class MostFaces:
    """Keeps the first frame of those with most faces."""

    def __init__(self) -> None:
        self.scene: Scene | None = None
        self._most = -1

    def add(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Take the next frame."""
        if len(faces) > self._most:
            self._most = len(faces)
            self.scene = drawn(frame, faces)


def drawn(frame: Frame, faces: Sequence[Face]) -> Scene:
    """Draw the faces' boxes into a small copy of the frame."""
    height, width = frame.image.shape[:2]
    scale = min(1.0, WIDTH_PX / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = np.ascontiguousarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA))
    for face in faces:
        if all(map(math.isfinite, face.box.tolist())):
            x0, y0, x1, y1 = (round(float(value) * scale) for value in face.box)
            cv2.rectangle(image, (x0, y0), (x1, y1), COLOUR, 2, cv2.LINE_AA)
            place = (x0, max(14, y0 - 5))
            for colour, thick in (((255, 255, 255), 4), (COLOUR, 2)):
                cv2.putText(image, str(face.track_id), place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, thick, cv2.LINE_AA)
    return Scene(cv2.imencode(".jpg", image, _JPEG)[1].tobytes(), *size, frame.time_s)
