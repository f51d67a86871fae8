"""One training sample, the same whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.types import Floats, Image


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture with one labelled face.

    name: unique within its set. group: what must not be split between training and validation (a person's name, or the
        picture itself).
    image: (H, W, 3) uint8 BGR, kept as its encoded bytes by the readers until `decode` (see `datasets.packs`).
    points: (68, 2) float32 px, pixel centres at integers.
    weight: (68,) float32, how far each point is trusted: 1 for a person's hand, less for a network's guess, 0 unknown.
    source: the set it came from.
    """

    name: str
    group: str
    source: str
    image: Image
    points: Floats
    weight: Floats


def face_extent(points: NDArray[np.floating]) -> float:
    """The longer side of the points' box in px."""
    return float((points.max(axis=0) - points.min(axis=0)).max())
