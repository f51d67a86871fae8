"""Measures the points of a network file on labelled faces, as it will be used: detector, crop, one forward pass."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track

from facetrack import topology, topology_maps
from facetrack.detector import Detector
from facetrack.errors import DataError
from facetrack.geometry import CropBox, box_iou, crop_from_detection, points_box
from facetrack.types import Detections, Floats, Image
from facetrain.evaluation.landmarks.framing import PointReader, frame
from facetrain.formats.public.kaggle import FRAME_SIZE
from facetrain.metrics import landmarks as metrics
from facetrain.sample import Sample, as_scheme, face_extent

FOUND_IOU = 0.4
"""A detection counts as the labelled face's if its box overlaps the points' extent this much."""
CropOf = Callable[[Sample], CropBox | None]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """predicted, truth: (N, K, 2) px, faces that were found, both in `scheme`. crops: where the network looked. missed:
    the faces that the detector did not find. presence: (N,). sigma: (N, 68) px; both NaN where the network does not
    say."""

    samples: list[Sample]
    crops: list[CropBox]
    predicted: Floats
    truth: Floats
    sigma: Floats
    presence: Floats
    missed: list[Sample]
    scheme: str = topology.SCHEME

    @property
    def nme(self) -> Floats:
        """(N,) per face, in % of the outer eye corners' distance (of the eye centres' where there are none)."""
        return metrics.face_error(self.predicted, self.truth, self.scheme).astype(np.float32)

    @property
    def nme_51(self) -> Floats:
        """(N,) the same without the jaw; of the 68 points only."""
        return metrics.face_error(self.predicted, self.truth, points=topology.INNER_51).astype(np.float32)


def common_scheme(network: str, data: str) -> str | None:
    """In what the points of a network and those of the data compare: one of both, or else the five; None if in none."""
    for target in (network, data, topology_maps.FIVE):
        if all(topology_maps.groups(source, target) is not None for source in (network, data)):
            return target
    return None


def measure(reader: PointReader, detector: Detector | None, samples: list[Sample], exact: bool = True) -> Measured:
    """Run the network on each sample, through the detector's box, or through the labels' where `detector` is None.

    steady: labels' boxes are exact; otherwise see `evaluation.landmarks.framing.frame`. Raises DataError where nothing
    can be compared.
    """
    if detector is None:
        return measure_at(reader, samples, lambda sample: frame(reader.spec, sample, exact), "framing and reading")
    return measure_at(reader, samples, lambda sample: _detected(reader, detector, sample), "detecting and reading")


def measure_at(reader: PointReader, samples: list[Sample], crop_of: CropOf, title: str = "reading") -> Measured:
    """Run the network where `crop_of` says; samples for which it says None are missed."""
    samples, scheme = comparable(reader.spec.topology, samples)
    kept, crops, readings, missed = [], [], [], []
    for sample in shown(samples, title):
        crop = crop_of(sample)
        if crop is None:
            missed.append(sample)
            continue
        kept.append(sample)
        crops.append(crop)
        readings.append(reader(sample.image, [crop])[0])
    if not kept:
        raise DataError(
            f"none of the {len(samples)} faces was found or could be framed by its labels; is this the right data?"
        )
    points = np.stack([r.landmarks.points for r in readings])
    return Measured(
        kept,
        crops,
        topology_maps.convert(points, reader.spec.topology, scheme).astype(np.float32),
        np.stack([as_scheme(s, scheme).points for s in kept]),
        np.stack([r.landmarks.sigma for r in readings]),
        np.array([r.presence for r in readings], np.float32),
        missed,
        scheme,
    )


def comparable(network: str, samples: list[Sample]) -> tuple[list[Sample], str]:
    """Those samples whose points compare with the network's in one scheme, that of the most of them.

    Raises DataError where there are none.
    """
    schemes = {sample.scheme for sample in samples if sample.scheme}
    target = {scheme: common_scheme(network, scheme) for scheme in schemes}
    count = Counter(target[sample.scheme] for sample in samples if sample.scheme)
    count.pop(None, None)
    if not count:
        raise DataError(
            f"the network gives points of the scheme '{network}', the data has {', '.join(sorted(schemes)) or 'none'}; "
            "expected data in a scheme that maps to the network's"
        )
    best = str(count.most_common(1)[0][0])
    return [sample for sample in samples if sample.scheme and target[sample.scheme] == best], best


def shown(samples: Iterable[Sample], title: str) -> Iterable[Sample]:
    """The samples, with a bar on a terminal."""
    console = Console(stderr=True)
    return track(samples, title, console=console, transient=True, disable=not console.is_terminal)


def _detected(reader: PointReader, detector: Detector, sample: Sample) -> CropBox | None:
    """Where the tracker would look for this face; None where the detector does not find it."""
    found = detector(sample.image)
    index = match_labelled_face(found, sample)
    return None if index is None else crop_from_detection(*found.face(index), reader.margin)


def match_labelled_face(found: Detections, sample: Sample) -> int | None:
    """Which detection is the labelled face; None if none is. Without the 68 points its extent is not known: there it is
    the surest box that holds the middle of the points, and is of their order of size."""
    points = sample.points[np.isfinite(sample.points).all(axis=1)]
    if not len(points) or not len(found):
        return None
    if sample.scheme == topology.SCHEME:
        overlap = box_iou(found.boxes, points_box(points)[None])[:, 0]
        return int(overlap.argmax()) if overlap.max() >= FOUND_IOU else None
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    holds = ((found.boxes[:, :2] < middle) & (middle < found.boxes[:, 2:])).all(axis=1)
    ratio = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1) / max(face_extent(points), 1e-6)
    scores = np.where(holds & (ratio > 0.5) & (ratio < 5), found.scores, -1)
    return int(scores.argmax()) if scores.max() >= 0 else None


def figures(measured: Measured) -> dict[str, float]:
    """NME and its kin, Kaggle's RMSE, the faces missed, where the labels lie as a whole, and how well sigma tells the
    error: the share of coordinate errors within one and two sigma (a Laplace density has 75.7 % and 94.1 % there)."""
    found = {
        "faces": float(len(measured.samples) + len(measured.missed)),
        "missed": float(len(measured.missed)),
        **metrics.summary(measured.predicted, measured.truth, measured.scheme),
    }
    if measured.scheme == topology.SCHEME:
        found["labels_right"], found["labels_below"] = metrics.label_shift(measured.predicted, measured.truth)
    rmse = kaggle_rmse_px(measured)
    if rmse is not None:
        found["kaggle_rmse_px"] = rmse
    if np.isfinite(measured.sigma).all() and measured.scheme == topology.SCHEME:
        ratio = np.abs(measured.predicted - measured.truth) / measured.sigma[:, :, None]
        known = np.isfinite(ratio)
        found["within_1_sigma"] = float((ratio[known] <= 1).mean())
        found["within_2_sigma"] = float((ratio[known] <= 2).mean())
    if np.isfinite(measured.presence).all():
        found["lowest_presence"] = float(measured.presence.min())
    return found


def kaggle_rmse_px(measured: Measured) -> float | None:
    """RMSE of Kaggle's 15 points in px of its 96 px pictures; None where there are no such points.

    A face that is not Kaggle's is measured as if framed like Kaggle's: see `formats.public.kaggle.FRAME_SIZE`.
    """
    kaggle = topology_maps.KAGGLE_15
    if topology_maps.groups(measured.scheme, kaggle) is None:
        return None
    predicted, truth = (topology_maps.convert(p, measured.scheme, kaggle) for p in (measured.predicted, measured.truth))
    return metrics.kaggle_rmse(predicted, truth, np.array(_kaggle_sides(measured)))


def _kaggle_sides(measured: Measured) -> list[float]:
    """Side in px of the picture that Kaggle would have made of each face; for Kaggle's networks, of what they saw."""
    if measured.scheme == topology.SCHEME:
        return [FRAME_SIZE * face_extent(sample.points) for sample in measured.samples]
    return [
        float(max(sample.image.shape[:2])) if sample.scheme == measured.scheme else crop.size_px
        for sample, crop in zip(measured.samples, measured.crops, strict=True)
    ]


def milliseconds_per_crop(reader: PointReader, image: Image, crop: CropBox, repeats: int = 200) -> float:
    """Median time of cutting one crop and running the network on it; of as many `repeats` as two seconds hold."""
    times: list[float] = []
    while len(times) < repeats and (sum(times) < 2 or len(times) < 3):
        started = time.perf_counter()
        reader(image, [crop])
        times.append(time.perf_counter() - started)
    return float(np.median(times) * 1000)
