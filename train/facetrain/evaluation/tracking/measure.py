"""Measures the whole tracker on a clip whose truth is known, by motmetrics (MIT, github.com/cheind/py-motmetrics).

MOTA, MOTP, switches, fragmentations: Bernardin & Stiefelhagen, Evaluating Multiple Object Tracking Performance: The
CLEAR MOT Metrics, 2008. ID F1: Ristani et al., Performance Measures and a Data Set for Multi-Target, Multi-Camera
Tracking, 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import motmetrics
import numpy as np
from scipy.optimize import linear_sum_assignment

from facetrack.errors import DataError
from facetrack.geometry import box_iou
from facetrack.types import Face
from facetrain.evaluation.tracking.episodes import Episode, episodes_of, shared_ids
from facetrain.metrics import landmarks as metrics
from facetrain.synth.crowd.truth import ClipTruth, FaceTruth

MATCH_IOU = 0.5
"""A face counts as a person's if their boxes overlap this much, as in the MOT challenges."""
IGNORE_IOU = 0.3
"""A face over a person who is hidden or turned away is neither right nor wrong."""
COUNTED = {
    "mota": "mota", "motp": "motp", "idf1": "idf1", "num_switches": "switches",
    "num_fragmentations": "fragmentations", "num_false_positives": "false_positives", "num_misses": "misses",
    "num_objects": "faces",
}  # fmt: skip
MEANING = {
    "mota": "1 - (misses + false positives + switches) / faces",
    "motp": "mean overlap (IoU) of the matched boxes",
    "idf1": "F1 of faces whose number is the one that fits the person best in the whole clip",
    "switches": "times a person got another number",
    "fragmentations": "times a person was lost and found again",
    "false_positives": "boxes over nobody, in frames",
    "misses": "faces without a box, in frames",
    "faces": "faces to be found, in frames",
    "nme": "mean error of the matched faces' points over the outer eye corners' distance, %",
}
WHOLE = "all"
"""Name of the row over all scenes."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackingScores:
    """rows: the figures of each scene, and of all. episodes: by kind and frame. shared: numbers that more than one
    person wore, and these persons."""

    rows: dict[str, dict[str, float]]
    episodes: list[Episode]
    shared: dict[int, list[int]]

    @property
    def returns(self) -> list[Episode]:
        return [episode for episode in self.episodes if episode.kind == "return"]


def score(truth: ClipTruth, faces: Sequence[Sequence[Face]]) -> TrackingScores:
    """Compare; faces: of each frame. Raises DataError where the clip has not as many frames as its truth."""
    if len(faces) != len(truth.frames):
        raise DataError(
            f"the clip has {len(faces)} frames, its truth {len(truth.frames)}; give the truth of this very clip"
        )
    matched: list[dict[int, int]] = [{} for _ in faces]
    wrong: list[list[int]] = [[] for _ in faces]
    whole = motmetrics.MOTAccumulator()
    rows: dict[str, dict[str, float]] = {}
    errors: list[float] = []
    for scene in truth.scenes:
        part = motmetrics.MOTAccumulator()
        judged = {
            index: evaluated_faces(truth.frames[index], faces[index]) for index in range(scene.first, scene.last + 1)
        }
        for index, (there, found) in judged.items():
            for accumulator in (part, whole):
                _update(accumulator, index, there, found)
        _record_matches(part, matched, wrong)
        nme = [error for index, (there, found) in judged.items() for error in _errors(matched[index], there, found)]
        rows[scene.name] = _figures(part, nme)
        errors += nme
    rows[WHOLE] = _figures(whole, errors)
    return TrackingScores(rows, episodes_of(truth, matched, wrong), shared_ids(matched))


def evaluated_faces(truth: Sequence[FaceTruth], faces: Sequence[Face]) -> tuple[list[FaceTruth], list[Face]]:
    """The persons who are present, and the faces but for those that lie on a person who is not."""
    there = [face for face in truth if face.present]
    if len(there) == len(truth) or not faces:
        return there, list(faces)
    overlap = box_iou(np.stack([f.box for f in faces]), np.stack([f.box for f in truth]))
    # One more for the present: where two overlap, a face is first of all the one's that can be seen.
    gain = np.where(overlap >= IGNORE_IOU, overlap + [float(face.present) for face in truth], 0)
    pairs = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    optional = {row for row, column in pairs if gain[row, column] > 0 and not truth[column].present}
    return there, [face for row, face in enumerate(faces) if row not in optional]


def _update(accumulator: motmetrics.MOTAccumulator, index: int, there: list[FaceTruth], faces: list[Face]) -> None:
    distance = np.zeros((len(there), len(faces)))
    if there and faces:
        distance = 1 - box_iou(np.stack([t.box for t in there]), np.stack([f.box for f in faces])).astype(float)
    distance[distance > 1 - MATCH_IOU] = np.nan
    accumulator.update([t.person for t in there], [f.track_id for f in faces], distance, frameid=index)


def _record_matches(
    accumulator: motmetrics.MOTAccumulator, matched: list[dict[int, int]], wrong: list[list[int]]
) -> None:
    """Write down who was found under which number in each frame, and the numbers over nobody."""
    events = accumulator.mot_events
    for (index, _), kind, person, number in zip(
        events.index, events["Type"], events["OId"], events["HId"], strict=True
    ):
        if kind in ("MATCH", "SWITCH"):
            matched[index][int(person)] = int(number)
        elif kind == "FP":
            wrong[index].append(int(number))


def _errors(matched: dict[int, int], there: list[FaceTruth], faces: list[Face]) -> list[float]:
    by_person = {face.person: face.points for face in there}
    by_number = {face.track_id: face.landmarks.points for face in faces}
    if not matched:
        return []
    truth = np.stack([by_person[person] for person in matched])
    return metrics.face_error(np.stack([by_number[n] for n in matched.values()]), truth).tolist()


def _figures(accumulator: motmetrics.MOTAccumulator, errors: list[float]) -> dict[str, float]:
    found = motmetrics.metrics.create().compute(accumulator, metrics=list(COUNTED), return_dataframe=False)
    figures = {ours: float(found[theirs]) for theirs, ours in COUNTED.items()}
    figures["motp"] = 1 - figures["motp"]  # theirs is a distance
    return figures | {"nme": float(np.mean(errors)) if errors else float("nan")}
