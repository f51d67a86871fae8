"""Landmark schemes: names, mirroring permutations, and conversions between schemes.

With `topology` the only module with literal landmark indices. A map has one group of source indices for each target
point, which is the group's mean. Right and left are the person's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from facetrack import topology

Groups = tuple[tuple[int, ...], ...]
Pairs = Iterable[tuple[int, int]]

SCHEME_68 = topology.SCHEME
WFLW_98 = "wflw-98"
"""Wu et al., Look at Boundary (CVPR 2018): 33 jaw, 2 x 9 brow, 9 nose, 2 x 8 eye, 20 lip points, 2 pupils."""
JD_106 = "jd-106"
"""Scheme of JD-landmark and LaPa (Liu et al., AAAI 2020). InsightFace's 106 points have another order."""
MESH_478 = "mesh-478"
"""MediaPipe's face mesh with irises (Kartynnik et al., 2019)."""
COFW_29 = "cofw-29"
"""Burgos-Artizzu et al., ICCV 2013: the 29 points of LFPW (Belhumeur et al., CVPR 2011)."""
KAGGLE_15 = "kaggle-15"
"""Kaggle's Facial Keypoints Detection (2013), in the order of its columns."""
AFLW_21 = "aflw-21"
"""Köstinger et al., Annotated Facial Landmarks in the Wild (BeFIT 2011): 3 on each brow, 3 on each eye (corner, centre,
corner), ear lobe, side of the nose, nose tip, side, ear lobe, mouth corner, centre, corner, chin. Points that cannot
be seen are not labelled."""
FIVE = "five"
"""Right eye, left eye, nose tip, right and left mouth corner, as in MTFL and `types.Detections`."""

KAGGLE_FROM_68: dict[str, tuple[int, ...]] = {
    "left_eye_center": topology.LEFT_EYE,
    "right_eye_center": topology.RIGHT_EYE,
    "left_eye_inner_corner": (topology.LEFT_EYE_INNER,),
    "left_eye_outer_corner": (topology.LEFT_EYE_OUTER,),
    "right_eye_inner_corner": (topology.RIGHT_EYE_INNER,),
    "right_eye_outer_corner": (topology.RIGHT_EYE_OUTER,),
    "left_eyebrow_inner_end": (topology.LEFT_BROW[0],),
    "left_eyebrow_outer_end": (topology.LEFT_BROW[-1],),
    "right_eyebrow_inner_end": (topology.RIGHT_BROW[-1],),
    "right_eyebrow_outer_end": (topology.RIGHT_BROW[0],),
    "nose_tip": (topology.NOSE_TIP,),
    "mouth_left_corner": (topology.MOUTH_LEFT,),
    "mouth_right_corner": (topology.MOUTH_RIGHT,),
    "mouth_center_top_lip": (topology.OUTER_LIPS[3],),
    "mouth_center_bottom_lip": (topology.OUTER_LIPS[9],),
}
"""Kaggle's points by name, as groups of the 68.

Its lip points are on the outer edges: in its first row they are .32 eye distances apart with the corners midway.
"""
KAGGLE_NAMES: tuple[str, ...] = tuple(KAGGLE_FROM_68)

N_POINTS: dict[str, int] = {
    SCHEME_68: topology.N_POINTS, WFLW_98: 98, JD_106: 106, MESH_478: 478, COFW_29: 29, KAGGLE_15: 15, AFLW_21: 21,
    FIVE: 5,
}  # fmt: skip


def _single(indices: Iterable[int]) -> Groups:
    return tuple((index,) for index in indices)


def _span(first: int, last: int) -> range:
    """Return first..last, both included."""
    return range(first, last + 1)


