"""Parametric head: 68 3-D points with random identity and expression, and the surface through them.

Units mm; x to the image's right, y down, z into the head, the origin between the eyes, as in `facetrack.pose`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.demo_clip.puppet import thin_plate
from facetrack.topology import INNER_LIPS, JAW, LEFT_EYE, NOSE_BASE, NOSE_BRIDGE, OUTER_LIPS, RIGHT_EYE

Array = NDArray[np.float64]
Rng = np.random.Generator

MEAN_MM: Array = np.array(
    [
        (-74, -3, 52), (-73, 19, 50), (-69, 38, 44), (-66, 57, 37), (-57, 78, 28), (-43, 95, 16), (-31, 103, 1),
        (-15, 106, -14), (0, 109, -15), (15, 106, -14), (31, 103, 1), (43, 95, 16), (57, 78, 28), (66, 57, 37),
        (69, 38, 44), (73, 19, 50), (74, -3, 52),
        (-58, -19, 10), (-49, -26, -1), (-38, -29, -9), (-24, -28, -16), (-12, -26, -18),
        (12, -26, -18), (24, -28, -16), (38, -29, -9), (49, -26, -1), (58, -19, 10),
        (0, -3, -18), (0, 9, -26), (0, 20, -34), (0, 33, -42),
        (-15, 45, -19), (-7, 47, -25), (0, 48, -27), (7, 47, -25), (15, 45, -19),
        (-45, -1, 3), (-38, -6, -5), (-28, -6, -6), (-18, 1, -3), (-28, 4, -5), (-38, 4, -3),
        (18, 1, -3), (28, -6, -6), (38, -6, -5), (45, -1, 3), (38, 4, -3), (28, 4, -5),
        (-25, 69, -13), (-17, 62, -23), (-7, 58, -28), (0, 60, -29), (7, 58, -28), (17, 62, -23), (25, 69, -13),
        (17, 77, -20), (9, 81, -25), (0, 82, -26), (-9, 81, -25), (-17, 77, -20),
        (-22, 69, -12), (-10, 68, -22), (0, 69, -24), (10, 68, -22), (22, 69, -12), (10, 71, -21), (0, 72, -24),
        (-10, 71, -21),
    ], np.float64,
)  # fmt: skip
"""(68, 3) mean landmarks: those of the mean face of USC's ICT-FaceKit (Li et al., CVPR 2020; MIT licence), made
symmetric and rounded; lips and nose wings moved outwards and the nose tip slightly down, to where photographs are
labelled."""

X_MM, Y_MM = (-92.0, 92.0), (-118.0, 160.0)
"""Extent of the surface: ear to ear, crown to the chin of a wide open mouth."""
STEP_MM = 6.0
SKULL_MM = (86.0, 108.0, 78.0)
"""Half axes of the ellipsoid under the features: half the breadth and height of a head, and the depth to the ears."""
SKULL_CENTRE_MM = (0.0, -2.0)
SKULL_FRONT_MM = -14.0
JAW_DROP_MM = 40.0
"""Drop of the lower lip in a yawn."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadShape:
    """Shape and expression of a head.

    points: (68, 3) mm.
    closure: of the right and left lids, 0 open to 1 shut.
    opening: of the jaw, 0..1.
    smile: -1..1.
    gaze: (2,) mm shift of the irises.
    """

    points: Array
    closure: tuple[float, float]
    opening: float
    smile: float
    gaze: Array


def random_shape(rng: Rng) -> HeadShape:
    """Draw a random identity with a random expression."""
    points = _identity(rng)
    lids = float(rng.choice([rng.uniform(0, 0.2), rng.uniform(0.2, 0.8), rng.uniform(0.85, 1)], p=[0.6, 0.2, 0.2]))
    closure = (lids, lids) if rng.random() < 0.93 else (lids, float(rng.uniform(0, 1)))
    opening = float(rng.choice([rng.uniform(0, 0.06), rng.uniform(0.06, 0.5), rng.uniform(0.5, 1)], p=[0.5, 0.3, 0.2]))
    smile = float(np.clip(rng.normal(0.3, 0.4), -0.5, 1.0)) * (1 - 0.6 * opening)
    _raise_brows(points, float(rng.normal(1, 2.5)))
    _smile(points, smile)
    _drop_jaw(points, opening)
    for eye, shut in zip((RIGHT_EYE, LEFT_EYE), closure, strict=True):
        _close_eye(points, eye, shut)
    return HeadShape(points, closure, opening, smile, rng.normal(0, [2.2, 1.0]))


