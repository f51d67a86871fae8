"""One training sample, the same whatever it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats, Image


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture with one labelled face.

    name: unique within its set. group: what must not be split between training and validation (a person's name, or the
        picture itself). source: the set it came from.
    image: (H, W, 3) uint8 BGR.
    points: (K, 2) float32 px, pixel centres at integers; what is missing is NaN and has weight 0.
    weight: (K,) float32, how far each point is trusted: 1 for a person's hand, less for a network's guess, 0 unknown.
    scheme: which K points these are, as in `topology`; "" where there are none.
    visible: (K,) bool, or None where nobody says.
    attributes: what else is known, by name, such as smile 0/1, glasses 0/1, emotion "happy"; the unknown is left out.
    """

    name: str
    group: str
    source: str
    image: Image
    points: Floats
    weight: Floats
    scheme: str = topology.SCHEME
    visible: NDArray[np.bool_] | None = None
    attributes: Mapping[str, float | str] = field(default_factory=dict)


def face_extent(points: NDArray[np.floating]) -> float:
    """The longer side of the points' box in px."""
    return float(np.nanmax(np.nanmax(points, axis=0) - np.nanmin(points, axis=0)))
