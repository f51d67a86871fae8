"""Detectors find the faces in one picture. One Protocol, one file per way to do it."""

from __future__ import annotations

from typing import Protocol

from facetrack.detector.cnn import CnnDetector, DetectorOptions
from facetrack.types import Detections, Image

__all__ = ["CnnDetector", "Detector", "DetectorOptions"]


class Detector(Protocol):
    """Finds faces: (H, W, 3) uint8 BGR in, boxes in that picture's pixels out, best first; empty where there is
    none."""

    def __call__(self, image: Image) -> Detections: ...
