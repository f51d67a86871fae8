"""Kaggle submission: predictions for test.csv, in the rows of IdLookupTable.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facetrack import topology_maps
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError
from facetrack.types import Floats, Image
from facetrain.augment.mirror import mirrored
from facetrain.formats.public.kaggle import SIDE_PX, read_kaggle, write_submission
from facetrain.formats.reading import print_skipped

BATCH = 64


def submit(runs: Sequence[Path], test: Path, lookup: Path, out: Path, flip: bool = False) -> int:
    """Write the submission of the mean of several networks; returns the number of images.

    runs: run folders, or .onnx files, of 15 points at 96 px
    flip: flip test-time augmentation, the mean over each image and its mirror image
    Raises DataError or ModelFileError for an unsuitable file; then nothing is written.
    """
    engines = [open_run(run) for run in runs]
    result = read_kaggle(test)
    if any(sample.weight.any() for sample in result.samples):
        raise DataError(f"{test} has labels and no ImageId; expected Kaggle's test.csv (ImageId, Image)")
    print_skipped(result.problems)
    crops = np.stack([sample.image for sample in result.samples])
    points = np.mean([predicted(engine, crops, flip) for engine in engines], axis=0)
    write_submission({sample.name: p for sample, p in zip(result.samples, points, strict=True)}, lookup, out)
    return len(points)


def open_run(run: Path) -> OnnxEngine:
    """Open the exported network of a run folder, or an .onnx file; raises DataError if it predicts other points."""
    engine = OnnxEngine(run / "model.onnx" if run.is_dir() else run)
    topology, input_px = engine.spec.topology, engine.spec.input_px
    if (topology, input_px) != (topology_maps.KAGGLE_15, SIDE_PX):
        raise DataError(
            f"{run} predicts the points '{topology}' from crops of {input_px} px; expected a run of kaggle-mlp, "
            f"kaggle-cnn, kaggle-vgg or vgg16 ({topology_maps.KAGGLE_15} at {SIDE_PX} px)"
        )
    return engine


def predicted(engine: OnnxEngine, crops: Image, flip: bool) -> Floats:
    """Predict (N, 15, 2) px for (N, 96, 96, 3) images, with `flip` as the mean over the image and its mirror image."""
    points = np.concatenate([engine(crops[i : i + BATCH])["points"] for i in range(0, len(crops), BATCH)])
    if not flip:
        return points
    flipped = predicted(engine, np.ascontiguousarray(crops[:, :, ::-1]), flip=False)
    order = topology_maps.FLIPS[topology_maps.KAGGLE_15]
    return ((points + mirrored(flipped, order, SIDE_PX)) / 2).astype(np.float32)
