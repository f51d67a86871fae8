"""What counts as a face, and which faces count most when not all can be followed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facetrack.geometry import points_box
from facetrack.landmarker import Reading
from facetrack.signals import SignalOptions
from facetrack.smoothing.landmarks import SMOOTHING
from facetrack.tracking.track import Track
from facetrack.types import CameraModel, Floats, Image

PRIORITIES = "largest", "central"
SMALLEST_PX = 8.0
"""A face smaller than this is a few pixels wide: whatever was read there is a guess."""
OUTRANKS = 1.5
"""A newcomer must count so many times as much as one who is followed to take the place when all are taken."""


@dataclass(frozen=True, slots=True)
class TrackerOptions:
    """max_faces: how many are followed; priority: which, the "largest" or the most "central". One who is followed gives
        way only to a newcomer who counts half as much again. smoothing: off, low, medium or high (see
        `smoothing.landmarks`).
    enter_presence, enter_sigma: how sure the landmarker must be of a new face: at least this presence, and at most this
        mean uncertainty of the points, as a share of the face's size. keep_presence, keep_sigma: of one it already
        follows (and keep_sigma of one that it remembers). Of held-aside crops without a face .05 to .2 % pass the
        second pair in a frame, where presence alone lets .5 to .8 % pass (docs/experiments.md).
    clear_sigma, confirmations: a new face as clear as that is shown at once, another once it was clear enough to enter
        in so many frames on end; a wall that looks like a face seldom is.
    detect_interval_s: how often to look for newcomers while all known faces are being followed.
    remember_s: how long a lost face keeps its number, if it looks the same; by its place alone two seconds.
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


class Gates:
    """The tracker's tests of a reading, from its options."""

    def __init__(self, options: TrackerOptions) -> None:
        self.options = options

    def may_enter(self, reading: Reading, image: Image, known: bool) -> bool:
        """Whether this is a face: less certainty is asked of one that is known again than of a new one."""
        sigma = self.options.keep_sigma if known else self.options.enter_sigma
        return believable(reading, image, self.options.enter_presence, sigma)

    def may_stay(self, track: Track, reading: Reading, image: Image) -> bool:
        """Whether a face is still seen where it was expected; one not yet confirmed must be as clear as a new one."""
        options = self.options
        presence = options.keep_presence if track.followed and track.confirmed else options.enter_presence
        return believable(reading, image, presence, options.keep_sigma if track.confirmed else options.enter_sigma)

    def is_face(self, track: Track) -> bool:
        """Whether a newcomer is clear enough, or was long enough, to be shown."""
        vague = track.reading.relative_sigma() > self.options.clear_sigma
        return not vague or track.readings >= self.options.confirmations

    def rank(self, boxes: Floats, image: Image) -> Floats:
        """(N, 4) -> (N,) how much each face counts: its area, or how near the picture's middle it is."""
        if self.options.priority == "largest":
            return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        size = np.array(image.shape[1::-1])
        aside = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - (size - 1) / 2, axis=1) / np.linalg.norm(size)
        return (1 / (0.05 + aside)).astype(np.float32)


def believable(reading: Reading, image: Image, presence: float, sigma: float) -> bool:
    """Whether the network sees a face, half of it in the picture, and knows where the points in there are (sigma: mean
    uncertainty as a share of the face's size). A network that gives no sigma (NaN) is taken at its word."""
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
