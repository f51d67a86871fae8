"""Openness of the eyes from the lid gaps that an eye network measures, over this person's own gap, open and shut."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from facetrack import compiled
from facetrack.signals.eyes.baseline import MAX_CLOSURES, OpenLevel
from facetrack.signals.eyes.closure import LidFrame, Pair
from facetrack.signals.eyes.openness import KEEP_S, PITCH_MEMORY_S
from facetrack.signals.observation import Observation
from facetrack.signals.per_frame import MAX_PITCH_DEG, NEAR_EYE_MAX_YAW_DEG
from facetrack.signals.windows.fading_quantile import FadingQuantile, Level
from facetrack.signals.windows.observed_time import GapTimer
from facetrack.types import EyesReading
from facetrack.types.eyes import MAX_COVERED

GAP_OPEN = 0.32
GAP_OPEN_RANGE = (0.12, 0.60)
"""Lid gap over eye width of the open eye: .26 to .42 on ten people, .32 their median (MediaPipe's mesh, corrected as
`straight_gap` does)."""
GAP_PRIOR_S = 3.0
"""The population's open gap weighs as much as so many seconds of the person: eyes that are lowered when they come into
view do not become the open ones at once. After 3 s half of a difference is left, after 20 s an eighth."""
TEACHES_ABOVE = 0.7
"""Share of what the person showed so far below which a gap teaches nothing of the open eye: lids on their way, or
lowered. Not of the level, which begins at the population's: small eyes would never be learnt."""
SHUT_SHARE = 0.10
SHUT_SHARE_RANGE = (0.0, 0.40)
PRIOR_CLOSURES = 3
"""Gap of the shut eye over the open one's: the population's counts as so many closures. The level is the lower quartile
of these and of the person's latest: an incomplete blink does not show a shut eye."""
SLANT_DEG = 14.0
"""Angle by which the line of an eye's corners lies turned outwards from the face's: 14 and 15 degrees from the ratio of
the two eyes' gaps in two clips of heads turned by 16 and 20 degrees; 12.8 in ICT-FaceKit's mean head."""
EYE_RADIUS_SHARE = 0.42
"""Radius of the eyeball (12 mm) over the width of the lids' opening (28.5 mm), for the angle of a shifted iris."""
UNKNOWN: Pair = (None, None)


@dataclass(frozen=True, slots=True)
class GapOptions:
    """Limits within which a lid gap is known.

    near_yaw_deg, far_yaw_deg: how far the head may be turned for the eye nearer to the camera and the other one. Past
        30 degrees the far eye's gap says nothing.
    max_covered: the most probable cover of an eye that is seen. max_sigma: the largest uncertainty of a gap over the
        person's open gap. min_presence: of the face.
    learns_within_deg: how straight the head must be held for the levels to be learnt.
    """

    near_yaw_deg: float = NEAR_EYE_MAX_YAW_DEG
    far_yaw_deg: float = 30.0
    max_pitch_deg: float = MAX_PITCH_DEG
    max_covered: float = MAX_COVERED
    max_sigma: float = 0.25
    min_presence: float = 0.5
    learns_within_deg: float = 15.0


