"""Calibration of the gaze by five points on the screen, which a person looks at one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facetrack.angles import Angles, turned_by
from facetrack.errors import SettingsError
from facetrack.signals.head.screen import GazeCalibration, fit_screen, left_out_sigma_deg, on_camera_plane
from facetrack.signals.profile import Profile
from facetrack.types import Pose
from facetrack.types.signals import EyeSignals, Signals

POINTS = ((0.5, 0.5), (0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
"""Places on the screen, shares of its width and height from the top left; the first is its middle."""
SETTLE_S, HOLD_S = 0.8, 1.4
"""Time in which the eyes find a point, and the time after it in which they are read; choices of this project."""
LEAST_S = 0.4
"""Less of the eyes at one point is no ground for its place."""
MOST_SIGMA_DEG = 6.0
"""Error of a left-out point above which the eyes did not follow the points: at .6 m a quarter of a laptop's screen."""
EYES = ("right", "left")


def point_at(since_s: float) -> int | None:
    """Return the index of the point that is shown `since_s` after the start; None after the last."""
    index = int(since_s // (SETTLE_S + HOLD_S))
    return index if index < len(POINTS) else None


class GazePoints:
    """Feed it the frames of one person who follows the points; `profile` is what they show.

    Head and eyes may both move: the line of sight is that of the eyes over the head.
    """

    def __init__(self) -> None:
        self._seen: list[list[tuple[float, dict[str, Angles], Pose]]] = [[] for _ in POINTS]
        self._last_s: float | None = None
        self.known_s = 0.0

    def add(self, since_s: float, signals: Signals, pose: Pose | None) -> None:
        """Take one frame in which the face was seen. since_s: after the first point appeared; increasing."""
        step_s = 0.0 if self._last_s is None else min(since_s - self._last_s, 0.25)
        self._last_s = since_s
        index = point_at(since_s)
        eyes = {name: _look(getattr(signals.eyes, name)) for name in EYES}
        known = {name: look for name, look in eyes.items() if look is not None}
        if index is None or pose is None or not known or since_s % (SETTLE_S + HOLD_S) < SETTLE_S:
            return
        self._seen[index].append((step_s, known, pose))
        self.known_s += step_s

    def profile(self, base: Profile) -> Profile:
        """Return the profile with the gaze and the neutral head; the rest as in `base`.

        Raises SettingsError where the eyes were hardly seen at a point, or did not follow the points.
        """
        for index, seen in enumerate(self._seen):
            if (known_s := sum(step_s for step_s, _, _ in seen)) < LEAST_S:
                raise SettingsError(
                    f"the eyes were seen for {known_s:.1f} s at point {index + 1} of {len(POINTS)}; expected "
                    f"{LEAST_S} s at least; sit before the camera in good light, without glasses that reflect, and "
                    "calibrate again"
                )
        used = [eye for eye in EYES if all(_often(eye, seen) for seen in self._seen)]
        if not used:
            raise SettingsError(
                "neither eye was seen at all points; sit so that the camera sees both and calibrate again"
            )
        places = np.array([_place(seen, used) for seen in self._seen])
        targets = np.array(POINTS)
        distances_mm = [float(np.median([pose.translation_mm[2] for _, _, pose in seen])) for seen in self._seen]
        sigma_deg = left_out_sigma_deg(places, targets, distances_mm)
        if not sigma_deg <= MOST_SIGMA_DEG:
            raise SettingsError(
                f"the eyes did not follow the points: a point is {sigma_deg:.1f} degrees off what the others say; "
                f"expected {MOST_SIGMA_DEG:.0f} at most; look at each point until the next appears and calibrate again"
            )
        middle = {eye: _median_look([known[eye] for _, known, _ in self._seen[0] if eye in known]) for eye in used}
        gaze = GazeCalibration(middle.get("right"), middle.get("left"), fit_screen(places, targets), sigma_deg)
        angles = [(pose.yaw_deg, pose.pitch_deg, pose.roll_deg) for seen in self._seen for _, _, pose in seen]
        yaw_deg, pitch_deg, roll_deg = np.median(angles, axis=0).tolist()
        return replace(base, gaze=gaze, yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg)


def _look(eye: EyeSignals) -> Angles | None:
    if eye.gaze_yaw_deg is None or eye.gaze_pitch_deg is None:
        return None
    return eye.gaze_yaw_deg, eye.gaze_pitch_deg


def _often(eye: str, seen: list[tuple[float, dict[str, Angles], Pose]]) -> bool:
    """Return whether an eye is known in more than half of a point's frames."""
    return 2 * sum(eye in known for _, known, _ in seen) > len(seen)


def _place(seen: list[tuple[float, dict[str, Angles], Pose]], used: list[str]) -> Angles:
    """Return the median place, mm on the camera's plane, at which the used eyes look together."""
    places = []
    for _, known, pose in seen:
        if all(eye in known for eye in used):
            in_head = np.mean([known[eye] for eye in used], axis=0).tolist()
            places.append(on_camera_plane(turned_by(pose.rotation, (in_head[0], in_head[1])), pose))
    x_mm, y_mm = np.median(places, axis=0).tolist()
    return x_mm, y_mm


def _median_look(looks: list[Angles]) -> Angles:
    yaw_deg, pitch_deg = np.median(looks, axis=0).tolist()
    return yaw_deg, pitch_deg
