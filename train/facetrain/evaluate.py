"""Measures a landmark network file on a labelled pack, as it will be used: detector, crop, one forward pass."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetrack.detector import Detector
from facetrack.errors import DataError
from facetrack.geometry import (
    CropBox,
    box_iou,
    crop_from_box,
    crop_from_detection,
    crop_matrix,
    cut,
    points_box,
    transform,
)
from facetrack.landmarker import Landmarker
from facetrack.types import Floats
from facetrain import metrics, sheets
from facetrain.datasets import packs
from facetrain.sample import Sample

FOUND_IOU = 0.4
"""A detection counts as the labelled face's if its box overlaps the points' extent this much."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """predicted, truth: (N, 68, 2) px, faces that were found. crops: where the network looked. missed: names of the
    faces that the detector did not find. presence: (N,). sigma: (N, 68) px."""

    samples: list[Sample]
    crops: list[CropBox]
    predicted: Floats
    truth: Floats
    sigma: Floats
    presence: Floats
    missed: list[str]

    @property
    def nme(self) -> Floats:
        """(N,) per face, in % of the outer eye corners' distance."""
        return metrics.nme_per_point(self.predicted, self.truth).mean(axis=1).astype(np.float32)


def measure(landmarker: Landmarker, detector: Detector | None, samples: list[Sample]) -> Measured:
    """Run the network on each sample, through the detector's box, or through the exact one where `detector` is None."""
    kept, crops, readings, missed = [], [], [], []
    for sample in samples:
        crop = _crop(landmarker, detector, sample)
        if crop is None:
            missed.append(sample.name)
            continue
        kept.append(sample)
        crops.append(crop)
        readings.append(landmarker(sample.image, [crop])[0])
    if not kept:
        raise DataError(f"the detector found none of the {len(samples)} faces; is this the right pack?")
    return Measured(
        kept,
        crops,
        np.stack([r.landmarks.points for r in readings]),
        np.stack([s.points for s in kept]),
        np.stack([r.landmarks.sigma for r in readings]),
        np.array([r.presence for r in readings], np.float32),
        missed,
    )


def _crop(landmarker: Landmarker, detector: Detector | None, sample: Sample) -> CropBox | None:
    """Where the tracker would look for this face; None where the detector does not find it."""
    exact = points_box(sample.points)
    if detector is None:
        return crop_from_box(exact, landmarker.margin)
    found = detector(sample.image)
    overlap = box_iou(found.boxes, exact[None])[:, 0]
    if not len(found) or overlap.max() < FOUND_IOU:
        return None
    return crop_from_detection(*found.face(int(overlap.argmax())), landmarker.margin)


def figures(measured: Measured) -> dict[str, float]:
    """NME and its kin, the faces missed, and how well sigma tells the error: the share of coordinate errors within one
    and two sigma (a Laplace density has 75.7 % and 94.1 % there)."""
    error = np.abs(measured.predicted - measured.truth)
    ratio = error / measured.sigma[:, :, None]
    return {
        "faces": float(len(measured.samples) + len(measured.missed)),
        "missed": float(len(measured.missed)),
        **metrics.summary(measured.predicted, measured.truth),
        "within_1_sigma": float((ratio <= 1).mean()),
        "within_2_sigma": float((ratio <= 2).mean()),
        "lowest_presence": float(measured.presence.min()),
    }


def milliseconds_per_crop(landmarker: Landmarker, sample: Sample, repeats: int = 200) -> float:
    """Median time of cutting one crop and running the network on it."""
    crop = crop_from_box(points_box(sample.points), landmarker.margin)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        landmarker(sample.image, [crop])
        times.append(time.perf_counter() - started)
    return float(np.median(times) * 1000)


def read_labelled(path: Path) -> list[Sample]:
    """A pack by its path without ending: folder/helen_test. Raises DataError where there is none."""
    return packs.read_landmark_pack(path.parent, path.name.removesuffix(".zip").removesuffix(".npz"), trim=False)


def save_pictures(measured: Measured, folder: Path, title: str) -> None:
    """ced.png, worst.png and median.png."""
    folder.mkdir(parents=True, exist_ok=True)
    save_ced({title: measured.nme}, folder / "ced.png")
    order = np.argsort(measured.nme)
    save_predictions(measured, order[::-1][:24], folder / "worst.png")
    middle = len(order) // 2
    save_predictions(measured, order[max(0, middle - 12) : middle + 12], folder / "median.png")


def save_ced(curves: dict[str, Floats], path: Path, limit: float = 10.0) -> None:
    """Cumulative error distribution: the share of faces (%) with an NME below x."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for name, nme in curves.items():
        share = 100 * np.arange(1, len(nme) + 1) / len(nme)
        axis.step(np.sort(nme), share, where="post", label=f"{name}: mean {nme.mean():.2f} %")
    axis.set(xlim=(0, limit), ylim=(0, 100), xlabel="NME, % of the outer eye corners' distance", ylabel="faces, %")
    axis.grid(alpha=0.3)
    axis.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def save_predictions(measured: Measured, indices: np.ndarray, path: Path) -> None:
    """A sheet of crops with prediction (green) and truth (red)."""
    side = 224
    cells = []
    for i in indices:
        crop = measured.crops[i]
        matrix = crop_matrix(crop, side)
        image = cut(measured.samples[i].image, crop, side)
        predicted, truth = transform(measured.predicted[i], matrix), transform(measured.truth[i], matrix)
        cells.append(sheets.drawn(image, predicted, truth, side, f"{measured.nme[i]:.1f} %"))
    sheets.save_sheet(cells, path)
