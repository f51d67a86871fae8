"""Detection metrics: matching, average precision, recall at a fixed number of false positives per image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.geometry import box_iou
from facetrack.types import Floats

MATCH_IOU = 0.5
"""Minimum IoU of a detection and the labelled box that it matches."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Detections of one image matched to its ground truth.

    scores: (N,) scores of the detections that count, highest first
    hit: (N,) whether the detection matches a labelled face
    found_at: (M,) score of the detection that matches each labelled face, 0 if missed
    """

    scores: Floats
    hit: NDArray[np.bool_]
    found_at: Floats


def match(boxes: Floats, scores: Floats, truth: Floats, ignore: Floats, iou: float = MATCH_IOU) -> Matches:
    """Match detections to labelled boxes greedily, highest score first, each label at most once.

    boxes, scores: (N, 4), (N,) detections
    truth: (M, 4) labelled boxes
    ignore: (K, 4) ignored regions: an unmatched detection that lies half in one does not count
    """
    found_at = np.zeros(len(truth), np.float32)
    overlaps = box_iou(boxes, truth)
    kept: list[tuple[float, bool]] = []
    for i in np.argsort(-scores, kind="stable"):
        overlap = np.where(found_at == 0, overlaps[i], 0)
        if len(overlap) and overlap.max() >= iou:
            found_at[int(overlap.argmax())] = scores[i]
            kept.append((float(scores[i]), True))
        elif not _ignored(boxes[i], ignore):
            kept.append((float(scores[i]), False))
    return Matches(np.array([s for s, _ in kept], np.float32), np.array([h for _, h in kept], bool), found_at)


def average_precision(matches: list[Matches]) -> float:
    """Return the area under the precision-recall curve, with monotonic precision (PASCAL VOC 2010 and later)."""
    scores, hit, faces = _pooled(matches)
    if faces == 0 or len(scores) == 0:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(hit[order])
    precision = np.maximum.accumulate((true / np.arange(1, len(true) + 1))[::-1])[::-1]
    recall = np.concatenate([[0.0], true / faces])
    return float((np.diff(recall) * precision).sum())


def threshold_at(matches: list[Matches], max_fppi: float) -> float:
    """Return the lowest threshold with at most `max_fppi` false positives per image; scores must exceed it."""
    scores, hit, _ = _pooled(matches)
    false = np.sort(scores[~hit])[::-1]
    allowed = int(max_fppi * len(matches))
    return float(false[allowed]) if len(false) > allowed else 0.0


def recall_above(matches: list[Matches], threshold: float) -> float:
    """Return the share of the labelled faces matched by a score above the threshold; NaN without faces."""
    scores = np.concatenate([m.found_at for m in matches]) if matches else np.zeros(0)
    return float((scores > threshold).mean()) if len(scores) else float("nan")


def _pooled(matches: list[Matches]) -> tuple[Floats, NDArray[np.bool_], int]:
    """Return scores and hits of all images, and the number of labelled faces."""
    scores = np.concatenate([m.scores for m in matches]) if matches else np.zeros(0, np.float32)
    hit = np.concatenate([m.hit for m in matches]) if matches else np.zeros(0, bool)
    return scores, hit, sum(len(m.found_at) for m in matches)


def _ignored(box: Floats, regions: Floats) -> bool:
    """Return whether at least half of the box lies in one of the regions."""
    if len(regions) == 0:
        return False
    inside = np.minimum(box[2:], regions[:, 2:]) - np.maximum(box[:2], regions[:, :2])
    area = max(1e-9, float(np.prod(box[2:] - box[:2])))
    return bool((np.prod(np.clip(inside, 0, None), axis=1) / area).max() >= 0.5)
