"""How far the eyes are open: from their six points each, and with what the network reads off the picture."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.signals.baseline import PRIOR_S, EyeLevels
from facetrack.signals.closure import Pair
from facetrack.signals.fading_quantile import FadingQuantile, Level
from facetrack.signals.known_time import Steps
from facetrack.signals.observation import Observation
from facetrack.signals.profile import NO_PROFILE, Profile
from facetrack.topology import EAR_LEFT, EAR_RIGHT
from facetrack.types import Signals

Array = NDArray[np.float64]

PITCH_MEMORY_S = 60.0
"""Known time over which the way the head is usually held fades to 1/e: a new way to sit takes a minute to count."""
KEEP_S = 3.0
"""For how long aspect ratios are kept until a closure turns out to have been one; of a longer closure, its end."""


def eye_aspect_ratios(points: NDArray[np.floating]) -> tuple[Array, Array]:
    """(..., 68, 2) -> the person's (right, left) eye aspect ratios, (...) each; NaN for an eye of no width.

    EAR = (|p2 - p6| + |p3 - p5|) / (2 |p1 - p4|) (Soukupova and Cech, CVWW 2016). About .3 open and below .15 closed,
    but it differs between persons and grows as a turned head narrows the eye: see `measure` for when to trust it.
    """
    exact: Array = np.asarray(points, dtype=np.float64)
    return _aspect_ratio(exact[..., list(EAR_RIGHT), :]), _aspect_ratio(exact[..., list(EAR_LEFT), :])


def _aspect_ratio(eye: Array) -> Array:
    """(..., 6, 2), p1..p6 -> (...)."""
    p1, p2, p3, p4, p5, p6 = np.moveaxis(eye, -2, 0)
    height = np.linalg.norm(p2 - p6, axis=-1) + np.linalg.norm(p3 - p5, axis=-1)
    width = 2.0 * np.linalg.norm(p1 - p4, axis=-1)
    return np.divide(height, width, out=np.full_like(height, np.nan), where=width > 0)


@dataclass(frozen=True, slots=True)
class EyeOptions:
    """When an eye's openness is known, and what it is made of.

    max_yaw_deg: turned further, neither eye is (the far one no further than `measure` allows). min_presence, max_sigma:
        how sure the face and the eye's points must be; the latter as their mean uncertainty over the eye's width: on
        290 faces of helen_train .12 (95 %) at open eyes and .19 at closed ones, .13 to .23 at painted-over ones, whose
        network reading is .3 to .6: neither open nor closed, so that no event and no PERCLOS comes of it.
    head_weight: of the network's reading beside the aspect ratio's, where both are there.
    looks_down_deg: the head lower than it is usually held by more than this, and the aspect ratio says nothing: lids
        seen from above cover the eye.
    learns_within_deg: how straight the head must be held for the person's levels to be learnt.
    """

    max_yaw_deg: float = 30.0
    min_presence: float = 0.5
    max_sigma: float = 0.22
    head_weight: float = 0.9
    looks_down_deg: float = 15.0
    learns_within_deg: float = 15.0


class EyeMeter:
    """Openness 0..1 of each of a person's eyes, 1 being this person's open eye.

    head part = reading / level of the open eye. Aspect-ratio part = (EAR - closed) / (open - closed). Both are cut to
    0..1 and meant with head_weight. The network's reading carries nearly all: it sees lids that cover an eye where the
    points hardly move (this project's: .35 open, .02 to .1 less in a blink), while a smile or a lowered look takes a
    third off the aspect ratio of an eye that is open. A network without such a reading leaves the aspect ratio alone,
    which is to be trusted less.

    An eye is unknown (None) where `measure` knows nothing of it, when the head is turned too far, and when the face or
    the eye's points are unsure. Delay: none.
    """

    def __init__(self, options: EyeOptions | None = None, profile: Profile = NO_PROFILE) -> None:
        self.options = options or EyeOptions()
        self.right = EyeLevels(profile.ear_right_open, profile.ear_right_closed, profile.eye_right_open)
        self.left = EyeLevels(profile.ear_left_open, profile.ear_left_closed, profile.eye_left_open)
        self._steps = Steps()
        self._pitch = Level(FadingQuantile(-45.0, 45.0, 90, PITCH_MEMORY_S), 0.5)
        self.reset()

    def reset(self) -> None:
        """As new: only the profile is left."""
        self.right.reset()
        self.left.reset()
        self._steps.reset()
        self._pitch.reset()
        self._ears: deque[tuple[float, Pair]] = deque()
        self._widths: Pair = (None, None)
        self._learns_for_s = 0.0  # how long this frame stands for, 0 where it teaches nothing

    @property
    def widths(self) -> Pair:
        """Aspect ratio of the (right, left) eye over its open one's in the last frame: under 1 narrowed by whatever;
        None where the eye is unknown or as good as shut."""
        return self._widths

    def update(self, observation: Observation, measured: Signals, viewed_deg: tuple[float, float] | None) -> Pair:
        """Openness of the person's (right, left) eye.

        measured: what `measure` found in this frame. viewed_deg: yaw and pitch of the head against the line of sight
        (`viewed_from_deg`), None without a pose.
        """
        seconds = self._steps.step(observation.time_s)
        if viewed_deg is None or not self._sees_face(observation, viewed_deg[0]):
            self._widths = (None, None)
            return None, None
        yaw_deg, pitch_deg = viewed_deg
        lowered_deg = self._usual_pitch_deg - pitch_deg
        self._learns_for_s = 0.0
        if seconds is not None:
            self._pitch.add(pitch_deg, seconds)
            if max(abs(yaw_deg), abs(lowered_deg)) <= self.options.learns_within_deg:
                self._learns_for_s = seconds
        right, left = measured.ear_right, measured.ear_left
        if lowered_deg > self.options.looks_down_deg:
            right = left = None
        if _unsure(observation, EAR_RIGHT) > self.options.max_sigma:
            right_open = right = None
        else:
            right_open = self._openness(right, measured.eye_right_open, self.right)
        if _unsure(observation, EAR_LEFT) > self.options.max_sigma:
            left_open = left = None
        else:
            left_open = self._openness(left, measured.eye_left_open, self.left)
        self._widths = (_width(right, right_open, self.right), _width(left, left_open, self.left))
        self._keep(observation.time_s, (right, left))
        return right_open, left_open

    def saw_closure(self, start_s: float, end_s: float) -> None:
        """The eyes were closed between these moments: what their aspect ratio was then is that of closed eyes."""
        for index, levels in enumerate((self.right, self.left)):
            found = [ears[index] for time_s, ears in self._ears if start_s <= time_s <= end_s]
            if known := [ear for ear in found if ear is not None]:
                levels.closed(min(known))

    def _sees_face(self, observation: Observation, yaw_deg: float) -> bool:
        return abs(yaw_deg) <= self.options.max_yaw_deg and observation.presence >= self.options.min_presence

    @property
    def _usual_pitch_deg(self) -> float:
        """The median of what was seen, beginning at 0: a camera below the screen sees every head from below."""
        known_s = self._pitch.known_s
        return (self._pitch.value or 0.0) * known_s / (PRIOR_S + known_s)

    def _openness(self, ear: float | None, head: float | None, levels: EyeLevels) -> float | None:
        """Of one eye; None where nothing tells."""
        if self._learns_for_s > 0.0:
            levels.saw(ear, head, self._learns_for_s)
        from_head = None if head is None else _cut(head / levels.head_open)
        if ear is None:
            return from_head
        from_ear = _cut((ear - levels.ear_closed) / (levels.ear_open - levels.ear_closed))
        if from_head is None:
            return from_ear
        return self.options.head_weight * from_head + (1.0 - self.options.head_weight) * from_ear

    def _keep(self, time_s: float, ears: Pair) -> None:
        self._ears.append((time_s, ears))
        while time_s - self._ears[0][0] > KEEP_S:
            self._ears.popleft()


def _width(ear: float | None, openness: float | None, levels: EyeLevels) -> float | None:
    return None if ear is None or openness is None or openness < 0.5 else ear / levels.ear_open


def _unsure(observation: Observation, indices: tuple[int, ...]) -> float:
    """Mean uncertainty of an eye's points over its width; a network that gives none (NaN) is taken at its word."""
    outer, inner = observation.points[indices[0]], observation.points[indices[3]]
    width_px = math.hypot(float(outer[0] - inner[0]), float(outer[1] - inner[1]))
    sigma_px = float(observation.sigma[list(indices)].mean())
    if math.isnan(sigma_px):
        return 0.0
    return sigma_px / width_px if width_px > 0 else math.inf


def _cut(value: float) -> float:
    return min(1.0, max(0.0, value))
