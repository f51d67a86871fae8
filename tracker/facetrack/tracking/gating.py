"""Gating: options of the tracker, which readings count as faces, and which faces count most."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facetrack.geometry import points_box
from facetrack.landmarker import Reading
from facetrack.pose import WEBCAM
from facetrack.signals import SignalOptions
from facetrack.smoothing.landmarks import SMOOTHING
from facetrack.tracking.track import Track
from facetrack.types import CameraModel, Floats, Image

PRIORITIES = "largest", "central"
SMALLEST_PX = 8.0
"""A face smaller than this is a few pixels wide, and its landmarks are a guess."""
REPLACEMENT_RATIO = 1.5
"""Hysteresis: score ratio that a new face needs to replace a tracked one when max_faces is reached."""


@dataclass(frozen=True, slots=True)
class TrackerOptions:
    """Options of the tracker. Raises ValueError for a value that is none of those listed.

    max_faces: how many faces are followed at most.
    priority: which ones, the "largest" or the most "central"; see REPLACEMENT_RATIO.
    smoothing: off, low, medium or high (see `smoothing`).
    enter_presence, enter_sigma: a new face needs at least this presence and at most this relative sigma.
    keep_presence, keep_sigma: the same of a face that is followed (and keep_sigma of a lost one). Of held-out crops
        without a face .05 to .2 % pass the second pair in a frame, where presence alone lets .5 to .8 % pass
        (docs/experiments.md).
    clear_sigma, confirmations: a new face whose relative sigma is no larger is shown at once, another once it passed
        the gate in so many frames on end, which a wall that resembles a face seldom does.
    detect_interval_s: how often to search for new faces while all known ones are followed.
    remember_s: how long a lost face can be re-identified by its appearance; see MOTION_ONLY_REID_S for its position.
    camera: its lens, for the head's pose; None takes the one in the profile of `signals`, else assumes a webcam's.
    signals: options of the signals.
    """

    max_faces: int = 16
    priority: str = "largest"
    smoothing: str = "medium"
    enter_presence: float = 0.7
    enter_sigma: float = 0.04
    keep_presence: float = 0.2
    keep_sigma: float = 0.06
    clear_sigma: float = 0.03
    confirmations: int = 3
    detect_interval_s: float = 0.2
    remember_s: float = 10.0
    camera: CameraModel | None = None
    signals: SignalOptions = field(default_factory=SignalOptions)

    def __post_init__(self) -> None:
        if self.smoothing not in SMOOTHING:
            raise ValueError(f"smoothing is '{self.smoothing}'; expected one of {', '.join(SMOOTHING)}")
        if self.priority not in PRIORITIES:
            raise ValueError(f"priority is '{self.priority}'; expected one of {', '.join(PRIORITIES)}")
        if self.max_faces < 1:
            raise ValueError(f"max_faces is {self.max_faces}; expected at least 1")

    def chosen_camera(self) -> tuple[CameraModel, str]:
        """Return the camera given here, else the profile's, else a webcam's, and which of them it is."""
        if self.camera is not None:
            return self.camera, "intrinsics" if self.camera.fov_deg is None else "fov"
        profile = self.signals.profile.camera
        return (WEBCAM, "default") if profile is None else (profile, "profile")


class Gates:
    """Tests of a reading by the tracker's options."""

    def __init__(self, options: TrackerOptions) -> None:
        self.options = options

    def may_enter(self, reading: Reading, image: Image, known: bool) -> bool:
        """Return whether a reading may start or restart a track; a lost face needs less certainty than a new one.

        known: whether it may be a lost face.
        """
        sigma = self.options.keep_sigma if known else self.options.enter_sigma
        return is_plausible(reading, image, self.options.enter_presence, sigma)

    def may_stay(self, track: Track, reading: Reading, image: Image) -> bool:
        """Return whether a face is still seen where predicted; an unconfirmed one must be as clear as a new one."""
        options = self.options
        presence = options.keep_presence if track.followed and track.confirmed else options.enter_presence
        return is_plausible(reading, image, presence, options.keep_sigma if track.confirmed else options.enter_sigma)

    def is_face(self, track: Track) -> bool:
        """Return whether a new face is clear enough, or was seen often enough, to be confirmed."""
        unclear = track.reading.relative_sigma() > self.options.clear_sigma
        return not unclear or track.readings >= self.options.confirmations

    def rank(self, boxes: Floats, image: Image) -> Floats:
        """(N, 4) px -> (N,) how much each face counts: its area, or how near the picture's middle it is."""
        if self.options.priority == "largest":
            return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        size = np.array(image.shape[1::-1])
        aside = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - (size - 1) / 2, axis=1) / np.linalg.norm(size)
        return (1 / (0.05 + aside)).astype(np.float32)


def is_plausible(reading: Reading, image: Image, presence: float, sigma: float) -> bool:
    """Return whether the network sees a face, half of it in the picture, with certain points there.

    presence: the least. sigma: the largest relative sigma; a network that gives none (NaN) passes.
    """
    if reading.presence < presence:
        return False
    points = reading.landmarks.points
    low_x, low_y, high_x, high_y = points_box(points).tolist()
    if max(high_x - low_x, high_y - low_y) < SMALLEST_PX:
        return False
    height, width = image.shape[:2]
    if low_x >= 0 and low_y >= 0 and high_x <= width - 1 and high_y <= height - 1:  # as nearly always
        return not reading.relative_sigma() > sigma
    inside = np.asarray(((points >= 0) & (points <= [width - 1, height - 1])).all(axis=1))
    return bool(inside.mean() >= 0.5) and not reading.relative_sigma(inside) > sigma
