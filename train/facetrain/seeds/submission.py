"""Kaggle's test.csv through trained runs to the submission that IdLookupTable.csv asks for."""

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
    """Write the submission of the mean of several networks; returns how many pictures were told.

    runs: run folders, or .onnx files, of 15 points at 96 px. flip: tell each picture's mirror image too, and take the
    mean. Raises DataError or ModelFileError where a file is not what it should be; then nothing is written.
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
    """The exported network of a run folder, or an .onnx file. Raises DataError where it gives other points."""
    engine = OnnxEngine(run / "model.onnx" if run.is_dir() else run)
    found = (engine.spec.topology, engine.spec.input_px)
    if found != (topology_maps.KAGGLE_15, SIDE_PX):
        raise DataError(
            f"{run} gives the points '{found[0]}' of crops of {found[1]} px; expected a run of kaggle-mlp, kaggle-cnn, "
            f"kaggle-vgg or vgg16 ({topology_maps.KAGGLE_15} at {SIDE_PX} px)"
        )
    return engine


def predicted(engine: OnnxEngine, crops: Image, flip: bool) -> Floats:
    """(N, 15, 2) px of (N, 96, 96, 3) pictures, with `flip` the mean over the picture and its mirror image."""
    points = np.concatenate([engine(crops[i : i + BATCH])["points"] for i in range(0, len(crops), BATCH)])
    if not flip:
        return points
    turned = predicted(engine, np.ascontiguousarray(crops[:, :, ::-1]), flip=False)
    order = topology_maps.FLIPS[topology_maps.KAGGLE_15]
    return ((points + mirrored(turned, order, SIDE_PX)) / 2).astype(np.float32)
