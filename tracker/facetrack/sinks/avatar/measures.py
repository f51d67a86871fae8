"""Lengths on a face in mm of an average head, and what they are at rest: what brows and mouth do is the difference."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from facetrack.sinks.avatar.head import HeadPoints, head_points
from facetrack.topology import (
    CHIN,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_BROW,
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE_BASE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
)
from facetrack.types import Face

_NOSE = NOSE_BASE[len(NOSE_BASE) // 2]
_EYES = {"right": (RIGHT_EYE_OUTER, RIGHT_EYE_INNER), "left": (LEFT_EYE_OUTER, LEFT_EYE_INNER)}
_BROWS = {"right": RIGHT_BROW, "left": LEFT_BROW[::-1]}
"""From the outer end to the inner one."""
_MIDDLE_LIPS = (OUTER_LIPS[3], OUTER_LIPS[9], INNER_LIP_UPPER[1], INNER_LIP_LOWER[1])
MAX_YAW_DEG = 40.0
"""Turned further, brows and mouth are foreshortened by more than they move: nothing is measured."""
LEARNING_S = 20.0
"""Time constant with which the rest follows; a face that has just come is learnt faster."""
FIRST_S = 1.0
STEP_S, LONGEST_STEP_S = 0.095, 0.2
"""Time between two steps of the learning: ten a second are enough."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Lengths in mm of an average head (see `head.HEAD_MODEL_MM`); aspect ratios of the eyes have no unit.

    brow_inner_*, brow_outer_*: height of the two inner and the two outer points of a brow above the eye's corners.
    brow_bend_*: height of the brow's middle above the line between its ends.
    corner_*: height of the mouth's corner, below the nose's base negative. width: between the corners. gap: between
    the inner lips. mouth_x, chin_x: place of the lips' middle and the chin, to the person's left of the nose's base.
    chin: its distance below the nose's base.
    eye_*: eye aspect ratio; None where the signals do not know it.
    """

    brow_inner_right: float
    brow_inner_left: float
    brow_outer_right: float
    brow_outer_left: float
    brow_bend_right: float
    brow_bend_left: float
    corner_right: float
    corner_left: float
    width: float
    gap: float
    mouth_x: float
    chin_x: float
    chin: float
    eye_right: float | None = None
    eye_left: float | None = None


NAMES = tuple(item.name for item in fields(Measures))


def measures(face: Face, found: HeadPoints | None = None) -> Measures | None:
    """Measure a face; None without a pose or turned away. found: its `head_points`, where they are known already."""
    if face.pose is None or abs(face.pose.yaw_deg) > MAX_YAW_DEG:
        return None
    found = found or head_points(face)
    if found is None:
        return None
    x, y, z = found.points_mm.T.tolist()
    if not math.isfinite(sum(x) + sum(y) + sum(z)):
        return None
    eyes = face.signals.eyes
    right, left = _brow(y, "right"), _brow(y, "left")
    return Measures(
        *(right[0], left[0], right[1], left[1], right[2], left[2]),
        y[_NOSE] - y[MOUTH_RIGHT],
        y[_NOSE] - y[MOUTH_LEFT],
        x[MOUTH_LEFT] - x[MOUTH_RIGHT],
        sum(y[low] - y[up] for up, low in zip(INNER_LIP_UPPER, INNER_LIP_LOWER, strict=True)) / 3.0,
        sum(x[point] for point in _MIDDLE_LIPS) / 4.0 - x[_NOSE],
        x[CHIN] - x[_NOSE],
        y[CHIN] - y[_NOSE],
        eyes.right.aspect_ratio,
        eyes.left.aspect_ratio,
    )


def _brow(y: list[float], side: str) -> tuple[float, float, float]:
    """Inner height, outer height and bend of one brow."""
    a, b = _EYES[side]
    eye = (y[a] + y[b]) / 2.0
    far, outer, middle, inner, near = (eye - y[point] for point in _BROWS[side])
    return (inner + near) / 2.0, (far + outer) / 2.0, middle - (far + near) / 2.0


class Rest:
    """What one face measures at rest: a running median until a neutral is taken, and that from then on.

    The median follows by steps of one size in the direction of each measurement (stochastic approximation, Robbins and
    Monro, 1951), so that an expression counts by its duration, not by its height.
    """

    STEP_MM = 10.0
    """Largest way of a length in LEARNING_S; of an aspect ratio a hundredth of it."""

    def __init__(self) -> None:
        self.value: Measures | None = None
        self.fixed = False
        self._known_s = 0.0
        self._last_s: float | None = None

    def update(self, time_s: float, seen: Measures | None) -> None:
        """Learn from a frame. seen: its measures; None where there are none."""
        if seen is None or self.fixed:
            return
        last_s = self._last_s
        if last_s is not None and 0.0 <= time_s - last_s < STEP_S:
            return
        self._last_s = time_s
        if self.value is None:
            self.value = seen
            return
        step_s = 0.0 if last_s is None else min(max(time_s - last_s, 0.0), LONGEST_STEP_S)
        self._known_s += step_s
        share = step_s / min(max(self._known_s, FIRST_S), LEARNING_S)
        self.value = Measures(*(self._moved(name, seen, share) for name in NAMES))  # type: ignore[arg-type]

    def _moved(self, name: str, seen: Measures, share: float) -> float | None:
        new, old = getattr(seen, name), getattr(self.value, name)
        if new is None or old is None:
            return old if new is None else new
        most = share * (self.STEP_MM / 100.0 if name.startswith("eye_") else self.STEP_MM)
        return float(old + min(max(new - old, -most), most))

    def take(self, seen: Measures | None) -> None:
        """Take a frame's measures as the rest, for good; what it does not know stays as learnt."""
        if seen is None:
            return
        known: dict[str, Any] = {name: getattr(seen, name) for name in NAMES if getattr(seen, name) is not None}
        self.value = seen if self.value is None else replace(self.value, **known)
        self.fixed = True
