"""Jittered crops that simulate detector box noise, reproducible by the sample's name."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from facetrack.geometry import CropBox
from facetrain.sample import Sample, face_extent

BOX_JITTER = 0.03
"""Standard deviation of the test crops' jitter, in face extents, as of a detector's boxes."""


def jittered_crop(sample: Sample, size: float, jitter: float) -> CropBox:
    """Return a jittered crop around the sample's points, `size` times their extent.

    jitter: standard deviation of the position in extents, and of the size's logarithm; seeded by the sample's name.
    """
    middle = (np.nanmin(sample.points, axis=0) + np.nanmax(sample.points, axis=0)) / 2
    return jittered_square(middle, face_extent(sample.points), size, jitter, sample.name)


def jittered_square(middle: NDArray[np.floating], extent: float, size: float, jitter: float, name: str) -> CropBox:
    """Return a square of `size` extents around `middle` with jitter seeded by `name`: see `jittered_crop`."""
    offset = np.random.default_rng(zlib.crc32(name.encode())).normal(0, jitter, 3).clip(-3 * jitter, 3 * jitter)
    x, y = middle + offset[:2] * extent
    return CropBox(float(x), float(y), size * extent * float(np.exp(offset[2])))
