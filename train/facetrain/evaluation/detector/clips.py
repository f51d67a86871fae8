"""Real clips, which nobody has labelled: YuNet at full size says where faces are, and frames beside confirm it."""

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
SAME_IOU = 0.5
"""Of a face in one frame and in the next."""
FOUND_IOU = 0.4
"""Looser than for labels: the judge's boxes are a network's, whose convention was brought to ours by a mean."""
TOUCHED_IOU = 0.2
MIN_FACE_PX = 30.0
FULL_PX = 1280
EVERY = 10
REFERENCE_NOTE = (
    f"Reference: YuNet at full size (up to {FULL_PX} px), on every {EVERY}th frame. A face counts where its score is "
    f"over {MIN_CONFIDENT_SCORE}, its size at least {MIN_FACE_PX:.0f} px, and it is also in the frames before and "
    f"after (IoU {SAME_IOU}, score over {MIN_NEIGHBOUR_SCORE}); detected means a box of IoU {FOUND_IOU}. Extra "
    f"detections are those that touch no box that YuNet gives even at {MIN_CANDIDATE_SCORE}. What YuNet misses "
    "(profiles, occluded "
    "faces) cannot be counted as missed, and counts as extra where others detect it; and YuNet is its own "
    "reference here."
)


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceFrame:
    """One frame. sure: (N, 4) boxes of faces. seen: (M, 4) whatever may be one, the sure ones among them."""

    image: Image
    confident: Floats
    seen: Floats


@dataclass(frozen=True, slots=True)
class ClipCount:
    """faces: sure ones; found: of these; extra: detections where there is nothing."""

    faces: int = 0
    found: int = 0
    extra: int = 0

    def __add__(self, other: ClipCount) -> ClipCount:
        return ClipCount(self.faces + other.faces, self.found + other.found, self.extra + other.extra)


def open_reference(model: Path) -> YunetDetector:
    """model: YuNet's file."""
    return YunetDetector(model, DetectorOptions(FULL_PX, MIN_CANDIDATE_SCORE))


def reference_frames(clip: Path, by: Detector, every: int = EVERY) -> Iterator[ReferenceFrame]:
    """Every so-manieth frame, but for the first and the last, which have no two neighbours."""
    with open_video(clip) as source:
        before: Image | None = None
        now: Image | None = None
        for index, frame in enumerate(source):
            if before is not None and now is not None and (index - 1) % every == 0:
                yield reference_frame(before, now, frame.image, by)
            before, now = now, frame.image.copy()


def reference_frame(before: Image, now: Image, after: Image, by: Detector) -> ReferenceFrame:
    """The middle one of three frames in a row."""
    seen = by(now)
    sides = (seen.boxes[:, 2:] - seen.boxes[:, :2]).max(axis=1, initial=0)
    confident = (seen.scores > MIN_CONFIDENT_SCORE) & (sides >= MIN_FACE_PX)
    for other in (before, after):
        if confident.any():
            confident &= _is_stable(seen.boxes, by(other))
    return ReferenceFrame(now, seen.boxes[confident], seen.boxes)


def count(found: Detections, frame: ReferenceFrame, threshold: float) -> ClipCount:
    """What a detector found in a judged frame, above its threshold."""
    boxes = found.boxes[found.scores > threshold]
    hits = metrics.match(
        boxes, np.ones(len(boxes), np.float32), frame.confident, np.zeros((0, 4), np.float32), FOUND_IOU
    )
    touched = box_iou(boxes, frame.seen).max(axis=1, initial=0) > TOUCHED_IOU
    return ClipCount(len(frame.confident), int((hits.found_at > 0).sum()), int((~touched).sum()))


def _is_stable(boxes: Floats, other: Detections) -> np.ndarray:
    kept = other.boxes[other.scores > MIN_NEIGHBOUR_SCORE]
    stable: np.ndarray = box_iou(boxes, kept).max(axis=1, initial=0) > SAME_IOU
    return stable
