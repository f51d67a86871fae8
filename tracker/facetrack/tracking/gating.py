"""Gating: options of the tracker, which readings count as faces, and which faces count most."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from types import NoneType

import numpy as np
from numpy.typing import NDArray

from facetrack import compiled
from facetrack.geometry import points_box
from facetrack.landmarker import Reading
from facetrack.modelfile import ModelSpec
from facetrack.pose import WEBCAM
from facetrack.signals import SignalOptions
from facetrack.smoothing.landmarks import SMOOTHING
from facetrack.tracking.confidence import Confidence, visible_sigma
from facetrack.tracking.track import Track
from facetrack.types import CameraModel, Floats, Image

PRIORITIES = "largest", "central"
SMALLEST_PX = 8.0
"""A face smaller than this is a few pixels wide, and its landmarks are a guess."""
REPLACEMENT_RATIO = 1.5
"""Hysteresis: score ratio that a new face needs to replace a tracked one when max_faces is reached."""

NEW_SHARE = 2 / 3
"""Share of `Confidence.most_sigma` up to which a face is taken for a new one."""


@dataclass(frozen=True, slots=True, repr=False)
class TrackerOptions:
    """Options of the tracker. Raises ValueError for a value that is none of those listed, TypeError for another type.

    max_faces: how many faces are followed at most.
    priority: which ones, the "largest" or the most "central"; see REPLACEMENT_RATIO.
    smoothing: off, low, medium or high (see `smoothing`).
    confirmations: a new face that is not certain (`Confidence.clear`) is shown once it passed the gate in so many
        frames on end and is likely (`Confidence.likely`), which a wall that resembles a face seldom is.
    detect_interval_s: how often to search for new faces while all known ones are followed.
    single: each picture stands alone, as in `facetrack image`: all of it is searched at once, which a video does part
        by part, and each face is read three times, once in the mirror.
    remember_s: how long a lost face can be re-identified by its appearance; see MOTION_ONLY_REID_S for its position.
    camera: its lens, for the head's pose; None takes the one in the profile of `signals`, else assumes a webcam's.
    signals: options of the signals.
    """

    max_faces: int = 16
    priority: str = "largest"
    smoothing: str = "medium"
    confirmations: int = 3
    single: bool = False
    detect_interval_s: float = 0.2
    remember_s: float = 10.0
    camera: CameraModel | None = None
    signals: SignalOptions = field(default_factory=SignalOptions)

    def __post_init__(self) -> None:
        for name, (kind, expected) in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
                raise TypeError(f"`{name}` is {value!r}; expected {expected}")
        if self.smoothing not in SMOOTHING:
            raise ValueError(f"`smoothing` is '{self.smoothing}'; expected one of {', '.join(SMOOTHING)}")
        if self.priority not in PRIORITIES:
            raise ValueError(f"`priority` is '{self.priority}'; expected one of {', '.join(PRIORITIES)}")
        for name in ("max_faces", "confirmations"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` is {getattr(self, name)}; expected at least 1")
        for name in ("detect_interval_s", "remember_s"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"`{name}` is {getattr(self, name)}; expected seconds, 0 or more")

    def __repr__(self) -> str:
        usual = {item.name: item.default for item in fields(self)}
        changed = [f"{name}={getattr(self, name)!r}" for name, value in usual.items()
                   if name != "signals" and getattr(self, name) != value]  # fmt: skip
        return f"TrackerOptions({', '.join(changed)})"

    def chosen_camera(self) -> tuple[CameraModel, str]:
        """Return the camera given here, else the profile's, else a webcam's, and which of them it is."""
        if self.camera is not None:
            return self.camera, "intrinsics" if self.camera.fov_deg is None else "fov"
        profile = self.signals.profile.camera
        return (WEBCAM, "default") if profile is None else (profile, "profile")


_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "max_faces": (Integral, "a whole number"),
    "confirmations": (Integral, "a whole number"),
    "priority": (str, "a word"),
    "smoothing": (str, "a word"),
    "single": (bool, "True or False"),
    "detect_interval_s": (Real, "seconds"),
    "remember_s": (Real, "seconds"),
    "camera": ((CameraModel, NoneType), "a facetrack.CameraModel, such as CameraModel(fov_deg=70)"),
    "signals": (SignalOptions, "a facetrack.SignalOptions"),
}


class Gates:
    """Tests of a reading: which count as faces, by the network's calibrated confidence."""

    def __init__(self, options: TrackerOptions, spec: ModelSpec) -> None:
        """spec: the landmark network's, with its calibration. Raises ModelFileError for a malformed one."""
        self.options, self.confidence = options, Confidence.of(spec)

    def may_enter(self, reading: Reading, image: Image, known: bool, weak: bool = False) -> bool:
        """Return whether a reading may start or restart a track; a lost face needs less certainty than a new one.

        known: whether it may be a lost face. weak: whether the detector was unsure of it, which asks for more.
        """
        levels = self.confidence.known, self.confidence.enter, self.confidence.clear
        level = levels[(not known) + weak]
        return self.log_odds(reading, image) >= level and (known or self._is_sharp(reading))

    def may_stay(self, track: Track, reading: Reading, image: Image) -> bool:
        """Return whether a face is still seen where predicted; one that has not proved to be one must enter again."""
        if track.person is None:
            return self.may_enter(reading, image, known=False)
        return self.log_odds(reading, image) >= self.confidence.keep

    def may_return(self, reading: Reading, image: Image) -> bool:
        """Return whether a lost face is seen again where it was."""
        return self.log_odds(reading, image) >= self.confidence.enter

    def _is_sharp(self, reading: Reading) -> bool:
        """Return whether the sigma is that of a new face: within NEW_SHARE of the network's limit, if it has one."""
        return not visible_sigma(reading) > NEW_SHARE * self.confidence.most_sigma

    def is_face(self, track: Track) -> bool:
        """Return whether a new face is clear enough, or likely and seen often enough, to be confirmed.

        Frames alone prove nothing: a fold of cloth that lies still is read the same in each of them.
        """
        return (self.is_likely(track) and track.readings >= self.options.confirmations) or self.is_clear(track)

    def is_likely(self, track: Track) -> bool:
        return self.options.single or self.confidence(track.reading) >= self.confidence.likely

    def is_clear(self, track: Track) -> bool:
        return self.confidence(track.reading) >= self.confidence.clear

    def log_odds(self, reading: Reading, image: Image) -> float:
        """Return the log-odds of a face with usable points; -inf for one too small, or of which half is not shown."""
        if compiled.kernels is not None:
            marks, (height, width) = reading.landmarks, image.shape[:2]
            sigma = compiled.kernels.shown_sigma(
                marks.points, marks.sigma, marks.visibility, width, height, SMALLEST_PX
            )
            return -math.inf if sigma is None else self.confidence.log_odds(reading.presence, sigma)
        shown, inside = shown_points(reading.landmarks.points, image)
        return self.confidence(reading, inside) if shown else -math.inf

    def rank(self, boxes: Floats, image: Image) -> Floats:
        """(N, 4) px -> (N,) how much each face counts: its area, or how near the picture's middle it is."""
        if self.options.priority == "largest":
            return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        size = np.array(image.shape[1::-1])
        aside = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - (size - 1) / 2, axis=1) / np.linalg.norm(size)
        return (1 / (0.05 + aside)).astype(np.float32)


def shown_points(points: Floats, image: Image) -> tuple[bool, NDArray[np.bool_] | None]:
    """Return whether a face is large enough and at least half in the picture, and (68,) which points are.

    None instead of the latter where all are.
    """
    low_x, low_y, high_x, high_y = points_box(points).tolist()
    if max(high_x - low_x, high_y - low_y) < SMALLEST_PX:
        return False, None
    height, width = image.shape[:2]
    if low_x >= 0 and low_y >= 0 and high_x <= width - 1 and high_y <= height - 1:  # as nearly always
        return True, None
    inside = np.asarray(((points >= 0) & (points <= [width - 1, height - 1])).all(axis=1))
    return bool(inside.mean() >= 0.5), inside
