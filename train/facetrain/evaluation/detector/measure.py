"""Measures detectors beside one another, as they will be used: `facetrack eval detector`.

All see the same pictures. Truth boxes are the extents of labelled points; the peers' boxes are brought to that
convention (`facetrack.detector.yunet`, `.mediapipe`), or they would lose for their foreheads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from facetrack.detector import Detector
from facetrack.detector.yunet import FILE as YUNET_FILE
from facetrack.errors import DataError
from facetrack.geometry import box_iou, points_box
from facetrack.types import Detections, Floats, Image
from facetrain.evaluation.detector import clips
from facetrain.evaluation.detector import placed_faces as trials
from facetrain.evaluation.detector.methods import YUNET, DetectorMethod
from facetrain.metrics import detection as metrics
from facetrain.metrics.detection import Matches
from facetrain.samples import pictures
from facetrain.samples.detector_scenes import FACE, IGNORED
from facetrain.samples.pictures import FacePicture
from facetrain.tasks.detector import DetectorRecipe, Sources, Validation

MIN_SCORE = 0.02
"""Detections are gathered down to this score, so that thresholds can be set afterwards."""
MAX_FPPI = 0.05
FACES = 240
"""Of each row of placed faces: one more or less is .4 %."""
SCENE_SIZES_PX = (8, 12, 16, 24, 32, 64, 1024)
TIMED_PX = (320, 240)
TIMED_CALLS = 200
FALSE_GROUP = "pictures without a face, held aside"
HELEN_GROUP = "HELEN-330"
SCENES_GROUP = "average precision on composed scenes, by size"
CLIPS_GROUP = "clips, recall"
EXTRA_GROUP = "clips, extra detections"
TIME_GROUP = "time of a call at 320x240, one thread"
PACKS = ("helen_train", "ytfaces_train")
NO_BOXES = np.zeros((0, 4), np.float32)

Labelled = Iterable[tuple[Image, Floats, Floats]]
"""(picture, true boxes, ignored boxes)"""
Progress = Callable[[Iterable, str, int], Iterable]
"""(items, title, how many) -> the same items, with a bar where there is a terminal."""


@dataclass(frozen=True, slots=True)
class Row:
    """values: by method. count: of what the row is measured on. amount: on the group's axis, NaN without.
    best: whether more is better (1), less (-1), or neither (0)."""

    group: str
    name: str
    count: int
    values: dict[str, float]
    amount: float = float("nan")
    best: int = 1


def without_progress(items: Iterable, title: str, total: int) -> Iterable:
    """No bar."""
    return items


class Comparison:
    """Detectors with the thresholds at which they are compared."""

    def __init__(self, methods: list[DetectorMethod], watch: Progress = without_progress) -> None:
        cv2.setNumThreads(1)  # all on one thread, YuNet too
        self.methods, self.watch = methods, watch
        self.detectors: dict[str, Detector] = {method.name: method.make(MIN_SCORE) for method in methods}
        self.thresholds = dict.fromkeys(self.detectors, 0.5)

    def matches(self, labelled: Labelled, title: str, total: int) -> dict[str, list[Matches]]:
        """Every picture is made once, and shown to all."""
        found: dict[str, list[Matches]] = {name: [] for name in self.detectors}
        for image, truth, ignored in self.watch(labelled, title, total):
            for name, detector in self.detectors.items():
                seen = detector(image)
                found[name].append(metrics.match(seen.boxes, seen.scores, truth, ignored))
        return found

    def recall(self, labelled: Labelled, title: str, total: int) -> dict[str, float]:
        found = self.matches(labelled, title, total)
        return {name: metrics.recall_above(each, self.thresholds[name]) for name, each in found.items()}

    def set_thresholds(self, empties: list[FacePicture]) -> list[Row]:
        """Where each gives one false positive in twenty pictures without a face; and what its own default gives."""
        count = len(empties)
        found = self.matches(((p.decode(), NO_BOXES, NO_BOXES) for p in empties), FALSE_GROUP, count)
        self.thresholds = {name: metrics.threshold_at(each, MAX_FPPI) for name, each in found.items()}
        defaults = {method.name: method.default for method in self.methods}

        def false(thresholds: dict[str, float]) -> dict[str, float]:
            return {name: _fppi(each, thresholds[name]) for name, each in found.items()}

        return [
            Row(FALSE_GROUP, "threshold for one false positive in 20", count, self.thresholds, best=0),
            Row(FALSE_GROUP, "false positives per picture there", count, false(self.thresholds), best=0),
            Row(FALSE_GROUP, "its maker's default threshold", count, defaults, best=0),
            Row(FALSE_GROUP, "false positives per picture at the default", count, false(defaults), best=-1),
            Row(FALSE_GROUP, "false positives per picture at .5", count, false(dict.fromkeys(found, 0.5)), best=-1),
        ]

    def helen_330(self, data: Path, limit: int | None) -> list[Row]:
        """The labelled face of each picture; other people in it are not labelled, and count for nothing."""
        pack = evenly_spaced(pictures.read_points_pack(data, "helen_test"), limit)
        anywhere = np.array([[-1e6, -1e6, 1e6, 1e6]], np.float32)
        shown = ((p.decode(), points_box(p.outlines), anywhere) for p in pack)
        return [Row(HELEN_GROUP, "recall (IoU .5)", len(pack), self.recall(shown, HELEN_GROUP, len(pack)))]

    def placed(self, faces: list[FacePicture], empties: list[FacePicture], count: int) -> Iterator[Row]:
        """Recall of every trial."""
        for condition in trials.CONDITIONS:
            recall = self.recall(trials.frames(condition, faces, empties, count), condition.name, count)
            yield Row(condition.group, condition.name, count, recall, condition.amount)

    def scenes(self, validation: Validation, limit: int | None) -> list[Row]:
        """Average precision on composed scenes: of all faces, and of ranges of their longer side in px."""
        items = evenly_spaced(validation.items, limit)
        scenes = [_labelled(item) for item in items]
        found: dict[str, list[Detections]] = {name: [] for name in self.detectors}
        for image, _, _ in self.watch(scenes, SCENES_GROUP, len(scenes)):
            for name, detector in self.detectors.items():
                found[name].append(detector(image))
        rows = []
        for low, high in [(0, 1e9), *pairwise(SCENE_SIZES_PX)]:
            count = sum(int(_between(truth, low, high).sum()) for _, truth, _ in scenes)
            values = {name: precision_between(each, scenes, low, high) for name, each in found.items()}
            title = "all" if low == 0 else f"{low:g} px and more" if high > 1000 else f"{low:g} to {high:g} px"
            rows.append(Row(SCENES_GROUP, title, count, values, float("nan") if low == 0 else low))
        return rows

    def clips(self, folder: Path, by: Detector, limit: int | None) -> list[Row]:
        """Recall and extra detections on each clip, and on all."""
        every = clips.EVERY if limit is None else clips.EVERY * 5
        counts: dict[str, dict[str, clips.ClipCount]] = {}
        paths = sorted(folder.glob("*.mp4"))
        for path in self.watch(paths, "clips", len(paths)):
            each = counts[path.stem] = dict.fromkeys(self.detectors, clips.ClipCount())
            for frame in clips.reference_frames(path, by, every):
                for name, detector in self.detectors.items():
                    each[name] += clips.count(detector(frame.image), frame, self.thresholds[name])
        if counts:
            counts["all"] = {n: sum((c[n] for c in counts.values()), clips.ClipCount()) for n in self.detectors}
        return [*_clip_rows(counts)]

    def times(self, image: Image, repeats: int = TIMED_CALLS) -> list[Row]:
        """Median processor time of one call, preparing and decoding included, each at its default threshold and in
        turn, so that what else the machine does hits all alike. It is the whole process's: MediaPipe has a thread of
        its own."""
        detectors = {method.name: method.make(method.default) for method in self.methods}
        taken: dict[str, list[float]] = {name: [] for name in detectors}
        for _ in self.watch(range(repeats), TIME_GROUP, repeats):
            for name, detector in detectors.items():
                started = time.process_time()
                detector(image)
                taken[name].append(1000 * (time.process_time() - started))
        ms = {name: float(np.median(each)) for name, each in taken.items()}
        rows = [Row(TIME_GROUP, "ms", repeats, ms, best=-1)]
        if YUNET in ms:
            rows.append(Row(TIME_GROUP, "over YuNet's", repeats, {n: v / ms[YUNET] for n, v in ms.items()}, best=-1))
        return rows


def measure(
    methods: list[DetectorMethod], data: Path, limit: int | None = None, watch: Progress = without_progress
) -> Iterator[Row]:
    """All rows, as they are measured, on people and pictures that the detector's training held aside. limit: of faces
    in a row, for a quick look. HELEN-330 and the clips are left out where they are not there."""
    recipe = DetectorRecipe()
    held_out = read_held_out(data, recipe)
    comparison = Comparison(methods, watch)
    yield from comparison.set_thresholds(held_out.empties)
    if (data / "helen_test.zip").is_file():
        yield from comparison.helen_330(data, limit)
    faces = [picture for picture in held_out.faces if picture.source in PACKS]
    yield from comparison.placed(faces, held_out.empties, FACES if limit is None else min(FACES, limit))
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
    """What `tasks.detector.read_sources` holds aside, without labelling all the rest first, which takes minutes.
    Without the teacher's file its packs and labels are missing."""
    teacher = data.parent / recipe.teacher
    share = recipe.validation_share

    def held_out(some: list[FacePicture], share: float = share) -> list[FacePicture]:
        return pictures.split_by_group(some, share)[1]

    faces = held_out([picture for name in PACKS for picture in pictures.read_points_pack(data, name)])
    if not faces:
        raise DataError(f"{data}: no face of {' and '.join(PACKS)} is among the {share:.0%} held aside; expected some")
    if teacher.is_file():
        faces = pictures.with_teacher(faces, teacher)
        if (data / "mtfl.zip").is_file():
            faces += pictures.with_teacher_only(held_out(pictures.read_bare_faces(data)), teacher)
    faces += held_out(pictures.read_mesh_pictures(data))
    empties = held_out(pictures.read_empty_pictures(data), recipe.empty_share)
    if not empties:
        raise DataError(f"{data / 'no_faces.zip'}: no picture is among the {recipe.empty_share:.0%} held aside")
    return Sources(faces, held_out(pictures.read_box_pictures(data)), empties)


