"""Cuts pictures down to what training needs, so that whole sets fit in memory."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from facetrack.types import Floats, Image
from facetrain.sample import Sample, face_extent

KEEP_AROUND = 2.4
"""Side of the region kept around a face, in units of its extent: enough for every shift, scale and rotation of the
augmentation."""
MAX_SIDE_PX = 320
"""Pictures are kept at most this large: the crops are 112 px."""


def trimmed(sample: Sample) -> Sample:
    """Only the region around the face, and no larger than needed; a sample without points is only made smaller."""
    points, image = sample.points, sample.image
    if np.isfinite(points).any():
        image, points = _around(image, points)
    scale = min(1.0, MAX_SIDE_PX / max(image.shape[:2]))
    if scale < 1:
        image, points = resized(image, points, scale)
    return replace(sample, image=np.ascontiguousarray(image), points=points)


def _around(image: Image, points: Floats) -> tuple[Image, Floats]:
    half = max(KEEP_AROUND * face_extent(points) / 2, 2.0)
    middle = (np.nanmin(points, axis=0) + np.nanmax(points, axis=0)) / 2
    height, width = image.shape[:2]
    low = np.clip(np.floor(middle - half), 0, [width - 1, height - 1]).astype(int)
    high = np.minimum(np.maximum(np.ceil(middle + half) + 1, low + 1), [width, height]).astype(int)
    return image[low[1] : high[1], low[0] : high[0]], (points - low).astype(np.float32)


def resized(image: Image, points: Floats, scale: float) -> tuple[Image, Floats]:
    """The picture at about `scale` of its size, averaged, and the points on it; pixel centres at integers."""
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    ratio = np.array([size[0] / width, size[1] / height], np.float32)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return small, ((points + 0.5) * ratio - 0.5).astype(np.float32)
