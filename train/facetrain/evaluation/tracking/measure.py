"""Measure the whole tracker on a clip with known ground truth, by motmetrics (MIT, github.com/cheind/py-motmetrics).

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
"""Minimum IoU to match a face to a person, as in the MOT challenges."""
IGNORE_IOU = 0.3
"""Minimum IoU to ignore a face on a person who is occluded or turned away."""
COUNTED = {
    "mota": "mota", "motp": "motp", "idf1": "idf1", "num_switches": "switches",
    "num_fragmentations": "fragmentations", "num_false_positives": "false_positives", "num_misses": "misses",
    "num_objects": "faces",
}  # fmt: skip
"""Our names of the metrics by those of motmetrics."""
MEANING = {
    "mota": "1 - (misses + false positives + switches) / faces",
    "motp": "mean overlap (IoU) of the matched boxes",
    "idf1": "F1 of the faces under the best one-to-one assignment of track IDs and persons over the whole clip",
    "switches": "ID switches: times a person's track ID changed",
    "fragmentations": "times a person was lost and detected again",
    "false_positives": "boxes that match no person, summed over the frames",
    "misses": "faces without a box, summed over the frames",
    "faces": "faces in the ground truth, summed over the frames",
    "nme": "mean landmark error of the matched faces, normalised by the distance of the outer eye corners, %",
}
WHOLE = "all"
"""Name of the row over all scenes."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackingScores:
    """Scores of a clip.

    rows: metrics of each scene, and of all
    episodes: by kind and frame
    shared: track IDs that were assigned to more than one person, with these persons
    """

    rows: dict[str, dict[str, float]]
    episodes: list[Episode]
    shared: dict[int, list[int]]

    @property
    def returns(self) -> list[Episode]:
        return [episode for episode in self.episodes if episode.kind == "return"]


def score(truth: ClipTruth, faces: Sequence[Sequence[Face]]) -> TrackingScores:
    """Score the tracked faces of each frame.

    Raises DataError if the clip and its ground truth differ in their number of frames.
    """
    if len(faces) != len(truth.frames):
        raise DataError(
            f"the clip has {len(faces)} frames, its ground truth {len(truth.frames)}; give the one of this very clip"
        )
    matched: list[dict[int, int]] = [{} for _ in faces]
    unmatched: list[list[int]] = [[] for _ in faces]
    whole = motmetrics.MOTAccumulator()
    rows: dict[str, dict[str, float]] = {}
    errors: list[float] = []
    for scene in truth.scenes:
        part = motmetrics.MOTAccumulator()
        evaluated = {
            index: evaluated_faces(truth.frames[index], faces[index]) for index in range(scene.first, scene.last + 1)
        }
        for index, (present, counted) in evaluated.items():
            for accumulator in (part, whole):
                _update(accumulator, index, present, counted)
        _record_matches(part, matched, unmatched)
        nme = [e for index, (present, counted) in evaluated.items() for e in _errors(matched[index], present, counted)]
        rows[scene.name] = _figures(part, nme)
        errors += nme
    rows[WHOLE] = _figures(whole, errors)
    return TrackingScores(rows, episodes_of(truth, matched, unmatched), shared_ids(matched))


def evaluated_faces(truth: Sequence[FaceTruth], faces: Sequence[Face]) -> tuple[list[FaceTruth], list[Face]]:
    """Return the persons who are present, and the tracked faces except those on a person who is not present."""
    present = [face for face in truth if face.present]
    if len(present) == len(truth) or not faces:
        return present, list(faces)
    overlap = box_iou(np.stack([f.box for f in faces]), np.stack([f.box for f in truth]))
    # +1 for the present: a face that overlaps two persons is matched to a present one first.
    gain = np.where(overlap >= IGNORE_IOU, overlap + [float(face.present) for face in truth], 0)
    pairs = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    ignored = {row for row, column in pairs if gain[row, column] > 0 and not truth[column].present}
    return present, [face for row, face in enumerate(faces) if row not in ignored]


def _update(accumulator: motmetrics.MOTAccumulator, index: int, present: list[FaceTruth], faces: list[Face]) -> None:
    """Add a frame; a distance of NaN forbids the match."""
    distance = np.zeros((len(present), len(faces)))
    if present and faces:
        distance = 1 - box_iou(np.stack([t.box for t in present]), np.stack([f.box for f in faces])).astype(float)
    distance[distance > 1 - MATCH_IOU] = np.nan
    accumulator.update([t.person for t in present], [f.track_id for f in faces], distance, frameid=index)


def _record_matches(
    accumulator: motmetrics.MOTAccumulator, matched: list[dict[int, int]], unmatched: list[list[int]]
) -> None:
    """Store for each frame the track IDs by matched person, and the track IDs of the false positives."""
    events = accumulator.mot_events
    for (index, _), kind, person, track_id in zip(
        events.index, events["Type"], events["OId"], events["HId"], strict=True
    ):
        if kind in ("MATCH", "SWITCH"):
            matched[index][int(person)] = int(track_id)
        elif kind == "FP":
            unmatched[index].append(int(track_id))


def _errors(matched: dict[int, int], present: list[FaceTruth], faces: list[Face]) -> list[float]:
    """Return the landmark errors of the matched faces of a frame, %."""
    by_person = {face.person: face.points for face in present}
    by_track_id = {face.track_id: face.landmarks.points for face in faces}
    if not matched:
        return []
    truth = np.stack([by_person[person] for person in matched])
    return metrics.face_error(np.stack([by_track_id[i] for i in matched.values()]), truth).tolist()


def _figures(accumulator: motmetrics.MOTAccumulator, errors: list[float]) -> dict[str, float]:
    computed = motmetrics.metrics.create().compute(accumulator, metrics=list(COUNTED), return_dataframe=False)
    figures = {ours: float(computed[theirs]) for theirs, ours in COUNTED.items()}
    figures["motp"] = 1 - figures["motp"]  # motmetrics returns the mean distance
    return figures | {"nme": float(np.mean(errors)) if errors else float("nan")}
