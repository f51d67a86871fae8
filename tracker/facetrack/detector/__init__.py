"""Face detectors on single images: one Protocol, one module per detector."""

from __future__ import annotations

from typing import Protocol

from facetrack.detector.cnn import CnnDetector, DetectorOptions
from facetrack.types import Detections, Image

__all__ = ["CnnDetector", "Detector", "DetectorOptions"]


class Detector(Protocol):
    """Callable face detector: (H, W, 3) uint8 BGR -> boxes in px of that image, best first; empty without a face.

    A tracker reads boxes from a score of .5, and a few with smaller scores, of which the landmark network has to be
    certain; small ones of these are hints where to look closer, too (`detector.search`).
    """

    def __call__(self, image: Image) -> Detections: ...