_WFLW_TO_68 = _single(
    chain(
        range(0, 33, 2), _span(33, 37), _span(42, 46), _span(51, 59),
        (60, 61, 63, 64, 65, 67), (68, 69, 71, 72, 73, 75), _span(76, 95),
    )
)  # fmt: skip
"""Selection of the papers that train on both schemes (PIPNet, AdaptiveWing).

Every second jaw point, the brows' upper edges, and of each eye's eight points all but the middle of each lid.
"""
_JD_TO_68 = _single(
    chain(
        range(0, 33, 2), _span(33, 37), _span(42, 46), _span(51, 54), _span(58, 62),
        (66, 67, 69, 70, 71, 73), (75, 76, 78, 79, 80, 82), _span(84, 103),
    )
)  # fmt: skip
"""Selection by the scheme's published layout, not checked against its images.

Its anchors (brow ends 33 37 42 46, eyes 66 70 75 79, wings of the nose 58 62, mouth 84 90, chin 16) agree with
FaceX-Zoo's table (JDAI-CV, lms_trans.py).
"""
_MESH_TO_68: Groups = (
    (127,), (234,), (93,), (132, 58), (58, 172), (136,), (150,), (176,), (152,),
    (400,), (379,), (365,), (397, 288), (361,), (323,), (454,), (356,),
    (70,), (63,), (105,), (66,), (107,), (336,), (296,), (334,), (293,), (300,),
    (168, 6), (197, 195), (5,), (4,), (75,), (97,), (2,), (326,), (305,),
    (33,), (160,), (158,), (133,), (153,), (144,), (362,), (385,), (387,), (263,), (373,), (380,),
    (61,), (39,), (37,), (0,), (267,), (269,), (291,), (321,), (314,), (17,), (84,), (91,),
    (78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,),
)  # fmt: skip
"""Table of the project's shared data (mesh478_to_68.json), with which its mesh-labelled pack was made.

The mesh's outline is not the 300-W jaw line: points 0-16 are only approximate.
"""
_COFW_TO_FIVE: Groups = _single((16, 17, 20, 22, 23))
_KAGGLE_TO_FIVE: Groups = _single(
    KAGGLE_NAMES.index(name)
    for name in ("right_eye_center", "left_eye_center", "nose_tip", "mouth_right_corner", "mouth_left_corner")
)

MAPS: dict[tuple[str, str], Groups] = {
    (WFLW_98, SCHEME_68): _WFLW_TO_68,
    (JD_106, SCHEME_68): _JD_TO_68,
    (MESH_478, SCHEME_68): _MESH_TO_68,
    (SCHEME_68, KAGGLE_15): tuple(KAGGLE_FROM_68.values()),
    (SCHEME_68, FIVE): topology.FIVE_POINTS,
    (KAGGLE_15, FIVE): _KAGGLE_TO_FIVE,
    (COFW_29, FIVE): _COFW_TO_FIVE,
}
"""(source, target) -> groups of the source's indices, one for each target point."""


def groups(source: str, target: str) -> Sequence[Groups] | None:
    """Return the maps to apply in sequence to convert one scheme to the other; None if there is no conversion."""
    if source == target:
        return ()
    if (source, target) in MAPS:
        return (MAPS[source, target],)
    if (source, SCHEME_68) in MAPS and (SCHEME_68, target) in MAPS:
        return MAPS[source, SCHEME_68], MAPS[SCHEME_68, target]
    return None


def convert(points: NDArray[np.floating], source: str, target: str) -> NDArray[np.floating]:
    """Convert (..., K, 2) points of one scheme to another; a target point is NaN if any point of its group is.

    Raises ValueError if there is no conversion.
    """
    steps = groups(source, target)
    if steps is None:
        raise ValueError(f"there is no map from '{source}' to '{target}'")
    for step in steps:
        points = np.stack([points[..., list(group), :].mean(axis=-2) for group in step], axis=-2)
    return points


def mesh_to_68(mesh: NDArray[np.floating]) -> NDArray[np.float32]:
    """Convert (.., 478, 2) points of MediaPipe's mesh to the 68."""
    return convert(mesh, MESH_478, SCHEME_68).astype(np.float32)


def convert_weight(weight: NDArray[np.floating], source: str, target: str) -> NDArray[np.floating]:
    """Convert (K,) weights of the points, or booleans, to another scheme: the minimum of each group."""
    for step in groups(source, target) or ():
        weight = np.stack([weight[list(group)].min() for group in step])
    return weight


def _flip(n_points: int, pairs: Pairs) -> NDArray[np.intp]:
    """Return the (n_points,) permutation for mirroring that swaps the pairs."""
    order = np.arange(n_points)
    for a, b in pairs:
        order[a], order[b] = b, a
    order.setflags(write=False)
    return order


def _counter(first: int, last: int, onto_first: int) -> Pairs:
    """Return the mirror pairs of first..last with onto_first, onto_first - 1, ..."""
    return [(index, onto_first - step) for step, index in enumerate(_span(first, last))]


_WFLW_PAIRS = [
    *_counter(0, 15, 32), *_counter(33, 37, 46), *_counter(38, 41, 50), *_counter(55, 56, 59),
    *_counter(60, 64, 72), *_counter(65, 67, 75), *_counter(76, 78, 82), *_counter(86, 87, 84),
    *_counter(88, 89, 92), (95, 93), (96, 97),
]  # fmt: skip
_JD_PAIRS = [
    *_counter(0, 15, 32), *_counter(33, 37, 46), *_counter(38, 41, 50), *_counter(55, 59, 65),
    *_counter(66, 70, 79), *_counter(71, 73, 82), (74, 83), *_counter(84, 86, 90), *_counter(94, 95, 92),
    *_counter(96, 97, 100), (103, 101), (104, 105),
]  # fmt: skip
_COFW_PAIRS = [(0, 1), (2, 3), (4, 6), (5, 7), (8, 9), (10, 11), (12, 14), (13, 15), (16, 17), (18, 19), (22, 23)]
_KAGGLE_PAIRS = [
    (KAGGLE_NAMES.index(name), KAGGLE_NAMES.index(name.replace("left", "right")))
    for name in KAGGLE_NAMES
    if "left" in name
]

