"""A second look at the eyes of every face that the landmark network reads, by an eye network.

Beside it a face that rests need not be read whole in every frame (`Resting`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from facetrack import compiled, topology
from facetrack.eyes import EyeReader
from facetrack.geometry import CropBox, cut
from facetrack.landmarker import LEAST_PRESENCE, Read, Reading
from facetrack.modelfile import bundled
from facetrack.types import EyesReading, Floats, Image, Landmarks
from facetrack.types.eyes import MAX_COVERED

ReadEyes = Callable[[Image, Sequence[Floats]], Sequence[EyesReading | None]]
"""(H, W, 3) BGR and the (68, 2) points px of each face -> both eyes of each, None where nothing can be said."""
EYES = np.array((*topology.RIGHT_EYE, *topology.LEFT_EYE))


@dataclass(frozen=True, slots=True)
class _Followed:
    """A followed face. crop: where it was read last. small: what that showed, None where it need not be compared.

    still: frames for which nothing has changed, from -WAIT on. held: frames for which the reading has held.
    """

    crop: CropBox
    reading: Reading
    still: int
    small: Image | None
    held: int = 0


class Resting:
    """Landmarker of followed faces that is not asked again about those whose picture stands still.

    Where a crop has shown the same, within UNCHANGED, for more than SETTLED frames, its last reading holds, for LONGEST
    frames: a photograph, a paused film, nobody at the other end of a call. Faces of living people move: between two
    frames of the project's clips some px of the reduced crop changes by 9 to 14 levels in the median, and none of them
    rests. One that has changed is not compared for WAIT frames, so that they cost nothing.
    """

    SIDE_PX = 28
    """Of the reduced crop that is compared: a px of it is the mean of some 50 px of a face of 150."""
    UNCHANGED = 3.0
    """Largest change of a px and channel, grey levels: noise of 2 per pixel, 3 in large faces."""
    NEAR = 0.005
    """Shares of the size, and radians, up to which a crop is the same: more than the noise of a still face moves it."""
    WAIT, SETTLED, LONGEST = 10, 5, 3

    def __init__(self, landmarker: Read) -> None:
        self._landmarker = landmarker
        self.reset()

    def reset(self) -> None:
        self._faces: list[_Followed] = []

    def __call__(self, image: Image, crops: Sequence[CropBox]) -> list[Reading]:
        """Return one Reading per crop, in order. image: the frame after that of the last call."""
        plans = [self._plan(image, crop) for crop in crops]
        asked = [crop for crop, plan in zip(crops, plans, strict=True) if isinstance(plan, int)]
        readings = iter(self._landmarker(image, asked))
        self._faces = [
            plan if isinstance(plan, _Followed)
            else _Followed(crop, next(readings), plan, None if plan < 0 else cut(image, crop, self.SIDE_PX))
            for crop, plan in zip(crops, plans, strict=True)
        ]  # fmt: skip
        return [face.reading for face in self._faces]

    def _plan(self, image: Image, crop: CropBox) -> _Followed | int:
        """Return the face whose reading holds, or for how long nothing has changed in one that is to be read."""
        last = next((face for face in self._faces if _alike(face.crop, crop)), None)
        if last is None:
            return -self.WAIT
        if last.small is not None:
            if cv2.norm(cut(image, last.crop, self.SIDE_PX), last.small, cv2.NORM_INF) > self.UNCHANGED:
                return -self.WAIT
            if last.still >= self.SETTLED and last.held < self.LONGEST:
                return replace(last, held=last.held + 1)
        return last.still + 1


def _alike(one: CropBox, other: CropBox) -> bool:
    """Return whether two crops show the same."""
    off = max(abs(one.x - other.x), abs(one.y - other.y), abs(one.size_px - other.size_px))
    turn = math.remainder(one.roll_rad - other.roll_rad, 2 * math.pi)
    return off <= Resting.NEAR * other.size_px and abs(turn) <= Resting.NEAR


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
                readings[i] = Reading(marks, one.presence, one.attributes, one.head, eyes)
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