def precision_between(
    found: list[Detections], scenes: list[tuple[Image, Floats, Floats]], low: float, high: float
) -> float:
    """Average precision of the faces with a longer side of low <= px < high. What finds another face is left out, and
    so is what finds nothing and is of another size (as in COCO's evaluation by area)."""
    matches = []
    for seen, (_, truth, ignored) in zip(found, scenes, strict=True):
        wanted = _between(truth, low, high)
        overlap = box_iou(seen.boxes, truth)
        of_other = (overlap * ~wanted).max(axis=1, initial=0) >= metrics.MATCH_IOU
        of_wanted = (overlap * wanted).max(axis=1, initial=0) >= metrics.MATCH_IOU
        kept = of_wanted | (~of_other & _between(seen.boxes, low, high))
        matches.append(metrics.match(seen.boxes[kept], seen.scores[kept], truth[wanted], ignored))
    return metrics.average_precision(matches) if any(len(m.found_at) for m in matches) else float("nan")


def evenly_spaced(items: list, limit: int | None) -> list:
    """At most `limit` of them, evenly from all."""
    if limit is None or len(items) <= limit:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, limit).round().astype(int)]


def _labelled(item: dict) -> tuple[Image, Floats, Floats]:
    boxes, kind = item["boxes"].numpy(), item["kind"].numpy()
    return item["image"].numpy(), boxes[kind == FACE], boxes[kind == IGNORED]


def _between(boxes: Floats, low: float, high: float) -> np.ndarray:
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    inside: np.ndarray = (sides >= low) & (sides < high)
    return inside


def _fppi(found: list[Matches], threshold: float) -> float:
    return float(np.mean([(m.scores > threshold).sum() for m in found]))


def _clip_rows(counts: dict[str, dict[str, clips.ClipCount]]) -> Iterator[Row]:
    for clip, each in counts.items():
        faces = next(iter(each.values())).faces
        share = {name: c.found / c.faces if c.faces else float("nan") for name, c in each.items()}
        yield Row(CLIPS_GROUP, clip, faces, share)
    for clip, each in counts.items():
        yield Row(
            EXTRA_GROUP, clip, next(iter(each.values())).faces, {n: float(c.extra) for n, c in each.items()}, best=-1
        )
