"""How good a detector is: matching, average precision, recall at a bearable number of false alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.geometry import box_iou
from facetrack.types import Floats

MATCH_IOU = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """One picture's detections against its truth. scores: (N,) of the detections that count, best first; hit: (N,)
    bool; found_at: (M,) the score at which each true face was found, 0 where it was not."""

    scores: Floats
    hit: NDArray[np.bool_]
    found_at: Floats


def match(boxes: Floats, scores: Floats, truth: Floats, ignore: Floats, iou: float = MATCH_IOU) -> Matches:
    """Greedy, best score first, each face found once. A detection that finds none and lies half in an ignored region
    does not count.

    boxes: (N, 4), scores: (N,), truth: (M, 4), ignore: (K, 4).
    """
    found_at = np.zeros(len(truth), np.float32)
    overlaps = box_iou(boxes, truth)
    kept: list[tuple[float, bool]] = []
    for i in np.argsort(-scores, kind="stable"):
        overlap = np.where(found_at == 0, overlaps[i], 0)
        if len(overlap) and overlap.max() >= iou:
            found_at[int(overlap.argmax())] = scores[i]
            kept.append((float(scores[i]), True))
        elif not _covered(boxes[i], ignore):
            kept.append((float(scores[i]), False))
    return Matches(np.array([s for s, _ in kept], np.float32), np.array([h for _, h in kept], bool), found_at)


def average_precision(matches: list[Matches]) -> float:
    """Area under the precision-recall curve, precision made monotonous first (PASCAL VOC 2010 and later)."""
    scores, hit, faces = _pooled(matches)
    if faces == 0 or len(scores) == 0:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(hit[order])
    precision = np.maximum.accumulate((true / np.arange(1, len(true) + 1))[::-1])[::-1]
    recall = np.concatenate([[0.0], true / faces])
    return float((np.diff(recall) * precision).sum())


def threshold_at(matches: list[Matches], max_fppi: float) -> float:
    """The lowest threshold with at most that many false alarms per picture: detections must score above it."""
    scores, hit, _ = _pooled(matches)
    false = np.sort(scores[~hit])[::-1]
    allowed = int(max_fppi * len(matches))
    return float(false[allowed]) if len(false) > allowed else 0.0


def recall_above(matches: list[Matches], threshold: float) -> float:
    """Share of the true faces found by detections that score above the threshold; NaN without faces."""
    found = np.concatenate([m.found_at for m in matches]) if matches else np.zeros(0)
    return float((found > threshold).mean()) if len(found) else float("nan")


def _pooled(matches: list[Matches]) -> tuple[Floats, NDArray[np.bool_], int]:
    scores = np.concatenate([m.scores for m in matches]) if matches else np.zeros(0, np.float32)
    hit = np.concatenate([m.hit for m in matches]) if matches else np.zeros(0, bool)
    return scores, hit, sum(len(m.found_at) for m in matches)


def _covered(box: Floats, regions: Floats) -> bool:
    if len(regions) == 0:
        return False
    inside = np.minimum(box[2:], regions[:, 2:]) - np.maximum(box[:2], regions[:, :2])
    area = max(1e-9, float(np.prod(box[2:] - box[:2])))
    return bool((np.prod(np.clip(inside, 0, None), axis=1) / area).max() >= 0.5)
