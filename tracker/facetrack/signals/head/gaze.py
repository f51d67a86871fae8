"""Gaze: the direction of the eyes over that of the head, and of the head alone where the eyes are not seen.

Not known is when the person looks into the camera, so that the zero of the eyes is an assumption: that over minutes,
the head held as usual, a person's usual gaze is straight ahead. It is learnt like the neutral head (a median of which
the past fades); a calibration replaces it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from facetrack.angles import Angles, turned_by, turned_from_deg
from facetrack.signals.eyes.closure import Pair
from facetrack.signals.eyes.lid_motion import LidMotion
from facetrack.signals.head.neutral import HeadAngles, is_away
from facetrack.signals.head.screen import GazeCalibration
from facetrack.signals.windows.fading_quantile import FadingQuantile, Level
from facetrack.signals.windows.observed_time import GapTimer
from facetrack.smoothing.one_euro import OneEuro, OneEuroOptions
from facetrack.types import EyeGaze, GazeSignals, Pose

HEAD, EYES = "head", "eyes"
"""`Gaze.source` of a gaze that is read from the head alone, and of one that the eyes give."""
COARSE, CALIBRATED = "coarse", "calibrated"
EyePair = tuple[EyeGaze | None, EyeGaze | None]
NO_EYES: EyePair = (None, None)
Zeros = tuple[Angles | None, Angles | None]
"""Where the right and the left eye look in the head that looks straight ahead; None until it is known."""
NO_GAZE = GazeSignals()


SMOOTHING = OneEuroOptions(min_cutoff_hz=2.5, beta=0.1, d_cutoff_hz=5.0)
"""Of the eyes in the head, scale 1 degree. Delay at rest 64 ms, under one frame of 30 per second in a saccade."""


@dataclass(frozen=True, slots=True)
class GazeOptions:
    """Limits and times of the gaze, choices of this project where no other source is named.

    seen_from: openness under which the lids cover too much of the iris. max_sigma_deg: uncertainty above which an eye
        says nothing. max_apart: by how many standard deviations of their difference the two eyes may look apart, over
        what they usually do (on the ten clips 1.5 % of the frames do); further, one of them is read wrongly, and which
        one is not known.
    hold_s: for how long eyes that are shut, hidden or under moving lids (`LidMotion`) count as held where they looked,
        the head going on: a blink.
    learn_s, memory_s: of the usual direction of each eye in the head, as of the neutral head. away_weight: the same
        for a head turned further than near_deg.
    smoothing: of the eyes in the head.
    zero_sigma_deg: standard deviation of the zero without a calibration (docs/signals.md says how it was found).
    """

    seen_from: float = 0.25
    max_sigma_deg: float = 15.0
    max_apart: float = 1.5
    hold_s: float = 0.5
    learn_s: float = 2.0
    memory_s: float = 120.0
    near_deg: float = 12.0
    away_weight: float = 0.1
    smoothing: OneEuroOptions = SMOOTHING
    zero_sigma_deg: float = 4.0


@dataclass(frozen=True, slots=True)
class Gaze:
    """Direction relative to straight ahead (the neutral head's, eyes as usual).

    yaw_deg: positive towards the picture's right. pitch_deg: positive up. source: what it was read from.
    """

    yaw_deg: float
    pitch_deg: float
    source: str


def head_gaze(head: HeadAngles | None) -> Gaze | None:
    """Take the direction of the head for that of the eyes; None where the head is unknown.

    This is all that the 68 points give: none of them is a pupil. People turn their eyes before and beyond the head, so
    a glance that the eyes make alone, of up to some 15 degrees, is not seen, and a turned head may still look ahead.
    """
    if head is None:
        return None
    return Gaze(head.yaw_deg, head.pitch_deg, HEAD)


class UsualEye:
    """Where one eye usually looks in the head.

    value: yaw and pitch; None until learn_s have been seen.
    """

    def __init__(self, learn_s: float, memory_s: float) -> None:
        self._learn_s = learn_s
        self._yaw, self._pitch = (Level(FadingQuantile(-45.0, 45.0, 360, memory_s), 0.5) for _ in range(2))
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._yaw.reset()
        self._pitch.reset()
        self.value: Angles | None = None

    def add(self, eye: EyeGaze, seconds: float) -> None:
        yaw, pitch = self._yaw, self._pitch
        moved = yaw.add(eye.yaw_deg, seconds)
        moved = pitch.add(eye.pitch_deg, seconds) or moved
        if not moved and self.value is not None:
            return
        if yaw.value is not None and pitch.value is not None and yaw.known_s >= self._learn_s:
            self.value = yaw.value, pitch.value


class GazeMeter:
    """Gaze of one face.

    Each eye's direction in the head is known from the iris (`facetrack.gaze`). What both have in common is their mean,
    weighted by 1 / sigma^2; by how much one of them usually differs from that is learnt, so that an eye that is hidden
    does not move the gaze of the other. The mean is smoothed and laid over the head. Without eyes the gaze is the
    head's. Delay: see `GazeOptions.smoothing`.
    """

    def __init__(self, options: GazeOptions | None = None, calibration: GazeCalibration | None = None) -> None:
        """calibration: what `facetrack calibrate --gaze` found; its zero replaces the usual direction."""
        self.options, self._calibration = options or GazeOptions(), calibration
        learn_s, memory_s = self.options.learn_s, self.options.memory_s
        self._usual = (UsualEye(learn_s, memory_s), UsualEye(learn_s, memory_s))
        self._gap_timer = GapTimer()
        self._filter = OneEuro[complex](self.options.smoothing)
        self._lids = LidMotion()
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        for part in (*self._usual, self._gap_timer, self._filter, self._lids):
            part.reset()
        self._seen_s, self._held, self._held_sigma_deg = -math.inf, 0j, math.inf

    def update(
        self, time_s: float, head: HeadAngles | None, pose: Pose | None, eyes: EyePair, openness: Pair
    ) -> tuple[Gaze | None, GazeSignals]:
        """Follow the next frame.

        head: relative to the neutral one. pose: of the same frame; None where unknown or unsure. eyes: where the right
        and the left one look in the head. openness: of them, 0..1, None where unknown.
        """
        (right, left), lids_move = eyes, self._lids.update(time_s, openness)
        if lids_move or pose is None:
            right = left = None
        elif right is not None or left is not None:
            right, left = self._seen(right, openness[0]), self._seen(left, openness[1])
            self._learn(time_s, head, right, left)
        zeros = self._own_zeros()
        right, left = _comparable(right, left, zeros, self.options.max_apart)
        if right is not None or left is not None:
            if time_s - self._seen_s > self.options.hold_s:
                self._filter.reset()
            yaw_deg, pitch_deg, self._held_sigma_deg = _together(right, left, zeros)
            self._held = self._filter(complex(yaw_deg, pitch_deg), time_s)
            self._seen_s = time_s
        if pose is None or time_s - self._seen_s > self.options.hold_s:
            direction = head_gaze(head)
            return direction, _signals(direction)
        zero = _zero(zeros)
        if head is None or zero is None:
            direction = head_gaze(head)
        else:
            turned = self._held.real - zero[0], self._held.imag - zero[1]
            yaw_deg, pitch_deg = turned_from_deg((head.yaw_deg, head.pitch_deg, head.roll_deg), turned)
            direction = Gaze(yaw_deg, pitch_deg, EYES)
        return direction, self._described(direction, pose)

    def _seen(self, eye: EyeGaze | None, openness: float | None) -> EyeGaze | None:
        if eye is None or not eye.sigma_deg <= self.options.max_sigma_deg:
            return None
        return None if openness is not None and openness < self.options.seen_from else eye

    def _learn(self, time_s: float, head: HeadAngles | None, right: EyeGaze | None, left: EyeGaze | None) -> None:
        step_s = self._gap_timer.step(time_s)
        if step_s is None:
            return
        weighted_s = step_s
        if head is not None and is_away(head, self.options.near_deg):
            weighted_s *= self.options.away_weight
        if right is not None:
            self._usual[0].add(right, weighted_s)
        if left is not None:
            self._usual[1].add(left, weighted_s)

    def _own_zeros(self) -> Zeros:
        """Return where each eye looks in the head that looks straight ahead, by itself."""
        if self._calibration is not None:
            return self._calibration.right_deg, self._calibration.left_deg
        return self._usual[0].value, self._usual[1].value

    def _described(self, direction: Gaze | None, pose: Pose) -> GazeSignals:
        in_head = self._held.real, self._held.imag
        camera = turned_by(pose.rotation, in_head)
        sure = self._calibration
        zero_sigma_deg = self.options.zero_sigma_deg if sure is None else sure.sigma_deg
        screen = (None, None) if sure is None else sure.on_screen(camera, pose)
        yaw_deg, pitch_deg = (None, None) if direction is None else (direction.yaw_deg, direction.pitch_deg)
        return GazeSignals(
            yaw_deg, pitch_deg, EYES if direction is None else direction.source,
            None if direction is not None and direction.source == HEAD
            else math.hypot(self._held_sigma_deg, zero_sigma_deg), COARSE if sure is None else CALIBRATED,
            *in_head, *camera, *screen,
        )  # fmt: skip


def _zero(zeros: Zeros) -> Angles | None:
    """Return where both look that look straight ahead; None until it is known."""
    right, left = zeros
    if right is None or left is None:
        return left if right is None else right
    return (right[0] + left[0]) / 2, (right[1] + left[1]) / 2


def _comparable(right: EyeGaze | None, left: EyeGaze | None, zeros: Zeros, max_apart: float) -> EyePair:
    """Leave out an eye whose own zero is unknown while the other's is known: the mean would lean to its side.

    Leave out both where they look apart.
    """
    right_zero, left_zero = zeros
    if right_zero is None or left_zero is None:
        return None if left_zero is not None else right, None if right_zero is not None else left
    if right is None or left is None:
        return right, left
    yaw_deg = right.yaw_deg - left.yaw_deg - right_zero[0] + left_zero[0]
    pitch_deg = right.pitch_deg - left.pitch_deg - right_zero[1] + left_zero[1]
    most_deg = max_apart * math.hypot(right.sigma_deg, left.sigma_deg)
    return NO_EYES if max(abs(yaw_deg), abs(pitch_deg)) > most_deg else (right, left)


def _together(right: EyeGaze | None, left: EyeGaze | None, zeros: Zeros) -> tuple[float, float, float]:
    """Return yaw, pitch and standard deviation of both eyes in the head."""
    right_zero, left_zero = zeros
    apart_yaw_deg = apart_pitch_deg = yaw_deg = pitch_deg = weights = 0.0
    if right_zero is not None and left_zero is not None:
        apart_yaw_deg, apart_pitch_deg = (right_zero[0] - left_zero[0]) / 2, (right_zero[1] - left_zero[1]) / 2
    if right is not None:
        weights = 1.0 / max(right.sigma_deg, 0.1) ** 2
        yaw_deg += weights * (right.yaw_deg - apart_yaw_deg)
        pitch_deg += weights * (right.pitch_deg - apart_pitch_deg)
    if left is not None:
        weight = 1.0 / max(left.sigma_deg, 0.1) ** 2
        yaw_deg += weight * (left.yaw_deg + apart_yaw_deg)
        pitch_deg += weight * (left.pitch_deg + apart_pitch_deg)
        weights += weight
    return yaw_deg / weights, pitch_deg / weights, 1.0 / math.sqrt(weights)


def _signals(direction: Gaze | None) -> GazeSignals:
    """Return the signals of a gaze that the head alone gives."""
    if direction is None:
        return NO_GAZE
    return GazeSignals(direction.yaw_deg, direction.pitch_deg, direction.source, quality=COARSE)
