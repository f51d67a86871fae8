"""FaceTracker: detect or follow, one call per frame. The path of a frame reads from top to bottom in `update`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facetrack import signals
from facetrack.geometry import box_iou, crop_from_detection, points_box
from facetrack.landmarker import Landmarker, Reading
from facetrack.pose import head_pose
from facetrack.scene_cut import SceneCut
from facetrack.smoothing import SMOOTHING
from facetrack.track import Track
from facetrack.types import Face, Frame, Image

if TYPE_CHECKING:
    from facetrack.detector import Detector


SMALLEST_PX = 8.0
"""A face smaller than this is a few pixels wide: whatever was read there is a guess."""


@dataclass(frozen=True, slots=True)
class TrackerOptions:
    """max_faces: the largest are kept. smoothing: off, low, medium or high (see `smoothing`).
    enter_presence, enter_sigma: how sure the landmarker must be of a new face: at least this presence, and at most this
        mean uncertainty of the points, as a share of the face's size. keep_presence, keep_sigma: of one it already
        follows (and keep_sigma of one that it remembers). Of held-aside crops without a face .05 to .2 % pass the
        second pair in a frame, where presence alone lets .5 to .8 % pass (docs/experiments.md).
    detect_interval_s: how often to look for newcomers while all known faces are being followed.
    remember_s: how long a lost face keeps its number. focal_px: the camera's, for the head's pose; None assumes a
    webcam's.
    """

    max_faces: int = 16
    smoothing: str = "medium"
    enter_presence: float = 0.7
    enter_sigma: float = 0.04
    keep_presence: float = 0.2
    keep_sigma: float = 0.06
    detect_interval_s: float = 0.4
    remember_s: float = 2.0
    focal_px: float | None = None

    def __post_init__(self) -> None:
        if self.smoothing not in SMOOTHING:
            raise ValueError(f"smoothing is '{self.smoothing}'; expected one of {', '.join(SMOOTHING)}")
        if self.max_faces < 1:
            raise ValueError(f"max_faces is {self.max_faces}; expected at least 1")


class FaceTracker:
    """Follows the faces of one video. Feed it frames in order; use one tracker for each video."""

    SAME_FACE_IOU = 0.35
    """Two boxes overlapping this much are one face."""
    REACH = 1.0
    """A lost face may be found again this far away, in units of its size; the reach grows with the time it was lost."""

    LINGER_S = 0.5
    """How long to look for a lost face where it was: a hand before it, or a turn to profile, often passes by then."""
    SEARCH_INTERVAL_S = 0.1
    """How often to look for a lost face while others are followed."""

    def __init__(self, detector: Detector, landmarker: Landmarker, options: TrackerOptions | None = None) -> None:
        self.detector = detector
        self.landmarker = landmarker
        self.options = options or TrackerOptions()
        self._cut = SceneCut()
        self.reset()

    @classmethod
    def from_weights(
        cls,
        landmarks: str | Path | None = None,
        options: TrackerOptions | None = None,
        threads: int = 1,
        detector_px: int = 320,
    ) -> FaceTracker:
        """A tracker on the bundled networks, run by ONNX Runtime.

        landmarks: path of another landmark network. detector_px: the detector sees the frame reduced to this longer
        side; faces under about 16 px in there are missed, and twice the size costs four times the time.
        Raises ModelFileError where a file is not what it should be.
        """
        from facetrack.engine.onnx import OnnxEngine
        from facetrack.modelfile import bundled_path

        landmarker = Landmarker(OnnxEngine(landmarks or bundled_path("landmarks68"), threads))
        return cls(bundled_detector(threads, detector_px), landmarker, options)

    def reset(self) -> None:
        """Forget all faces and start numbering from 1, as a new tracker would."""
        self._cut.reset()
        self._tracks: list[Track] = []
        self._next_id = 1
        self._last_time_s = -np.inf
        self._last_detection_s = -np.inf

    def update(self, frame: Frame) -> list[Face]:
        """The faces in this frame, by number. Raises ValueError unless time_s is later than the last frame's."""
        if not frame.time_s > self._last_time_s:
            raise ValueError(f"frame {frame.index} has time {frame.time_s} s, not after {self._last_time_s} s")
        self._last_time_s = frame.time_s
        if self._cut(frame.image):
            self._tracks = []  # whoever stands there now is not who stood there before
        self._follow(frame)
        if self._must_detect(frame.time_s):
            self._look_for_faces(frame)
        self._tracks = [t for t in self._tracks if frame.time_s - t.seen_s <= self.options.remember_s]
        seen = [t for t in self._tracks if t.seen_s == frame.time_s]
        return [self._face(t, frame) for t in sorted(seen, key=lambda t: t.id)]

    def _follow(self, frame: Frame) -> None:
        """Read the landmarks of every followed face where it was expected, and of those lost a moment ago where they
        were; what fails the presence gate counts as lost."""
        followed = [t for t in self._tracks if t.followed]
        lingering = [t for t in self._tracks if not t.followed and frame.time_s - t.seen_s <= self.LINGER_S]
        expected = followed + lingering[: self.options.max_faces - len(followed)]
        readings = self.landmarker(frame.image, [t.crop for t in expected])
        for track, reading in zip(expected, readings, strict=True):
            presence = self.options.keep_presence if track.followed else self.options.enter_presence
            if not _believable(reading, frame.image, presence, self.options.keep_sigma):
                track.lose()
            elif track.followed:
                track.take(reading, frame.time_s)
            else:
                track.restart(reading, frame.time_s)
        self._merge_doubles(frame.time_s)

    def _merge_doubles(self, time_s: float) -> None:
        """Two tracks that have slid onto one face: the older keeps it."""
        seen = [t for t in self._tracks if t.seen_s == time_s]
        for i, track in enumerate(seen):
            for older in seen[:i]:
                if older.followed and box_iou(track.box[None], older.box[None])[0, 0] > self.SAME_FACE_IOU * 1.5:
                    track.forget()
        self._tracks = [t for t in self._tracks if not t.forgotten]

    def _must_detect(self, time_s: float) -> bool:
        """At once when a face was lost in this frame or none is followed; else when it is time to look."""
        followed = sum(t.followed for t in self._tracks)
        if followed == 0 or any(t.just_lost for t in self._tracks):
            return True
        if followed >= self.options.max_faces:
            return False
        interval_s = self.options.detect_interval_s
        if followed < len(self._tracks):
            interval_s = min(interval_s, self.SEARCH_INTERVAL_S)
        return time_s - self._last_detection_s >= interval_s

    def _look_for_faces(self, frame: Frame) -> None:
        """Run the detector; boxes over no followed face are given to lost tracks near by, or start new ones."""
        self._last_detection_s = frame.time_s
        found = self.detector(frame.image)
        followed = [t for t in self._tracks if t.followed]
        free = np.arange(len(found))
        if followed and len(free):
            free = free[box_iou(found.boxes, np.stack([t.box for t in followed])).max(axis=1) < self.SAME_FACE_IOU]
        free = free[_largest(found.boxes[free], self.options.max_faces - len(followed))]
        crops = [crop_from_detection(*found.face(i), self.landmarker.margin) for i in free]
        for reading in self.landmarker(frame.image, crops):
            lost = self._lost_near(reading, frame.time_s)
            sigma = self.options.enter_sigma if lost is None else self.options.keep_sigma
            if _believable(reading, frame.image, self.options.enter_presence, sigma):
                self._admit(reading, lost, frame.time_s)

    def _lost_near(self, reading: Reading, time_s: float) -> Track | None:
        """The remembered face that this may be, if there is one."""
        box = points_box(reading.landmarks.points)
        lost = [t for t in self._tracks if not t.followed and t.distance(box) < self.REACH + 2 * (time_s - t.seen_s)]
        return min(lost, key=lambda t: t.distance(box), default=None)

    def _admit(self, reading: Reading, lost: Track | None, time_s: float) -> None:
        """Follow a found face under its old number or a new one, unless it turns out to be one that is followed."""
        box = points_box(reading.landmarks.points)
        if any(t.followed and box_iou(box[None], t.box[None])[0, 0] > self.SAME_FACE_IOU for t in self._tracks):
            return
        if lost is None:
            lost = Track(self._next_id, self.landmarker.margin, self.options.smoothing)
            self._next_id += 1
            self._tracks.append(lost)
        lost.restart(reading, time_s)

    def _face(self, track: Track, frame: Frame) -> Face:
        points = track.landmarks.points
        height, width = frame.image.shape[:2]
        pose = head_pose(points, (width, height), self.options.focal_px)
        measured = signals.measure(points, pose, track.attributes)
        return Face(track.id, points_box(points), track.landmarks, track.presence, pose, measured)