def _identity(rng: Rng) -> Array:
    points = MEAN_MM.copy()
    points[:, 0] *= rng.normal(1, 0.04)
    low = points[:, 1] > 0
    points[low, 1] *= rng.normal(1, 0.05)
    jaw = list(JAW)
    points[jaw, 0] *= 1 + rng.normal(0, 0.05) * points[jaw, 1] / 100
    eye_shift = rng.normal(0, 1.5)
    for eye, side in ((RIGHT_EYE, -1), (LEFT_EYE, 1)):
        _scale(points, eye, (rng.normal(1, 0.06), float(np.clip(rng.normal(1.05, 0.16), 0.7, 1.5))))
        points[list(eye), 0] += side * eye_shift
        points[list(eye), 1] -= side * (points[list(eye), 0] - side * 30) * rng.normal(0.04, 0.05)
    brows = list(topology.RIGHT_BROW + topology.LEFT_BROW)
    points[brows, 1] += rng.normal(0, 2) + (np.abs(points[brows, 0]) - 35) * rng.normal(0, 0.08)
    _scale(points, NOSE_BASE, (rng.normal(1.05, 0.12), 1.0))
    nose = list(NOSE_BRIDGE + NOSE_BASE)
    points[nose, 1] += rng.normal(0, 2.5) * np.clip(points[nose, 1] / 45, 0, 1)
    points[nose, 2] *= rng.normal(1, 0.1)
    lips = OUTER_LIPS + INNER_LIPS
    _scale(points, lips, (rng.normal(1, 0.08), float(np.clip(rng.normal(1, 0.2), 0.6, 1.6))))
    points[list(lips), 1] += rng.normal(0, 2)
    points[:, :2] += rng.normal(0, 0.5, (topology.N_POINTS, 2))
    return points


def _scale(points: Array, group: tuple[int, ...], factors: tuple[float, float]) -> None:
    middle = points[list(group), :2].mean(axis=0)
    points[list(group), :2] = middle + (points[list(group), :2] - middle) * factors


def _raise_brows(points: Array, by_mm: float) -> None:
    points[list(topology.RIGHT_BROW + topology.LEFT_BROW), 1] -= by_mm


def _smile(points: Array, smile: float) -> None:
    """Move the mouth corners out and up, their neighbours by about half as much (zygomaticus major)."""
    half = len(OUTER_LIPS) // 2
    for lips in (OUTER_LIPS, INNER_LIPS):
        middle = len(lips) // 2
        for corner, side in ((0, -1.0), (middle, 1.0)):
            for offset, share in ((0, 1.0), (1, 0.45), (-1, 0.45)):
                index = lips[(corner + offset) % len(lips)]
                points[index] += share * smile * np.array([side * 6.0, -5.0, 4.0])
    points[list(OUTER_LIPS[1:half]), 1] -= max(smile, 0.0) * 1.0


def _drop_jaw(points: Array, opening: float) -> None:
    """Lower the jaw about the ears: most at the chin, less towards its sides, and the mouth corners by a third."""
    side = np.abs(np.linspace(-1, 1, len(JAW)))
    drop = opening * JAW_DROP_MM
    points[list(JAW), 1] += drop * 0.85 * np.clip(1 - (side / 0.8) ** 2, 0, 1)
    for lips in (OUTER_LIPS, INNER_LIPS):
        middle = len(lips) // 2
        lower = list(lips[middle + 1 :])
        points[lower, 1] += drop * np.sin(np.pi * np.linspace(0, 1, len(lower) + 2)[1:-1]) ** 0.25
        for corner, inward in ((0, 1.0), (middle, -1.0)):
            points[lips[corner]] += drop * np.array([0.14 * inward, 0.3, 0.0])


def _close_eye(points: Array, eye: tuple[int, ...], closure: float) -> None:
    """Lower the upper lid onto the lower one, which rises a little."""
    upper, lower = [eye[1], eye[2]], [eye[5], eye[4]]
    gap = points[lower, 1] - points[upper, 1]
    points[upper, 1] += 0.9 * closure * gap
    points[lower, 1] -= 0.06 * closure * gap


def surface(points: Array) -> NDArray[np.float32]:
    """Return z in mm on a grid of STEP_MM: an ellipsoid, deformed by a thin-plate spline through the points."""
    x = np.arange(X_MM[0], X_MM[1] + STEP_MM, STEP_MM)
    y = np.arange(Y_MM[0], Y_MM[1] + STEP_MM, STEP_MM)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    rim = np.array([(x, y) for y in (-110, -75, -45) for x in (-60, -30, 0, 30, 60)], np.float64)
    centres = np.concatenate([points[:, :2], rim])
    residual = np.concatenate([points[:, 2] - _ellipsoid_depth(points[:, :2]), np.zeros(len(rim))])
    deformed = _ellipsoid_depth(grid) + thin_plate(centres, residual[:, None], grid)[:, 0]
    return deformed.reshape(len(y), len(x)).astype(np.float32)


def _ellipsoid_depth(at: Array) -> Array:
    """Return the ellipsoid's depth (N,) at (N, 2), continued steeply outside of it."""
    a, b, depth = SKULL_MM
    r2 = ((at[:, 0] - SKULL_CENTRE_MM[0]) / a) ** 2 + ((at[:, 1] - SKULL_CENTRE_MM[1]) / b) ** 2
    inside = np.sqrt(np.clip(1 - r2, 0.04, 1))
    return SKULL_FRONT_MM + depth * (1 - inside) + 20 * np.clip(r2 - 0.96, 0, 1)


def sample_surface(depth: NDArray[np.float32], at: Array) -> Array:
    """Sample z (...) at (..., 2) mm, linearly between the grid's nodes."""
    column = ((at[..., 0] - X_MM[0]) / STEP_MM).astype(np.float32)
    row = ((at[..., 1] - Y_MM[0]) / STEP_MM).astype(np.float32)
    z = cv2.remap(depth, column.reshape(1, -1), row.reshape(1, -1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(z, np.float64).reshape(at.shape[:-1])
