"""Indices of the 68-point scheme of 300-W (iBUG); with `topology_maps` the only module with literal landmark indices.

Right and left are the person's own: the right eye is on the image's left in a frontal face.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

N_POINTS = 68
SCHEME = "300w-68"
"""Name of the scheme in network files."""

JAW = tuple(range(0, 17))
RIGHT_BROW = tuple(range(17, 22))
LEFT_BROW = tuple(range(22, 27))
NOSE_BRIDGE = tuple(range(27, 31))
NOSE_BASE = tuple(range(31, 36))
RIGHT_EYE = tuple(range(36, 42))
LEFT_EYE = tuple(range(42, 48))
OUTER_LIPS = tuple(range(48, 60))
INNER_LIPS = tuple(range(60, 68))
INNER_51 = tuple(range(17, 68))

REGIONS: dict[str, tuple[int, ...]] = {
    "jaw": JAW,
    "brows": RIGHT_BROW + LEFT_BROW,
    "nose": NOSE_BRIDGE + NOSE_BASE,
    "eyes": RIGHT_EYE + LEFT_EYE,
    "lips": OUTER_LIPS + INNER_LIPS,
}

GROUPS: dict[str, tuple[int, ...]] = {
    "jaw": JAW,
    "right_brow": RIGHT_BROW,
    "left_brow": LEFT_BROW,
    "nose_bridge": NOSE_BRIDGE,
    "nose_base": NOSE_BASE,
    "right_eye": RIGHT_EYE,
    "left_eye": LEFT_EYE,
    "outer_lips": OUTER_LIPS,
    "inner_lips": INNER_LIPS,
}
"""The parts of the scheme by name, each point in one of them: `face.landmarks["left_eye"]`."""

CHIN = 8
NOSE_TIP = 30
RIGHT_EYE_OUTER, RIGHT_EYE_INNER = 36, 39
LEFT_EYE_INNER, LEFT_EYE_OUTER = 42, 45
MOUTH_RIGHT, MOUTH_LEFT = 48, 54
EYE_OUTER_CORNERS = (RIGHT_EYE_OUTER, LEFT_EYE_OUTER)
# (corner, upper, upper, corner, lower, lower): p1..p6 of the eye aspect ratio.
EAR_RIGHT = RIGHT_EYE
EAR_LEFT = LEFT_EYE
# Inner lips: corners, then the three upper points and the three lower ones below them.
INNER_LIP_CORNERS = (60, 64)
INNER_LIP_UPPER = (61, 62, 63)
INNER_LIP_LOWER = (67, 66, 65)
# Points that do not move with mouth and eyelids: for the head pose.
RIGID = (RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER, *NOSE_BRIDGE, *NOSE_BASE)


def _flip_permutation() -> NDArray[np.intp]:
    pairs = [
        *zip(range(0, 8), range(16, 8, -1), strict=True),
        *zip(range(17, 22), range(26, 21, -1), strict=True),
        (31, 35), (32, 34),
        (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46),
        (48, 54), (49, 53), (50, 52), (59, 55), (58, 56),
        (60, 64), (61, 63), (67, 65),
    ]  # fmt: skip
    order = np.arange(N_POINTS)
    for a, b in pairs:
        order[a], order[b] = b, a
    order.setflags(write=False)
    return order


FLIP = _flip_permutation()
"""(68,) permutation for mirroring: the mirrored face's points are points[FLIP] with x negated."""

FIVE_POINTS = (RIGHT_EYE, LEFT_EYE, (NOSE_TIP,), (MOUTH_RIGHT,), (MOUTH_LEFT,))
"""Groups of the 68 points whose means are the detector's five keypoints."""
FIVE_FLIP = (1, 0, 2, 4, 3)


def five_from_68(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the five keypoints of 68 points, (..., 68, 2) -> (..., 5, 2): eye centres, nose tip, mouth corners."""
    return np.stack([points[..., list(group), :].mean(axis=-2) for group in FIVE_POINTS], axis=-2)


def _open(indices: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(pairwise(indices))


def _closed(indices: tuple[int, ...]) -> list[tuple[int, int]]:
    return [*_open(indices), (indices[-1], indices[0])]


EDGES: tuple[tuple[int, int], ...] = (
    *_open(JAW), *_open(RIGHT_BROW), *_open(LEFT_BROW), *_open(NOSE_BRIDGE), *_open(NOSE_BASE),
    *_closed(RIGHT_EYE), *_closed(LEFT_EYE), *_closed(OUTER_LIPS), *_closed(INNER_LIPS),
)  # fmt: skip
"""Pairs of points that are connected by lines in drawings."""
