"""A person's levels from some ten seconds in which they look ahead, close their eyes, smile and turn their head."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from facetrack.errors import SettingsError
from facetrack.signals.eyes.baseline import CLOSED_SHARE_RANGE, OPEN_QUANTILE
from facetrack.signals.head.neutral import HeadAngles, HeadOptions, NeutralHead
from facetrack.signals.mouth.openness import MouthOptions
from facetrack.signals.mouth.smile import SmileOptions
from facetrack.signals.profile import Profile
from facetrack.types import Pose
from facetrack.types.signals import EyeSignals, Signals

STEPS = (
    (3.0, "look straight at the camera or your screen, eyes open, face at rest"),
    (2.0, "close both eyes"),
    (2.5, "open them and smile"),
    (2.5, "turn your head slowly to the left, to the right, and back"),
)
"""Steps of the calibration: (duration in seconds, instruction)."""
LEAST_KNOWN_S = 2.0
"""Less of a person is no ground for their levels."""
OPEN_FROM, CLOSED_BELOW = 0.5, 0.2
"""Openness from which an eye counts as open, and below which it counts as closed: 80 %, as in PERCLOS."""
FULL_QUANTILE = 0.95
"""Quantile of the smile's readings: a full smile if held for a twentieth of the time; ten seconds ask for two."""
LEAST_SMILE = 0.3
"""Least difference between a full smile and the face at rest."""
LEAST_CLOSED_S = 0.1
"""Shorter closed eyes are a frame's error."""


class Calibration:
    """Feed it the frames of one person; `profile` is what they show together.

    Nothing depends on when who did what: each level is a quantile of all that was seen, so a person who is slow to
    close the eyes, or a recording without instructions, serves as well. The neutral head is the median of its angles,
    which a look to each side leaves where it is. Eyes, mouth and smile count only with the head about there
    (`HeadOptions.near_deg`).
    """

    def __init__(self) -> None:
        self._seen: list[tuple[float, Signals, Pose]] = []
        self._last_s: float | None = None

    def add(self, time_s: float, signals: Signals, pose: Pose | None) -> None:
        """One frame in which the face was seen; time_s strictly increasing."""
        step_s = 0.0 if self._last_s is None else min(time_s - self._last_s, 0.25)
        self._last_s = time_s
        if pose is not None:
            self._seen.append((step_s, signals, pose))

    @property
    def known_s(self) -> float:
        """Seconds in which the head's pose was known."""
        return sum(step_s for step_s, _, _ in self._seen)

    def profile(self) -> Profile:
        """Compute the profile; what was not shown (closed eyes, a smile) or not read is None in it.

        Raises SettingsError where the face was hardly seen.
        """
        if self.known_s < LEAST_KNOWN_S:
            raise SettingsError(
                f"a face was seen for {self.known_s:.1f} s; expected {LEAST_KNOWN_S:.0f} s at least; sit before the "
                "camera in good light and calibrate again"
            )
        angles = [(pose.yaw_deg, pose.pitch_deg, pose.roll_deg) for _, _, pose in self._seen]
        neutral = HeadAngles(*np.median(angles, axis=0).tolist())
        ahead = self._ahead(neutral)
        signals = [seen for _, seen in ahead]
        rest = _quantile((s.smile.prob for s in signals), SmileOptions().rest_share)
        full = _quantile((s.smile.prob for s in signals), FULL_QUANTILE)
        right_open, right_closed = _ear_levels([(t, s.eyes.right) for t, s in ahead])
        left_open, left_closed = _ear_levels([(t, s.eyes.left) for t, s in ahead])
        return Profile(
            ear_right_open=right_open, ear_right_closed=right_closed,
            ear_left_open=left_open, ear_left_closed=left_closed,
            mouth_closed=_quantile((s.mouth.aspect_ratio for s in signals), MouthOptions().closed_share),
            smile_rest=rest,
            smile_full=full if rest is not None and full is not None and full - rest >= LEAST_SMILE else None,
            yaw_deg=neutral.yaw_deg, pitch_deg=neutral.pitch_deg, roll_deg=neutral.roll_deg,
        )  # fmt: skip

    def _ahead(self, neutral: HeadAngles) -> list[tuple[float, Signals]]:
        """Lengths and signals of the frames with the head about where it is neutral."""
        near_deg, head = HeadOptions().near_deg, NeutralHead(neutral=neutral)
        found = []
        for i, (step_s, signals, pose) in enumerate(self._seen):
            angles = head.update(float(i), pose)
            assert angles is not None  # the neutral head is given
            if max(abs(angles.yaw_deg), abs(angles.pitch_deg)) <= near_deg:
                found.append((step_s, signals))
        return found


def step_at(since_s: float) -> int | None:
    """Return the index of the step due `since_s` after the start; None after the last step."""
    for index, (length_s, _) in enumerate(STEPS):
        if since_s < length_s:
            return index
        since_s -= length_s
    return None


def missing(profile: Profile) -> list[str]:
    """Return one message for each level that is missing from the profile and will be learnt during tracking."""
    found = []
    if profile.ear_right_closed is None and profile.ear_left_closed is None:
        found.append("closed eyes were not seen")
    if profile.smile_full is None:
        found.append("a smile was not seen")
    return [f"{what}: this stays to be learnt while the person is watched" for what in found]


def _ear_levels(seen: list[tuple[float, EyeSignals]]) -> tuple[float | None, float | None]:
    """(seconds, signals) of one eye -> aspect ratio (open, closed), None for what is unknown.

    Closed by its lid gap; without an eye network, nearer to the least aspect ratio than to the open eye's.
    """
    eye = [(step_s, one.aspect_ratio, None if one.gap is None else one.openness) for step_s, one in seen]
    opened = _quantile((ear for _, ear, openness in eye if openness is None or openness >= OPEN_FROM), OPEN_QUANTILE)
    if opened is None or opened <= 0.0:
        return None, None
    least = min(ear for _, ear, _ in eye if ear is not None)
    closed = [
        (step_s, ear)
        for step_s, ear, openness in eye
        if ear is not None and (openness < CLOSED_BELOW if openness is not None else ear < (least + opened) / 2.0)
    ]
    level = _quantile((ear for _, ear in closed), 0.5)
    if level is None or sum(step_s for step_s, _ in closed) < LEAST_CLOSED_S - 1e-9:
        return opened, None
    return opened, level if level <= CLOSED_SHARE_RANGE[1] * opened else None


def _quantile(values: Iterable[float | None], share: float) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.quantile(known, share)) if known else None