class GapLevels:
    """Gap of one person's eye, open and shut."""

    def __init__(self) -> None:
        self._open = OpenLevel(GAP_OPEN, GAP_OPEN_RANGE, None, GAP_PRIOR_S)
        self._shares: deque[float] = deque(maxlen=MAX_CLOSURES)
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._open.reset()
        self._shares.clear()
        self.shut_share = SHUT_SHARE

    @property
    def open(self) -> float:
        return self._open.value

    def openness(self, gap: float) -> float:
        """Return how open the eye is, not cut to 0..1."""
        open_ = self._open.value
        shut = self.shut_share * open_
        return (gap - shut) / (open_ - shut)

    def saw(self, gap: float, seconds: float) -> None:
        """Take a gap that lasted so long, the head held straight."""
        seen = self._open.seen
        if gap >= GAP_OPEN_RANGE[0] and (seen is None or gap >= TEACHES_ABOVE * seen):
            self._open.add(gap, seconds)

    def closed(self, gap: float) -> None:
        """Take the least gap of a closure."""
        low, high = SHUT_SHARE_RANGE
        self._shares.append(min(high, max(low, gap / self.open)))
        found = sorted([SHUT_SHARE] * PRIOR_CLOSURES + list(self._shares))
        self.shut_share = found[len(found) // 4]


class GapMeter:
    """Openness of each of a person's eyes by its lid gap.

    openness = (gap - shut) / (open - shut), cut to 0..1: linear in the lids, whatever the network reads of the eye's
    state. open: the .8 quantile over some minutes of what the straight head showed above TEACHES_ABOVE of it, begun at
    the population's; shut: see PRIOR_CLOSURES. Known from the first frame on; until the person's own level has come
    through (GAP_PRIOR_S) eyes of another size than the population's read up to a quarter too open or too narrow.
    Delay: none.

    An eye is unknown (None) where the network says that it is covered or its gap is unsure, where the head is turned
    too far for it, and where the face is unsure.
    """

    def __init__(self, options: GapOptions | None = None) -> None:
        self.options = options or GapOptions()
        self._levels = (GapLevels(), GapLevels())
        self._gap_timer = GapTimer()
        self._pitch = Level(FadingQuantile(-45.0, 45.0, 90, PITCH_MEMORY_S), 0.5)
        self._iris = Level(FadingQuantile(-0.5, 0.5, 200, PITCH_MEMORY_S), 0.5)
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        for part in (*self._levels, self._gap_timer, self._pitch, self._iris):
            part.reset()
        self.gaps = self.widths = self.open_probs = UNKNOWN
        self._kept: deque[tuple[float, Pair]] = deque()

    def update(self, observation: Observation, viewed_deg: tuple[float, float] | None) -> LidFrame:
        """Measure one frame. viewed_deg: yaw and pitch against the line of sight, None without a pose."""
        time_s, reading = observation.time_s, observation.eyes
        seconds = self._gap_timer.step(time_s)
        self.gaps = self.widths = self.open_probs = UNKNOWN
        if reading is None or viewed_deg is None or not self._sees_face(observation, viewed_deg):
            return LidFrame(time_s, UNKNOWN)
        yaw_deg, pitch_deg = viewed_deg
        usual_deg = self._pitch.value or 0.0
        if seconds is not None:
            self._pitch.add(pitch_deg, seconds)
        within_deg = self.options.learns_within_deg
        straight = abs(yaw_deg) <= within_deg and abs(pitch_deg - usual_deg) <= within_deg
        of_right, of_left = lid_measures(reading, viewed_deg)
        learnt_s = seconds if straight else None
        right_gap, right = self._eye(of_right, self._levels[0], -yaw_deg, learnt_s)
        left_gap, left = self._eye(of_left, self._levels[1], yaw_deg, learnt_s)
        self.gaps, self.widths = (right_gap, left_gap), (right, left)
        self.open_probs = _open_prob(of_right, right_gap), _open_prob(of_left, left_gap)
        self._keep(time_s)
        seen: list[tuple[EyeMeasures, float]] = []
        if right is not None:
            seen.append((of_right, right))
        if left is not None:
            seen.append((of_left, left))
        lowered, shut = UNKNOWN if self.open_probs == UNKNOWN else _states(seen)
        return LidFrame(
            time_s, (_cut(right), _cut(left)), lowered, shut, self._gaze_down(seen, seconds), pitch_deg - usual_deg,
            observation.attributes.get("smile"),
        )  # fmt: skip

    def saw_closure(self, start_s: float, end_s: float) -> None:
        """Learn the gap of shut eyes from a closure between these moments."""
        for index, levels in enumerate(self._levels):
            found = [gaps[index] for time_s, gaps in self._kept if start_s <= time_s <= end_s]
            if known := [gap for gap in found if gap is not None]:
                levels.closed(min(known))

    def _sees_face(self, observation: Observation, viewed_deg: tuple[float, float]) -> bool:
        return observation.presence >= self.options.min_presence and abs(viewed_deg[1]) <= self.options.max_pitch_deg

    def _eye(self, eye: EyeMeasures, levels: GapLevels, away_deg: float, learnt_s: float | None) -> Pair:
        """Return the gap of one eye as seen straight and its openness; None where they are not to be trusted.

        away_deg: see `straight_gap`. learnt_s: for how long the gap held, None where it teaches nothing.
        """
        options, gap = self.options, eye[0]
        if away_deg > options.far_yaw_deg or away_deg < -options.near_yaw_deg:
            return UNKNOWN
        if not math.isfinite(gap) or eye[2] > options.max_covered:
            return UNKNOWN
        if eye[1] > options.max_sigma * levels.open:  # a NaN (a network that gives no uncertainty) is not
            return UNKNOWN
        if learnt_s is not None:
            levels.saw(gap, learnt_s)
        return gap, levels.openness(gap)

    def _gaze_down(self, eyes: list[tuple[EyeMeasures, float]], seconds: float | None) -> float | None:
        """Return how far the irises lie below where they usually do, as an angle of the eyeball, in degrees.

        eyes: those that are seen, with their openness.
        """
        heights = wide = 0.0
        n_seen = n_wide = 0
        for eye, openness in eyes:
            if openness > IRIS_SEEN_FROM:
                heights, n_seen = heights + eye[3], n_seen + 1
            if openness >= IRIS_LEARNT_FROM:
                wide, n_wide = wide + eye[3], n_wide + 1
        if not n_seen or not math.isfinite(heights):
            return None
        iris = self._iris
        if seconds is not None and n_wide:
            iris.add(wide / n_wide, seconds)
        usual = iris.value
        if usual is None or iris.known_s < IRIS_KNOWN_S:
            return None
        shift = (heights / n_seen - usual) / EYE_RADIUS_SHARE
        return math.degrees(math.asin(max(-1.0, min(1.0, shift))))

    def _keep(self, time_s: float) -> None:
        self._kept.append((time_s, self.gaps))
        while time_s - self._kept[0][0] > KEEP_S:
            self._kept.popleft()


IRIS_SEEN_FROM, IRIS_LEARNT_FROM, IRIS_KNOWN_S = 0.15, 0.7, 0.5
"""Openness from which an iris is seen, and from which it teaches where it usually lies; that is known after so long."""


def straight_gap(gap: float, away_deg: float, viewed_deg: tuple[float, float]) -> float:
    """Correct a lid gap over the eye's width for the direction from which it is seen.

    away_deg: turn of the head that takes this eye away from the camera, negative for the near eye. The width shrinks by
    cos(away + slant) / cos(slant), the gap by cos(pitch).
    """
    slant = math.radians(SLANT_DEG)
    width = math.cos(math.radians(away_deg) + slant) / math.cos(slant)
    return gap * width / math.cos(math.radians(viewed_deg[1]))


EyeMeasures = tuple[float, float, float, float, float, float, float]
"""Of one eye: the gap as seen straight, its standard deviation, how probably it is covered, how far the iris lies below
the line of the corners, and the probabilities that it is open, lowered and shut."""


def lid_measures(reading: EyesReading, viewed_deg: tuple[float, float]) -> tuple[EyeMeasures, EyeMeasures]:
    """Return what is measured of the right and of the left eye. viewed_deg: yaw and pitch against the line of sight."""
    yaw_deg, pitch_deg = viewed_deg
    if compiled.kernels is not None:
        return compiled.kernels.lid_measures(
            reading.contour, reading.iris, reading.gap, reading.gap_sigma, reading.covered, reading.state, yaw_deg,
            pitch_deg, SLANT_DEG,
        )  # fmt: skip
    right, left = (
        (
            straight_gap(float(reading.gap[i]), away_deg, viewed_deg), float(reading.gap_sigma[i]),
            float(reading.covered[i]), _iris_height(reading, i), *reading.state[i].tolist(),
        ) for i, away_deg in enumerate((-yaw_deg, yaw_deg))
    )  # fmt: skip
    return right, left


def _iris_height(reading: EyesReading, index: int) -> float:
    """How far the iris lies below the line of the eye's corners, over its width; NaN for an eye of no width."""
    points = reading.contour[index].tolist()
    (x0, y0), (x1, y1) = points[0], points[3]
    x, y = reading.iris[index].tolist()
    dx, dy = x1 - x0, y1 - y0
    squared = dx * dx + dy * dy
    # In both eyes the first corner is the one on the picture's left of an upright face.
    return ((y - y0) * dx - (x - x0) * dy) / squared if squared > 0.0 else math.nan


def _open_prob(eye: EyeMeasures, gap: float | None) -> float | None:
    """Return the probability that an eye, seen if its gap is known, is not shut.

    None, too, where all states are alike, as from a reader that knows none.
    """
    return None if gap is None or max(eye[4:]) - min(eye[4:]) < 1e-3 else 1.0 - eye[6]


def _states(eyes: list[tuple[EyeMeasures, float]]) -> tuple[float, float]:
    """Return the mean probabilities of lowered and shut of the eyes that are seen, one at least."""
    lowered = shut = 0.0
    for eye, _ in eyes:
        lowered, shut = lowered + eye[5], shut + eye[6]
    return lowered / len(eyes), shut / len(eyes)


def _cut(value: float | None) -> float | None:
    if value is None or 0.0 < value < 1.0:
        return value
    return 1.0 if value > 0.0 else 0.0
