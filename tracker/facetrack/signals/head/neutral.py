"""Angles of the head relative to its neutral pose, which is learnt or calibrated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.angles import product_deg, rotation_from_deg
from facetrack.signals.windows.fading_quantile import FadingQuantile, Level
from facetrack.signals.windows.observed_time import ROUNDING_S, GapTimer
from facetrack.types import Pose

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """Times and limits of learning the neutral head, all choices of this project.

    learn_s: known time after which it is known.
    memory_s: within how much known time the past fades from it.
    near_deg, away_weight: a head turned further from the neutral one counts with away_weight only, so that a long look
        aside does not become the new straight ahead, but a neutral head that was learnt wrong does go away (after
        learn_s aside, some 30 s of looking straight).
    """

    learn_s: float = 3.0
    memory_s: float = 120.0
    near_deg: float = 12.0
    away_weight: float = 0.1


@dataclass(frozen=True, slots=True)
class HeadAngles:
    """Angles relative to the neutral head, with the signs of `Pose`.

    yaw_deg: positive towards the picture's right. pitch_deg: up. roll_deg: clockwise as seen in the picture.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def is_away(head: HeadAngles, near_deg: float) -> bool:
    """Return whether the head is turned further than that to a side, up or down."""
    return abs(head.yaw_deg) > near_deg or abs(head.pitch_deg) > near_deg


class NeutralHead:
    """Angles of the head relative to its neutral pose.

    The neutral pose is the median of yaw, pitch and roll, each over the known time of the last minutes, or what a
    calibration found, which then stays. Relative is meant as a rotation in the neutral head's own axes, N^T R, and not
    as a difference of angles: for a camera that stands below or beside the person, a plain turn of the head stays plain
    yaw (a difference would make pitch and roll of it: opentrack#1663). Adds no delay of its own.
    """

    def __init__(self, options: HeadOptions | None = None, neutral: HeadAngles | None = None) -> None:
        """neutral: `Profile`'s yaw_deg, pitch_deg, roll_deg; None to learn it."""
        self.options = options or HeadOptions()
        self._given = neutral
        self._gap_timer = GapTimer()
        self._medians = [Level(FadingQuantile(-90.0, 90.0, 720, self.options.memory_s), 0.5) for _ in range(3)]
        self.reset()

    def reset(self) -> None:
        self._gap_timer.reset()
        self._known_s = 0.0
        for median in self._medians:
            median.reset()
        self._set(self._given)

    @property
    def neutral(self) -> HeadAngles | None:
        """The neutral head relative to the camera; None until it is known."""
        return self._neutral

    def update(self, time_s: float, pose: Pose | None) -> HeadAngles | None:
        """Return the head relative to its neutral pose; None where either is unknown."""
        if pose is None:
            self._gap_timer.reset()
            return None
        step_s = self._gap_timer.step(time_s)
        relative = None if self._neutral is None else HeadAngles(*product_deg(self._to_neutral, pose.rotation))
        if step_s is not None and self._given is None:
            self._learn(pose, relative, step_s)
        return relative

    def _learn(self, pose: Pose, relative: HeadAngles | None, step_s: float) -> None:
        options, weighted_s, (yaw, pitch, roll) = self.options, step_s, self._medians
        if relative is not None and is_away(relative, options.near_deg):
            weighted_s *= options.away_weight
        moved = yaw.add(pose.yaw_deg, weighted_s)
        moved = pitch.add(pose.pitch_deg, weighted_s) or moved
        moved = roll.add(pose.roll_deg, weighted_s) or moved
        self._known_s += step_s
        if (moved or self._neutral is None) and self._known_s >= options.learn_s - ROUNDING_S:
            self._set(HeadAngles(yaw.value or 0.0, pitch.value or 0.0, roll.value or 0.0))

    def _set(self, neutral: HeadAngles | None) -> None:
        self._neutral = neutral
        if neutral is not None:
            self._to_neutral = rotation_from_deg(neutral.yaw_deg, neutral.pitch_deg, neutral.roll_deg).T
