"""Openness of the eyes from their six points each, where no eye network reads them."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.signals.eyes.baseline import PRIOR_S, EyeLevels
from facetrack.signals.eyes.closure import Pair
from facetrack.signals.observation import FrameMeasures, Observation
from facetrack.signals.profile import NO_PROFILE, Profile
from facetrack.signals.windows.fading_quantile import FadingQuantile, Level
from facetrack.signals.windows.observed_time import GapTimer
from facetrack.topology import EAR_LEFT, EAR_RIGHT

_RIGHT, _LEFT = np.array(EAR_RIGHT), np.array(EAR_LEFT)
_BOTH, _CORNERS = np.array(EAR_RIGHT + EAR_LEFT), np.array(EAR_RIGHT[::3] + EAR_LEFT[::3])
PITCH_MEMORY_S = 60.0
"""Known time over which the way the head is usually held fades to 1/e: a new way to sit takes a minute to count."""
KEEP_S = 3.0
"""Seconds for which aspect ratios are kept until a closure turns out to have been one; of a longer closure, its end."""


def eye_aspect_ratios(points: NDArray[np.floating]) -> tuple[float, float]:
    """(68, 2) -> the person's (right, left) eye aspect ratios; NaN for an eye of no width.

    EAR = (|p2 - p6| + |p3 - p5|) / (2 |p1 - p4|) (Soukupova and Cech, CVWW 2016). About .3 open and below .15 closed,
    but it differs between persons and grows as a turned head narrows the eye: see `measure` for when to trust it.
    """
    return _aspect_ratio(points.take(_RIGHT, axis=0).tolist()), _aspect_ratio(points.take(_LEFT, axis=0).tolist())


def _aspect_ratio(eye: list[list[float]]) -> float:
    """p1..p6, plain numbers: NumPy takes ten times as long over so few."""
    p1, p2, p3, p4, p5, p6 = eye
    width = 2.0 * math.dist(p1, p4)
    return (math.dist(p2, p6) + math.dist(p3, p5)) / width if width > 0.0 else math.nan


@dataclass(frozen=True, slots=True)
class EyeOptions:
    """Limits within which an eye's openness is known, and its weights.

    max_yaw_deg: turned further, neither eye is (the far one no further than `measure` allows); max_seen_yaw_deg: the
        same for a network that tells which points are visible. min_presence, max_sigma:
        how sure the face and the eye's points must be; the latter as their mean uncertainty over the eye's width: on
        290 faces of helen_train .12 (95 %) at open eyes and .19 at closed ones, .13 to .23 at painted-over ones.
    looks_down_deg: the head lower than it is usually held by more than this, and the eyes are unknown: lids seen from
        above cover the eye.
    learns_within_deg: how straight the head must be held for the person's levels to be learnt.
    """

    max_yaw_deg: float = 30.0
    max_seen_yaw_deg: float = 45.0
    min_presence: float = 0.5
    max_sigma: float = 0.22
    looks_down_deg: float = 15.0
    learns_within_deg: float = 15.0


class EyeMeter:
    """Openness 0..1 of each of a person's eyes, 1 being this person's open eye.

    openness = (EAR - closed) / (open - closed), cut to 0..1. To be trusted less than lid gaps (`GapMeter`): a smile or
    a lowered look takes a third off the aspect ratio of an open eye, and in a blink it falls by .02 to .1 of .35.

    widths: aspect ratio of the (right, left) eye over its open one's in the last frame: under 1 narrowed by whatever;
    None where unknown.

    An eye is unknown (None) where `measure` knows nothing of it, when the head is turned too far, and when the face or
    the eye's points are unsure. Delay: none.
    """

    def __init__(self, options: EyeOptions | None = None, profile: Profile = NO_PROFILE) -> None:
        self.options = options or EyeOptions()
        self.right = EyeLevels(profile.ear_right_open, profile.ear_right_closed)
        self.left = EyeLevels(profile.ear_left_open, profile.ear_left_closed)
        self._gap_timer = GapTimer()
        self._pitch = Level(FadingQuantile(-45.0, 45.0, 90, PITCH_MEMORY_S), 0.5)
        self.reset()

    def reset(self) -> None:
        """Equal to a new one with the same profile."""
        self.right.reset()
        self.left.reset()
        self._gap_timer.reset()
        self._pitch.reset()
        self._ears: deque[tuple[float, Pair]] = deque()
        self.widths: Pair = (None, None)
        self._learns_for_s = 0.0  # how long this frame stands for, 0 where it teaches nothing

    def update(self, observation: Observation, measured: FrameMeasures, viewed_deg: tuple[float, float] | None) -> Pair:
        """Compute the openness of the person's (right, left) eye.

        measured: what `measure` found in this frame. viewed_deg: yaw and pitch of the head against the line of sight
        (`viewed_from_deg`), None without a pose.
        """
        seconds = self._gap_timer.step(observation.time_s)
        if viewed_deg is None or not self._sees_face(observation, viewed_deg[0]):
            self.widths = (None, None)
            return None, None
        yaw_deg, pitch_deg = viewed_deg
        lowered_deg = self._usual_pitch_deg - pitch_deg
        self._learns_for_s = 0.0
        if seconds is not None:
            self._pitch.add(pitch_deg, seconds)
            if max(abs(yaw_deg), abs(lowered_deg)) <= self.options.learns_within_deg:
                self._learns_for_s = seconds
        right, left = measured.right_aspect_ratio, measured.left_aspect_ratio
        if lowered_deg > self.options.looks_down_deg:
            right = left = None
        right_unsure, left_unsure = _unsure(observation)
        right = None if right_unsure > self.options.max_sigma else right
        left = None if left_unsure > self.options.max_sigma else left
        found = self._openness(right, self.right), self._openness(left, self.left)
        self.widths = (_width(right, self.right), _width(left, self.left))
        self._keep(observation.time_s, (right, left))
        return found

    def saw_closure(self, start_s: float, end_s: float) -> None:
        """Learn the aspect ratio of closed eyes from a closure between these moments."""
        for index, levels in enumerate((self.right, self.left)):
            found = [ears[index] for time_s, ears in self._ears if start_s <= time_s <= end_s]
            if known := [ear for ear in found if ear is not None]:
                levels.closed(min(known))

    def _sees_face(self, observation: Observation, yaw_deg: float) -> bool:
        options = self.options
        limit_deg = options.max_yaw_deg if observation.visibility is None else options.max_seen_yaw_deg
        return abs(yaw_deg) <= limit_deg and observation.presence >= options.min_presence

    @property
    def _usual_pitch_deg(self) -> float:
        """The median of what was seen, beginning at 0: a camera below the screen sees every head from below."""
        known_s = self._pitch.known_s
        return (self._pitch.value or 0.0) * known_s / (PRIOR_S + known_s)

    def _openness(self, ear: float | None, levels: EyeLevels) -> float | None:
        """Compute the openness of one eye; None where nothing is known of it."""
        if ear is None:
            return None
        if self._learns_for_s > 0.0:
            levels.saw(ear, self._learns_for_s)
        return _cut((ear - levels.ear_closed) / (levels.ear_open - levels.ear_closed))

    def _keep(self, time_s: float, ears: Pair) -> None:
        self._ears.append((time_s, ears))
        while time_s - self._ears[0][0] > KEEP_S:
            self._ears.popleft()


def _width(ear: float | None, levels: EyeLevels) -> float | None:
    return None if ear is None else ear / levels.ear_open


def _unsure(observation: Observation) -> tuple[float, float]:
    """Return the mean sigma of each eye's points over its width, (right, left)."""
    right_outer, right_inner, left_inner, left_outer = observation.points.take(_CORNERS, axis=0).tolist()
    sigma_px = observation.sigma.take(_BOTH).tolist()
    return (
        _share(sum(sigma_px[:6]) / 6.0, math.dist(right_outer, right_inner)),
        _share(sum(sigma_px[6:]) / 6.0, math.dist(left_inner, left_outer)),
    )


def _share(sigma_px: float, width_px: float) -> float:
    """Divide; 0 for the NaN of a network that gives no uncertainty, inf for an eye of no width."""
    if math.isnan(sigma_px):
        return 0.0
    return sigma_px / width_px if width_px > 0.0 else math.inf


def _cut(value: float) -> float:
    return min(1.0, max(0.0, value))
