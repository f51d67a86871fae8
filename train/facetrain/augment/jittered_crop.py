"""The crop that a rough detector would have given: as unsteady as one, and the same every time."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from facetrack.geometry import CropBox
from facetrain.sample import Sample, face_extent

BOX_JITTER = 0.03
"""Deviation of the test crops from exact ones, in extents: a detector's, not the truth's."""


def jittered_crop(sample: Sample, size: float, jitter: float) -> CropBox:
    """A crop around the sample's points, `size` times their extent, and off by as much as a detector's is:
    a normal deviation of `jitter` extents for place, as much of the size, fixed by the sample's name."""
    middle = (np.nanmin(sample.points, axis=0) + np.nanmax(sample.points, axis=0)) / 2
    return jittered_square(middle, face_extent(sample.points), size, jitter, sample.name)


def jittered_square(middle: NDArray[np.floating], extent: float, size: float, jitter: float, name: str) -> CropBox:
    """A square of `size` extents around `middle`, moved and scaled by what the name says: see
    `augment.jittered_crop`."""
    off = np.random.default_rng(zlib.crc32(name.encode())).normal(0, jitter, 3).clip(-3 * jitter, 3 * jitter)
    x, y = middle + off[:2] * extent
    return CropBox(float(x), float(y), size * extent * float(np.exp(off[2])))