_AFLW_PAIRS = [*_counter(0, 2, 5), *_counter(6, 8, 11), (12, 16), (13, 15), (17, 19)]

FLIPS: dict[str, NDArray[np.intp]] = {
    SCHEME_68: topology.FLIP,
    WFLW_98: _flip(98, _WFLW_PAIRS),
    JD_106: _flip(106, _JD_PAIRS),
    COFW_29: _flip(29, _COFW_PAIRS),
    KAGGLE_15: _flip(15, _KAGGLE_PAIRS),
    AFLW_21: _flip(21, _AFLW_PAIRS),
    FIVE: np.array(topology.FIVE_FLIP),
}
"""Scheme -> (K,) permutation for mirroring: the mirrored face's points are points[FLIPS[scheme]] with x negated."""


def point_names(scheme: str) -> tuple[str, ...]:
    """Return the points' names for tables: Kaggle's names, or indices."""
    return KAGGLE_NAMES if scheme == KAGGLE_15 else tuple(str(index) for index in range(N_POINTS.get(scheme, 0)))


def scheme_of_count(n_points: int) -> str:
    """Return the scheme with `n_points` points, for formats that do not name it; "points-K" for an unknown one."""
    for name, count in N_POINTS.items():
        if count == n_points:
            return name
    return f"points-{n_points}"


AFLW_EARS = (12, 16)
"""AFLW's points on the ear lobes, right and left, which no combination of the 68 gives."""
AFLW_EYES = ((6, 8), (9, 11))
"""Of AFLW's 21 points: the corners of the right and of the left eye."""
MESH_LIDS = (
    ((33, 133), ((160, 144), (159, 145), (158, 153))),
    ((263, 362), ((387, 373), (386, 374), (385, 380))),
)
"""Of the mesh's right and left eye: its outer and inner corner, and pairs of opposite points of the upper and lower
lid."""
MESH_IRISES = ((468, (469, 470, 471, 472)), (473, (474, 475, 476, 477)))
"""Of the mesh's right and left eye: the iris's centre and four points on its edge."""
AFLW_EYE_CORNERS: tuple[tuple[int, int], ...] = ((6, 36), (8, 39), (9, 42), (11, 45))
"""(AFLW's point, the one of the 68 that it is)."""
_AFLW_RIGHT_AND_MIDDLE: dict[int, dict[int, float]] = {
    0: {17: 0.50, 18: 0.41, 36: 0.09}, 1: {18: 0.44, 20: 0.47, 37: 0.10}, 2: {21: 0.40, 20: 0.45, 39: 0.15},
    6: {36: 1.0}, 7: dict.fromkeys(topology.RIGHT_EYE, 1 / 6), 8: {39: 1.0},
    13: {31: 1.19, 33: -0.46, 30: 0.26}, 17: {48: 0.3, 60: 0.7},
    14: {30: 0.74, 33: 0.26}, 18: {62: 0.5, 66: 0.5}, 20: {8: 0.91, 57: 0.09},
}  # fmt: skip
"""AFLW's points as weighted means of the 68: least squares on 515 frontal faces labelled in both schemes. The points of
the left half mirror these."""
AFLW_HIDES: dict[int, tuple[int, ...]] = {
    0: (17,), 1: (18, 19), 2: (20, 21), 3: (22, 23), 4: (24, 25), 5: (26,),
    6: (36,), 7: (37, 38, 40, 41), 8: (39,), 9: (42,), 10: (43, 44, 46, 47), 11: (45,),
    13: (31, 32), 14: (30,), 15: (34, 35), 17: (48, 60), 18: (51, 57, 62, 66), 19: (54, 64), 20: (8,),
}  # fmt: skip
"""AFLW's point -> those of the 68 that cannot be seen either where it is not labelled."""


def aflw_from_68() -> NDArray[np.float32]:
    """(21, 68) weights with which the 68 points give AFLW's 21; rows sum to 1, those of AFLW_EARS to 0."""
    weights = np.zeros((N_POINTS[AFLW_21], topology.N_POINTS), np.float32)
    mirror = FLIPS[AFLW_21]
    for row, parts in _AFLW_RIGHT_AND_MIDDLE.items():
        for point, weight in parts.items():
            weights[row, point] += weight
            if mirror[row] != row:
                weights[mirror[row], topology.FLIP[point]] += weight
    sums = weights.sum(axis=1, keepdims=True)
    return np.asarray(weights / np.where(sums == 0, 1, sums), np.float32)
