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

SURE, HALF_SEEN, KEPT = 0.8, 0.3, 0.5
SAME_IOU = 0.5
"""Of a face in one frame and in the next."""
FOUND_IOU = 0.4
"""Looser than for labels: the judge's boxes are a network's, whose convention was brought to ours by a mean."""
TOUCHED_IOU = 0.2
SMALLEST_PX = 30.0
FULL_PX = 1280
EVERY = 10
JUDGE = (
    f"Judged by YuNet at full size (up to {FULL_PX} px), on every {EVERY}th frame: a face counts where it scores over "
    f"{SURE}, is at least {SMALLEST_PX:.0f} px and stands in the frames before and after, too (IoU {SAME_IOU}, score "
    f"over {KEPT}); found is a box of IoU {FOUND_IOU}. Extra detections are those that touch nothing that it sees even "
    f"at {HALF_SEEN}. What the judge misses "
    "(profiles, covered faces) cannot be counted as missed, and counts as extra where others find it; and YuNet is "
    "judged by itself here."
)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One frame. sure: (N, 4) boxes of faces. seen: (M, 4) whatever may be one, the sure ones among them."""

    image: Image
    sure: Floats
    seen: Floats


@dataclass(frozen=True, slots=True)
class ClipCount:
    """faces: sure ones; found: of these; extra: detections where there is nothing."""

    faces: int = 0
    found: int = 0
    extra: int = 0

    def __add__(self, other: ClipCount) -> ClipCount:
        return ClipCount(self.faces + other.faces, self.found + other.found, self.extra + other.extra)


def judge(model: Path) -> YunetDetector:
    """model: YuNet's file."""
    return YunetDetector(model, DetectorOptions(FULL_PX, HALF_SEEN))


def judged(clip: Path, by: Detector, every: int = EVERY) -> Iterator[Judged]:
    """Every so-manieth frame, but for the first and the last, which have no two neighbours."""
    with open_video(clip) as source:
        before: Image | None = None
        now: Image | None = None
        for index, frame in enumerate(source):
            if before is not None and now is not None and (index - 1) % every == 0:
                yield look(before, now, frame.image, by)
            before, now = now, frame.image.copy()


def look(before: Image, now: Image, after: Image, by: Detector) -> Judged:
    """The middle one of three frames in a row."""
    seen = by(now)
    sides = (seen.boxes[:, 2:] - seen.boxes[:, :2]).max(axis=1, initial=0)
    sure = (seen.scores > SURE) & (sides >= SMALLEST_PX)
    for other in (before, after):
        if sure.any():
            sure &= _stands(seen.boxes, by(other))
    return Judged(now, seen.boxes[sure], seen.boxes)


def count(found: Detections, frame: Judged, threshold: float) -> ClipCount:
    """What a detector found in a judged frame, above its threshold."""
    boxes = found.boxes[found.scores > threshold]
    hits = metrics.match(boxes, np.ones(len(boxes), np.float32), frame.sure, np.zeros((0, 4), np.float32), FOUND_IOU)
    touched = box_iou(boxes, frame.seen).max(axis=1, initial=0) > TOUCHED_IOU
    return ClipCount(len(frame.sure), int((hits.found_at > 0).sum()), int((~touched).sum()))


def _stands(boxes: Floats, other: Detections) -> np.ndarray:
    kept = other.boxes[other.scores > KEPT]
    stands: np.ndarray = box_iou(boxes, kept).max(axis=1, initial=0) > SAME_IOU
    return stands