def _believable(reading: Reading, image: Image, presence: float, sigma: float) -> bool:
    """Whether the network sees a face, half of it in the picture, and knows where the points in there are (sigma: mean
    uncertainty as a share of the face's size). A network that gives no sigma (NaN) is taken at its word."""
    points = reading.landmarks.points
    height, width = image.shape[:2]
    inside = ((points >= 0) & (points <= [width - 1, height - 1])).all(axis=1)
    size_px = float(np.ptp(points, axis=0).max())
    if reading.presence < presence or inside.mean() < 0.5 or size_px < SMALLEST_PX:
        return False
    return not float(reading.landmarks.sigma[inside].mean()) > sigma * size_px


def _largest(boxes: np.ndarray, count: int) -> np.ndarray:
    """Indices of at most `count` boxes, the largest first."""
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.argsort(-area, kind="stable")[: max(0, count)]


def bundled_detector(threads: int = 1, long_side_px: int = 320) -> Detector:
    """The detector that comes with facetrack, run by ONNX Runtime."""
    from facetrack.detector.cnn import CnnDetector, DetectorOptions
    from facetrack.engine.onnx import OnnxEngine
    from facetrack.modelfile import bundled_path

    return CnnDetector(OnnxEngine(bundled_path("detector"), threads), DetectorOptions(long_side_px))
