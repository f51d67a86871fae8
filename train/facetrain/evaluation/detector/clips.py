"""Unlabelled real clips with pseudo-labels: YuNet at full size, confirmed by the neighbouring frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetrack.capture import open_video
from facetrack.detector import Detector, DetectorOptions
from facetrack.detector.yunet import YunetDetector
from facetrack.geometry import box_iou
from facetrack.types import Detections, Floats, Image
from facetrain.metrics import detection as metrics

MIN_CONFIDENT_SCORE, MIN_CANDIDATE_SCORE, MIN_NEIGHBOUR_SCORE = 0.8, 0.3, 0.5
"""Minimum scores of a pseudo-label, of a candidate, and of a pseudo-label's match in a neighbouring frame."""
SAME_IOU = 0.5
"""Minimum IoU of a face in one frame and in the next."""
FOUND_IOU = 0.4
"""Minimum IoU of a detection and a pseudo-label.

Lower than for labels: the reference boxes are predictions, converted to our box convention by a mean offset.
"""
TOUCHED_IOU = 0.2
"""Maximum IoU of an extra detection with any candidate."""
MIN_FACE_PX = 30.0
"""Minimum longer side of a pseudo-label."""
FULL_PX = 1280
"""Longer side of the input of the reference detector."""
EVERY = 10
"""Interval of the measured frames."""
REFERENCE_NOTE = (
    f"Reference: YuNet at full size (up to {FULL_PX} px), on every {EVERY}th frame. A face counts where its score is "
    f"over {MIN_CONFIDENT_SCORE}, its size at least {MIN_FACE_PX:.0f} px, and it is also in the frames before and "
    f"after (IoU {SAME_IOU}, score over {MIN_NEIGHBOUR_SCORE}); detected means a box of IoU {FOUND_IOU}. Extra "
    f"detections are those that overlap no box that YuNet predicts even at {MIN_CANDIDATE_SCORE}. Faces that YuNet "
    "misses (profiles, occluded faces) cannot be counted as missed, and count as extra where others detect them; and "
    "YuNet is its own reference here."
)


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceFrame:
    """Pseudo-labelled frame.

    confident: (N, 4) boxes of the pseudo-labels
    candidates: (M, 4) boxes of all possible faces, the pseudo-labels among them
    """

    image: Image
    confident: Floats
    candidates: Floats


@dataclass(frozen=True, slots=True)
class ClipCount:
    """Counts of one or more clips.

    faces: number of pseudo-labels
    found: number of detected pseudo-labels
    extra: number of detections that overlap no candidate
    """

    faces: int = 0
    found: int = 0
    extra: int = 0

    def __add__(self, other: ClipCount) -> ClipCount:
        return ClipCount(self.faces + other.faces, self.found + other.found, self.extra + other.extra)


def open_reference(model: Path) -> YunetDetector:
    """Open the reference detector, YuNet's file, at full size and with a low threshold."""
    return YunetDetector(model, DetectorOptions(FULL_PX, MIN_CANDIDATE_SCORE))


def reference_frames(clip: Path, reference: Detector, every: int = EVERY) -> Iterator[ReferenceFrame]:
    """Pseudo-label every Nth frame, except the first and the last, which lack a neighbour."""
    with open_video(clip) as source:
        before: Image | None = None
        now: Image | None = None
        for index, frame in enumerate(source):
            if before is not None and now is not None and (index - 1) % every == 0:
                yield reference_frame(before, now, frame.image, reference)
            before, now = now, frame.image.copy()


def reference_frame(before: Image, now: Image, after: Image, reference: Detector) -> ReferenceFrame:
    """Pseudo-label the middle of three consecutive frames; faces must persist in both neighbours."""
    candidates = reference(now)
    sides = (candidates.boxes[:, 2:] - candidates.boxes[:, :2]).max(axis=1, initial=0)
    confident = (candidates.scores > MIN_CONFIDENT_SCORE) & (sides >= MIN_FACE_PX)
    for neighbour in (before, after):
        if confident.any():
            confident &= _is_stable(candidates.boxes, reference(neighbour))
    return ReferenceFrame(now, candidates.boxes[confident], candidates.boxes)


def count(detections: Detections, frame: ReferenceFrame, threshold: float) -> ClipCount:
    """Count a detector's hits and extra detections above its threshold in a pseudo-labelled frame."""
    boxes = detections.boxes[detections.scores > threshold]
    matches = metrics.match(
        boxes, np.ones(len(boxes), np.float32), frame.confident, np.zeros((0, 4), np.float32), FOUND_IOU
    )
    overlapping = box_iou(boxes, frame.candidates).max(axis=1, initial=0) > TOUCHED_IOU
    return ClipCount(len(frame.confident), int((matches.found_at > 0).sum()), int((~overlapping).sum()))


def _is_stable(boxes: Floats, neighbour: Detections) -> np.ndarray:
    """Return for each of (N, 4) boxes whether a confident detection of the neighbouring frame overlaps it."""
    confident = neighbour.boxes[neighbour.scores > MIN_NEIGHBOUR_SCORE]
    stable: np.ndarray = box_iou(boxes, confident).max(axis=1, initial=0) > SAME_IOU
    return stable
