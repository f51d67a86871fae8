"""A second look at the eyes of every face that the landmark network reads, by an eye network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from facetrack import compiled, topology
from facetrack.eyes import EyeReader
from facetrack.geometry import CropBox
from facetrack.landmarker import LEAST_PRESENCE, Read, Reading
from facetrack.modelfile import bundled
from facetrack.types import EyesReading, Floats, Image, Landmarks
from facetrack.types.eyes import MAX_COVERED

ReadEyes = Callable[[Image, Sequence[Floats]], Sequence[EyesReading | None]]
"""(H, W, 3) BGR and the (68, 2) points px of each face -> both eyes of each, None where nothing can be said."""
EYES = np.array((*topology.RIGHT_EYE, *topology.LEFT_EYE))


class LandmarksAndEyes:
    """Landmarker whose readings carry both eyes, and whose twelve eye points are fused with the eye network's."""

    def __init__(self, landmarker: Read, eyes: ReadEyes) -> None:
        self._landmarker, self._eyes = landmarker, eyes

    def __call__(self, image: Image, crops: Sequence[CropBox]) -> list[Reading]:
        """Return one Reading per crop, in order, as the landmarker does."""
        readings = self._landmarker(image, crops)
        faces = [i for i, reading in enumerate(readings) if reading.presence >= LEAST_PRESENCE]
        if not faces:
            return readings
        found = self._eyes(image, [readings[i].landmarks.points for i in faces])
        for i, eyes in zip(faces, found, strict=True):
            if eyes is not None:
                one = readings[i]
                marks = fused(one.landmarks, eyes)
                readings[i] = Reading(marks, one.presence, one.attributes, one.pose_deg, one.head, eyes)
        return readings


def fused(landmarks: Landmarks, eyes: EyesReading) -> Landmarks:
    """Fuse the twelve eye points with the eye network's contour, each weighted by 1 / sigma^2.

    The smaller sigma of the two stays: both networks see one picture, so their errors are not independent. The points
    of an eye that is covered, and those whose contour is not finite, stay as they were; where the landmark network
    gives no sigma (NaN) the contour alone counts.
    """
    if compiled.kernels is not None:
        points, sigma = np.empty(landmarks.points.shape, np.float32), np.empty(landmarks.sigma.shape, np.float32)
        compiled.kernels.fuse_eyes(
            landmarks.points, landmarks.sigma, EYES, eyes.contour, eyes.contour_sigma, eyes.covered, MAX_COVERED,
            points, sigma,
        )  # fmt: skip
        return Landmarks(points, sigma, landmarks.visibility)
    points, sigma = landmarks.points.copy(), landmarks.sigma.copy()
    contour, contour_sigma = eyes.contour.reshape(12, 2), eyes.contour_sigma.reshape(12)
    seen = np.repeat(eyes.covered <= MAX_COVERED, 6) & np.isfinite(contour).all(axis=1) & (contour_sigma > 0)
    own = sigma[EYES]
    known = np.isfinite(own)
    share = np.where(known, own**2 / np.maximum(own**2 + contour_sigma**2, 1e-12), 1.0)  # of the contour
    mixed = points[EYES] + share[:, None] * (contour - points[EYES])
    least = np.where(known, np.minimum(own, contour_sigma), contour_sigma)
    points[EYES[seen]], sigma[EYES[seen]] = mixed[seen], least[seen]
    return replace(landmarks, points=points, sigma=sigma)


def bundled_eyes(open_engine: Callable[..., Any], engine: str, threads: int, provider: str) -> EyeReader | None:
    """Open the bundled eye network; None where none is bundled, and eyes are read by the landmark network alone."""
    path = next((path for path in bundled() if path.stem == "eyes"), None)
    if path is None:
        return None
    return EyeReader(open_engine(path, engine, threads, provider))
