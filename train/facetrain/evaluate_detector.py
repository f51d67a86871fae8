"""Measures a detector as it will be used, beside YuNet: python -m facetrain.evaluate_detector --data DATA --model FILE

Every detector sees the same pictures, reduced to the same size. Truth boxes are the extents of labelled points; YuNet's
boxes are brought to that convention first (`pictures.below_forehead`), or it would lose for its foreheads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from facetrack.detector.cnn import CnnDetector, DetectorOptions, letterbox
from facetrack.engine.onnx import OnnxEngine
from facetrack.geometry import points_box
from facetrack.types import Detections, Floats, Image
from facetrain import detection_metrics as metrics
from facetrain.datasets import pictures
from facetrain.datasets.pictures import FacePicture
from facetrain.datasets.scenes import FACE, IGNORED
from facetrain.detection_metrics import Matches
from facetrain.detector_task import DetectorRecipe, Sources, Validation, read_sources

LEAST = 0.02
"""Detections are gathered down to this score, so that thresholds can be set afterwards."""
FALSE_PER_PICTURE = 0.05
FRAME = (640, 480)
PLACED_PX = (24, 30, 40, 60, 120, 240)
NO_BOXES = np.zeros((0, 4), np.float32)
SIZES_PX = (8, 12, 16, 24, 32, 64, 1024)
SURE = 0.8
HALF_SEEN = 0.5


class Yunet:
    """cv2.FaceDetectorYN with facetrack's box convention and the same reduction of the picture."""

    def __init__(self, model: Path, long_side_px: int, least: float = LEAST) -> None:
        self.net = cv2.FaceDetectorYN.create(str(model), "", (320, 320), least, 0.3)
        self.long_side_px = long_side_px

    def __call__(self, image: Image) -> Detections:
        batch, ratio = letterbox(image, self.long_side_px, 32)
        self.net.setInputSize(batch.shape[2:0:-1])
        found = self.net.detect(batch[0])[1]
        rows = np.zeros((0, 15), np.float32) if found is None else np.asarray(found, np.float32)
        boxes = pictures.below_forehead(np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1))
        corners = (boxes.reshape(-1, 2, 2) + 0.5) / ratio - 0.5
        points = (rows[:, 4:14].reshape(-1, 5, 2) + 0.5) / ratio - 0.5
        return Detections(corners.reshape(-1, 4).astype(np.float32), rows[:, 14], points.astype(np.float32))


Detector = CnnDetector | Yunet
Labelled = Iterator[tuple[Image, Floats, Floats]]
"""(picture, true boxes, ignored boxes)"""


def match_all(detector: Detector, labelled: Iterable[tuple[Image, Floats, Floats]]) -> list[Matches]:
    """labelled: (picture, true boxes, ignored boxes)."""
    found = ((detector(image), truth, ignored) for image, truth, ignored in labelled)
    return [metrics.match(f.boxes, f.scores, truth, ignored) for f, truth, ignored in found]


def helen_330(data: Path) -> Labelled:
    """The labelled face of each picture; other people in it do not count as false alarms."""
    for picture in pictures.read_points_pack(data, "helen_test"):
        yield picture.decode(), points_box(picture.outlines), np.array([[-1e6, -1e6, 1e6, 1e6]], np.float32)


def empty(held: list[FacePicture]) -> Labelled:
    return ((picture.decode(), NO_BOXES, NO_BOXES) for picture in held)


def composed(validation: Validation) -> Labelled:
    for item in validation.items:
        boxes, kind = item["boxes"].numpy(), item["kind"].numpy()
        yield item["image"].numpy(), boxes[kind == FACE], boxes[kind == IGNORED]


