"""Measure and compare detectors in the configuration of use: `facetrack eval detector`.

All detectors get the same images. Ground truth boxes are the extents of labelled points; the baselines' boxes, which
include the forehead, are converted to that convention (`facetrack.detector.yunet`, `.mediapipe`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from facetrack.detector import Detector
from facetrack.detector.yunet import FILE as YUNET_FILE
from facetrack.errors import DataError
from facetrack.geometry import box_iou, points_box
from facetrack.types import Detections, Floats, Image
from facetrain.evaluation.detector import clips, turned_faces
from facetrain.evaluation.detector import placed_faces as trials
from facetrain.evaluation.detector.methods import YUNET, DetectorMethod
from facetrain.evaluation.detector.rows import NO_BOXES, Labelled, Row
from facetrain.metrics import detection as metrics
from facetrain.metrics.detection import Matches
from facetrain.reporting.progress import with_progress
from facetrain.sample import evenly_spaced
from facetrain.samples import pictures
from facetrain.samples.detector.placing import FACE, IGNORED
from facetrain.samples.pictures import FacePicture
from facetrain.tasks.detector import DetectorRecipe, Sources, Validation

MIN_SCORE = 0.02
"""Minimum score of the collected detections, low enough that thresholds can be set afterwards."""
MAX_FPPI = 0.05
"""False positives per image at which the detectors are compared."""
FACES = 240
"""Number of faces in each row of placed faces: one face is .4 %."""
SCENE_SIZES_PX = (8, 12, 16, 24, 32, 64, 1024)
TIMED_PX = (320, 240)
TIMED_CALLS = 200
FALSE_GROUP = "held-out images without faces"
HELEN_GROUP = "HELEN-330"
SCENES_GROUP = "average precision on synthetic scenes, by size"
CLIPS_GROUP = "clips, recall"
EXTRA_GROUP = "clips, extra detections"
TIME_GROUP = "duration of a call at 320x240, one thread"
PACKS = ("helen_train", "ytfaces_train")


class Comparison:
    """Detectors and the thresholds at which they are compared."""

    def __init__(self, methods: list[DetectorMethod]) -> None:
        cv2.setNumThreads(1)  # YuNet runs in OpenCV
        self.methods = methods
        self.detectors: dict[str, Detector] = {method.name: method.make(MIN_SCORE) for method in methods}
        self.thresholds = dict.fromkeys(self.detectors, 0.5)

    def matches(self, labelled: Labelled, title: str, total: int) -> dict[str, list[Matches]]:
        """Match the detections of every method; each image is made only once."""
        matches: dict[str, list[Matches]] = {name: [] for name in self.detectors}
        for image, truth, ignored in with_progress(labelled, title, total):
            for name, detector in self.detectors.items():
                detections = detector(image)
                matches[name].append(metrics.match(detections.boxes, detections.scores, truth, ignored))
        return matches

    def recall(self, labelled: Labelled, title: str, total: int) -> dict[str, float]:
        """Return the recall of each method at its threshold."""
        matches = self.matches(labelled, title, total)
        return {name: metrics.recall_above(each, self.thresholds[name]) for name, each in matches.items()}

    def set_thresholds(self, empties: list[FacePicture]) -> list[Row]:
        """Set each threshold to one false positive in 20 images without faces; measure the default thresholds, too."""
        count = len(empties)
        matches = self.matches(((p.decode(), NO_BOXES, NO_BOXES) for p in empties), FALSE_GROUP, count)
        self.thresholds = {name: metrics.threshold_at(each, MAX_FPPI) for name, each in matches.items()}
        defaults = {method.name: method.default for method in self.methods}

        def fppi(thresholds: dict[str, float]) -> dict[str, float]:
            return {name: _fppi(each, thresholds[name]) for name, each in matches.items()}

        return [
            Row(FALSE_GROUP, "threshold for one false positive in 20 images", count, self.thresholds, best=0),
            Row(FALSE_GROUP, "false positives per image at that threshold", count, fppi(self.thresholds), best=0),
            Row(FALSE_GROUP, "default threshold of the authors", count, defaults, best=0),
            Row(FALSE_GROUP, "false positives per image at the default", count, fppi(defaults), best=-1),
            Row(FALSE_GROUP, "false positives per image at .5", count, fppi(dict.fromkeys(matches, 0.5)), best=-1),
        ]

    def helen_330(self, data: Path, limit: int | None) -> list[Row]:
        """Measure the recall of the labelled faces; other faces in the images are not labelled and are ignored."""
        pack = evenly_spaced(pictures.read_points_pack(data, "helen_test"), limit)
        whole_plane = np.array([[-1e6, -1e6, 1e6, 1e6]], np.float32)
        labelled = ((p.decode(), points_box(p.outlines), whole_plane) for p in pack)
        return [Row(HELEN_GROUP, "recall (IoU .5)", len(pack), self.recall(labelled, HELEN_GROUP, len(pack)))]

    def placed(self, faces: list[FacePicture], empties: list[FacePicture], count: int) -> Iterator[Row]:
        """Measure the recall of placed faces under every condition."""
        for condition in trials.CONDITIONS:
            recall = self.recall(trials.frames(condition, faces, empties, count), condition.name, count)
            yield Row(condition.group, condition.name, count, recall, condition.amount)

    def turned(
        self, bins: list[tuple[str, list[FacePicture]]], empties: list[FacePicture], count: int
    ) -> Iterator[Row]:
        """Measure the recall of placed turned faces by yaw."""
        for condition, labelled in turned_faces.placed(bins, empties, count):
            recall = self.recall(labelled, condition.name, count)
            yield Row(condition.group, condition.name, count, recall)

    def benchmark(self, data: Path, limit: int | None) -> Iterator[Row]:
        """Measure the recall on AFLW2000-3D by yaw."""
        for name, count, labelled in turned_faces.benchmark(data, limit):
            yield Row(turned_faces.BENCHMARK_GROUP, name, count, self.recall(labelled, name, count))

    def scenes(self, validation: Validation, limit: int | None) -> list[Row]:
        """Measure average precision on synthetic scenes: all faces, and ranges of their longer side in px."""
        items = evenly_spaced(validation.items, limit)
        scenes = [_labelled(item) for item in items]
        detections: dict[str, list[Detections]] = {name: [] for name in self.detectors}
        for image, _, _ in with_progress(scenes, SCENES_GROUP, len(scenes)):
            for name, detector in self.detectors.items():
                detections[name].append(detector(image))
        rows = []
        for low, high in [(0, 1e9), *pairwise(SCENE_SIZES_PX)]:
            count = sum(int(_between(truth, low, high).sum()) for _, truth, _ in scenes)
            values = {name: precision_between(each, scenes, low, high) for name, each in detections.items()}
            title = "all" if low == 0 else f"{low:g} px and more" if high > 1000 else f"{low:g} to {high:g} px"
            rows.append(Row(SCENES_GROUP, title, count, values, float("nan") if low == 0 else low))
        return rows

    def clips(self, folder: Path, reference: Detector, limit: int | None) -> list[Row]:
        """Measure recall and extra detections on each clip, and on all."""
        every = clips.EVERY if limit is None else clips.EVERY * 5
        counts: dict[str, dict[str, clips.ClipCount]] = {}
        paths = sorted(folder.glob("*.mp4"))
        for path in with_progress(paths, "clips", len(paths)):
            each = counts[path.stem] = dict.fromkeys(self.detectors, clips.ClipCount())
            for frame in clips.reference_frames(path, reference, every):
                for name, detector in self.detectors.items():
                    each[name] += clips.count(detector(frame.image), frame, self.thresholds[name])
        if counts:
            counts["all"] = {n: sum((c[n] for c in counts.values()), clips.ClipCount()) for n in self.detectors}
        return [*_clip_rows(counts)]

    def times(self, image: Image, repeats: int = TIMED_CALLS) -> list[Row]:
        """Measure the median CPU time of one call, pre- and postprocessing included, at the default threshold.

        The methods are interleaved, so that other load affects all alike. The time is that of the whole process, as
        MediaPipe has a thread of its own.
        """
        detectors = {method.name: method.make(method.default) for method in self.methods}
        durations_ms: dict[str, list[float]] = {name: [] for name in detectors}
        for _ in with_progress(range(repeats), TIME_GROUP, repeats):
            for name, detector in detectors.items():
                started = time.process_time()
                detector(image)
                durations_ms[name].append(1000 * (time.process_time() - started))
        ms = {name: float(np.median(each)) for name, each in durations_ms.items()}
        rows = [Row(TIME_GROUP, "ms", repeats, ms, best=-1)]
        if YUNET in ms:
            ratios = {name: value / ms[YUNET] for name, value in ms.items()}
            rows.append(Row(TIME_GROUP, "relative to YuNet", repeats, ratios, best=-1))
        return rows


def measure(
    methods: list[DetectorMethod], data: Path, limit: int | None = None, labels: Path | None = None
) -> Iterator[Row]:
    """Yield all rows as they are measured, on held-out people and images of the detector's training.

    limit: maximum number of faces per row, for a trial
    labels: folder of aflw21's label table, DATA/labels by default
    HELEN-330, AFLW2000-3D, the turned faces and the clips are skipped if missing.
    """
    recipe = DetectorRecipe()
    held_out = read_held_out(data, recipe)
    comparison = Comparison(methods)
    yield from comparison.set_thresholds(held_out.empties)
    if (data / "helen_test.zip").is_file():
        yield from comparison.helen_330(data, limit)
    faces = [picture for picture in held_out.faces if picture.source in PACKS]
    count = FACES if limit is None else min(FACES, limit)
    yield from comparison.placed(faces, held_out.empties, count)
    bins = turned_faces.read_held_out(data, labels or data / "labels")
    yield from comparison.turned(bins, held_out.empties, count)
    if (data / f"{turned_faces.BENCHMARK}.zip").is_file():
        yield from comparison.benchmark(data, limit)
    if limit is not None:
        recipe = replace(recipe, validation_scenes=min(limit, recipe.validation_scenes))
    yield from comparison.scenes(Validation(held_out, recipe), limit)
    reference = data.parent / "models" / YUNET_FILE.name
    if reference.is_file() and (data / "videos").is_dir():
        yield from comparison.clips(data / "videos", clips.open_reference(reference), limit)
    frame = next(trials.frames(trials.Condition("", "", 0, 120), faces, held_out.empties, 1))[0]
    timed = np.asarray(cv2.resize(frame, TIMED_PX, interpolation=cv2.INTER_AREA), np.uint8)
    yield from comparison.times(timed, TIMED_CALLS if limit is None else min(TIMED_CALLS, 10 * limit))


def read_held_out(data: Path, recipe: DetectorRecipe) -> Sources:
    """Read the validation set of `tasks.detector.read_sources` without labelling the training set, which needs minutes.

    Without the teacher's file, the packs and labels that depend on it are missing.
    Turned heads have rows of their own (`turned_faces.read_held_out`).
    """
    teacher = data.parent / recipe.teacher
    share = recipe.validation_share

    def held_out(images: list[FacePicture], share: float = share) -> list[FacePicture]:
        return pictures.split_by_group(images, share)[1]

    faces = held_out([picture for name in PACKS for picture in pictures.read_points_pack(data, name)])
    if not faces:
        raise DataError(f"{data}: no face of {' and '.join(PACKS)} is among the {share:.0%} held out; expected some")
    if teacher.is_file():
        faces = pictures.with_teacher(faces, teacher)
        if (data / "mtfl.zip").is_file():
            faces += pictures.with_teacher_only(held_out(pictures.read_bare_faces(data)), teacher)
    faces += held_out(pictures.read_mesh_pictures(data))
    empties = held_out(pictures.read_empty_pictures(data), recipe.empty_share)
    if not empties:
        raise DataError(f"{data / 'no_faces.zip'}: no image is among the {recipe.empty_share:.0%} held out")
    return Sources(faces, held_out(pictures.read_box_pictures(data)), empties)


def precision_between(
    detections: list[Detections], scenes: list[tuple[Image, Floats, Floats]], low: float, high: float
) -> float:
    """Return the average precision of the faces whose longer side is in [low, high) px; NaN without any.

    As in COCO's evaluation by area, excluded are detections that match faces of other sizes, and detections of other
    sizes that match no face.
    """
    matches = []
    for detected, (_, truth, ignored) in zip(detections, scenes, strict=True):
        in_range = _between(truth, low, high)
        overlap = box_iou(detected.boxes, truth)
        matches_other = (overlap * ~in_range).max(axis=1, initial=0) >= metrics.MATCH_IOU
        matches_in_range = (overlap * in_range).max(axis=1, initial=0) >= metrics.MATCH_IOU
        kept = matches_in_range | (~matches_other & _between(detected.boxes, low, high))
        matches.append(metrics.match(detected.boxes[kept], detected.scores[kept], truth[in_range], ignored))
    return metrics.average_precision(matches) if any(len(m.found_at) for m in matches) else float("nan")


def _labelled(item: dict) -> tuple[Image, Floats, Floats]:
    boxes, kind = item["boxes"].numpy(), item["kind"].numpy()
    return item["image"].numpy(), boxes[kind == FACE], boxes[kind == IGNORED]


def _between(boxes: Floats, low: float, high: float) -> np.ndarray:
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    inside: np.ndarray = (sides >= low) & (sides < high)
    return inside


def _fppi(matches: list[Matches], threshold: float) -> float:
    """Return the false positives per image, for images without faces."""
    return float(np.mean([(m.scores > threshold).sum() for m in matches]))


def _clip_rows(counts: dict[str, dict[str, clips.ClipCount]]) -> Iterator[Row]:
    """Return the rows of recall, then those of extra detections; counts: by clip, by method."""
    for clip, each in counts.items():
        faces = next(iter(each.values())).faces
        share = {name: c.found / c.faces if c.faces else float("nan") for name, c in each.items()}
        yield Row(CLIPS_GROUP, clip, faces, share)
    for clip, each in counts.items():
        yield Row(
            EXTRA_GROUP, clip, next(iter(each.values())).faces, {n: float(c.extra) for n, c in each.items()}, best=-1
        )