def placed(faces: list[FacePicture], empties: list[FacePicture], size_px: int) -> Labelled:
    """One clean, upright face of `size_px` (longer side) somewhere in a 640x480 frame over a picture without one."""
    rng = np.random.default_rng(size_px)
    for i, picture in enumerate(faces):
        frame = cv2.resize(empties[i % len(empties)].decode(), FRAME)
        outline = picture.outlines[0]
        scale = size_px / float(np.ptp(outline, axis=0).max())
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(picture.decode(), None, fx=scale, fy=scale, interpolation=how)
        box = points_box((outline + 0.5) * scale - 0.5)
        target = np.array(FRAME) / 2 + rng.uniform(-0.3, 0.3, 2) * (np.array(FRAME) - size_px)
        move = np.round(target - (box[:2] + box[2:]) / 2)
        matrix = np.column_stack([np.eye(2), move])
        cv2.warpAffine(small, matrix, FRAME, dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
        yield frame, (box + np.tile(move, 2))[None].astype(np.float32), NO_BOXES  # type: ignore[misc]


def by_size(detector: Detector, validation: Validation, threshold: float) -> dict[str, float]:
    """Recall on composed scenes for ranges of the face's longer side in px of what the network sees."""
    matches = match_all(detector, composed(validation))
    sides = np.concatenate([(truth[:, 2:] - truth[:, :2]).max(axis=1) for _, truth, _ in composed(validation)])
    found = np.concatenate([m.found_at for m in matches]) > threshold
    figures = {"ap": metrics.average_precision(matches)}
    for low, high in pairwise(SIZES_PX):
        inside = (sides >= low) & (sides < high)
        figures[f"recall {low}-{high} px"] = float(found[inside].mean()) if inside.any() else float("nan")
    return figures


def measure(
    detectors: dict[int, Detector], data: Path, held: Sources, validation: Validation | None
) -> dict[str, float]:
    """detectors: one for each long side in px, gathering down to LEAST. Figures by name; the threshold is set on the
    pictures without faces that were held aside, the labelled packs only count at it."""
    figures: dict[str, float] = {}
    for side, detector in detectors.items():
        none = match_all(detector, empty(held.empties))
        threshold = metrics.threshold_at(none, FALSE_PER_PICTURE)
        helen = match_all(detector, helen_330(data))
        figures |= {
            f"threshold for 1 false in 20, {side} px": threshold,
            f"false per picture at .5, {side} px": float(np.mean([(m.scores > 0.5).sum() for m in none])),
            f"HELEN-330 recall, {side} px": metrics.recall_above(helen, threshold),
            f"HELEN-330 recall at .5, {side} px": metrics.recall_above(helen, 0.5),
        }
        for size in PLACED_PX:
            found = match_all(detector, placed(held.faces, held.empties, size))
            figures[f"{size} px in 640x480, {side} px"] = metrics.recall_above(found, threshold)
        if validation and side >= validation.items[0]["image"].shape[1]:
            figures |= {f"scenes: {name}": value for name, value in by_size(detector, validation, threshold).items()}
            validation = None
    return figures


def agreement(
    detector: Detector, teacher: Yunet, clip: Path, every: int = 10, threshold: float = 0.5
) -> dict[str, int]:
    """On every so-manieth frame of a clip: faces that the teacher is sure of, by least size in px of the full frame,
    and how many of them the detector finds; and what it finds where the teacher is not even half sure of anything
    (`alone`)."""
    counts = {"sure 30": 0, "found 30": 0, "sure 60": 0, "found 60": 0, "alone": 0}
    capture = cv2.VideoCapture(str(clip))
    index = 0
    while True:
        read, frame = capture.read()
        if not read:
            return counts
        if index % every == 0:
            _count(counts, detector(frame), teacher(frame), threshold)  # type: ignore[arg-type]
        index += 1


def _count(counts: dict[str, int], ours: Detections, theirs: Detections, threshold: float) -> None:
    mine = ours.boxes[ours.scores > threshold]
    sure = theirs.boxes[theirs.scores > SURE]
    found = metrics.match(mine, np.ones(len(mine), np.float32), sure, NO_BOXES, 0.4).found_at > 0
    sides = (sure[:, 2:] - sure[:, :2]).max(axis=1)
    for least in (30, 60):
        counts[f"sure {least}"] += int((sides >= least).sum())
        counts[f"found {least}"] += int(found[sides >= least].sum())
    # A detection on what the teacher half sees is no false alarm; one where it sees nothing may be.
    loose = metrics.match(mine, np.ones(len(mine), np.float32), theirs.boxes, NO_BOXES, 0.2)
    counts["alone"] += int((~loose.hit).sum())


def milliseconds(detector: Detector, height: int = 240, width: int = 320, repeats: int = 300) -> float:
    """Median time of one call on noise, preparing and decoding included."""
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        detector(image)
        times.append(time.perf_counter() - started)
    return float(np.median(times) * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with the packs; YuNet lies in ../models beside it"
    )
    parser.add_argument("--model", type=Path, required=True, help="the detector's .onnx")
    parser.add_argument("--sides", type=int, nargs="+", default=[160, 320, 640], help="long sides in px")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    recipe = DetectorRecipe()
    _, held = read_sources(args.data, recipe)
    validation = Validation(held, recipe)
    labelled = [p for p in held.faces if p.source in ("helen_train", "ytfaces_train")]
    clean = replace(held, faces=labelled[:120])
    engine, yunet = OnnxEngine(args.model), args.data.parent / recipe.teacher
    ours: dict[int, Detector] = {s: CnnDetector(engine, DetectorOptions(s, LEAST)) for s in args.sides}
    theirs: dict[int, Detector] = {s: Yunet(yunet, s) for s in args.sides}
    left, right = (measure(d, args.data, clean, validation) for d in (ours, theirs))
    left["ms at 320x240"] = milliseconds(CnnDetector(engine))
    right["ms at 320x240"] = milliseconds(Yunet(yunet, 320, 0.5))
    print(f"{'':44}{args.model.name:>14}{'YuNet':>14}")
    for name, value in left.items():
        print(f"{name:44}{value:14.3f}{right[name]:14.3f}")
    for clip in sorted((args.data / "videos").glob("*.mp4")):
        for side in args.sides[1:]:
            print(clip.name, side, agreement(ours[side], Yunet(yunet, 1280, HALF_SEEN), clip))


if __name__ == "__main__":
    main()
