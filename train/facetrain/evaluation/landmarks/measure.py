"""Measure the landmarks of a network on labelled faces in the configuration of use: detector, crop, forward pass."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facetrack import topology, topology_maps
from facetrack.detector import Detector
from facetrack.errors import DataError
from facetrack.geometry import CropBox, box_iou, crop_from_detection, points_box
from facetrack.types import Detections, Floats, Image
from facetrain.evaluation.landmarks.framing import PointReader, frame
from facetrain.formats.public.kaggle import FRAME_SIZE
from facetrain.metrics import landmarks as metrics
from facetrain.reporting.progress import with_progress
from facetrain.sample import Sample, as_scheme, face_extent

FOUND_IOU = 0.4
"""Minimum IoU of a detection with the extent of the labelled points, to match the labelled face."""
CropOf = Callable[[Sample], CropBox | None]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Predicted and labelled landmarks of the detected faces.

    samples, crops: the N detected faces and the network's crops
    predicted, truth: (N, K, 2) px, both in `scheme`
    sigma: (N, 68) px, NaN if the network does not predict it
    presence: (N,) NaN if the network does not predict it
    missed: faces that the detector missed
    """

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
        """(N,) errors per face, % of the distance of the outer eye corners (or of the eye centres without corners)."""
        return metrics.face_error(self.predicted, self.truth, self.scheme).astype(np.float32)

    @property
    def nme_51(self) -> Floats:
        """(N,) errors per face without the jaw, for the 68-point scheme only."""
        return metrics.face_error(self.predicted, self.truth, points=topology.INNER_51).astype(np.float32)


def common_scheme(network: str, data: str) -> str | None:
    """Return the scheme that the points of network and data both map to: one of the two, or the five; None if none."""
    for target in (network, data, topology_maps.FIVE):
        if all(topology_maps.groups(source, target) is not None for source in (network, data)):
            return target
    return None


def measure(reader: PointReader, detector: Detector | None, samples: list[Sample], exact: bool = True) -> Measured:
    """Run the network on each sample, on the box of the detector, or of the labels if `detector` is None.

    exact: the labels' boxes are exact; otherwise see `evaluation.landmarks.framing.frame`
    Raises DataError if no sample can be compared.
    """
    if detector is None:
        return measure_at(reader, samples, lambda sample: frame(reader.spec, sample, exact), "cropping and landmarks")
    return measure_at(reader, samples, lambda sample: _detected(reader, detector, sample), "detection and landmarks")


def measure_at(reader: PointReader, samples: list[Sample], crop_of: CropOf, title: str = "landmarks") -> Measured:
    """Run the network on the crops of `crop_of`; samples for which it returns None are counted as missed."""
    samples, scheme = comparable(reader.spec.topology, samples)
    kept, crops, readings, missed = [], [], [], []
    for sample in with_progress(samples, title):
        crop = crop_of(sample)
        if crop is None:
            missed.append(sample)
            continue
        kept.append(sample)
        crops.append(crop)
        readings.append(reader(sample.image, [crop])[0])
    if not kept:
        raise DataError(
            f"none of the {len(samples)} faces was detected or could be cropped by its labels; is this the right data?"
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
    """Return the samples whose points are comparable with the network's in one scheme, and that scheme.

    The scheme with the most samples is chosen. Raises DataError if there are none.
    """
    schemes = {sample.scheme for sample in samples if sample.scheme}
    target = {scheme: common_scheme(network, scheme) for scheme in schemes}
    count = Counter(target[sample.scheme] for sample in samples if sample.scheme)
    count.pop(None, None)
    if not count:
        raise DataError(
            f"the network predicts the scheme '{network}', the data has {', '.join(sorted(schemes)) or 'none'}; "
            "expected data in a scheme that maps to the network's"
        )
    best = str(count.most_common(1)[0][0])
    return [sample for sample in samples if sample.scheme and target[sample.scheme] == best], best


def _detected(reader: PointReader, detector: Detector, sample: Sample) -> CropBox | None:
    """Return the crop that the tracker would use for the labelled face; None if the detector misses it."""
    detections = detector(sample.image)
    index = match_labelled_face(detections, sample)
    return None if index is None else crop_from_detection(*detections.face(index), reader.margin)


def match_labelled_face(detections: Detections, sample: Sample) -> int | None:
    """Return the index of the detection that matches the labelled face, None if there is none.

    Without the 68 points the face's extent is unknown: then it is the box with the highest score that contains the
    centre of the points and is 0.5 to 5 times as large as their extent.
    """
    points = sample.points[np.isfinite(sample.points).all(axis=1)]
    if not len(points) or not len(detections):
        return None
    if sample.scheme == topology.SCHEME:
        overlap = box_iou(detections.boxes, points_box(points)[None])[:, 0]
        return int(overlap.argmax()) if overlap.max() >= FOUND_IOU else None
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    contains = ((detections.boxes[:, :2] < centre) & (centre < detections.boxes[:, 2:])).all(axis=1)
    ratio = (detections.boxes[:, 2:] - detections.boxes[:, :2]).max(axis=1) / max(face_extent(points), 1e-6)
    scores = np.where(contains & (ratio > 0.5) & (ratio < 5), detections.scores, -1)
    return int(scores.argmax()) if scores.max() >= 0 else None


def figures(measured: Measured) -> dict[str, float]:
    """Return all landmark metrics: `metrics.landmarks.summary`, missed faces, label offset, Kaggle's RMSE, calibration.

    within_1_sigma, within_2_sigma: shares of the coordinate errors within one and two predicted sigma; 75.7 % and
        94.1 % for a calibrated Laplace density
    """
    metric_values = {
        "faces": float(len(measured.samples) + len(measured.missed)),
        "missed": float(len(measured.missed)),
        **metrics.summary(measured.predicted, measured.truth, measured.scheme),
    }
    if measured.scheme == topology.SCHEME:
        right, below = metrics.label_shift(measured.predicted, measured.truth)
        metric_values["labels_right"], metric_values["labels_below"] = right, below
        moved = metrics.as_300w(measured.predicted, measured.truth)
        values = metrics.summary(moved, measured.truth)
        metric_values["nme_300w"], metric_values["nme_51_300w"] = values["nme"], values["nme_51"]
    rmse = kaggle_rmse_px(measured)
    if rmse is not None:
        metric_values["kaggle_rmse_px"] = rmse
    if np.isfinite(measured.sigma).all() and measured.scheme == topology.SCHEME:
        ratio = np.abs(measured.predicted - measured.truth) / measured.sigma[:, :, None]
        known = np.isfinite(ratio)
        metric_values["within_1_sigma"] = float((ratio[known] <= 1).mean())
        metric_values["within_2_sigma"] = float((ratio[known] <= 2).mean())
    if np.isfinite(measured.presence).all():
        metric_values["lowest_presence"] = float(measured.presence.min())
    return metric_values


def kaggle_rmse_px(measured: Measured) -> float | None:
    """Return the RMSE of Kaggle's 15 points in px of its 96 px images; None if the points do not map to them.

    Other data are measured as if cropped like Kaggle's: see `formats.public.kaggle.FRAME_SIZE`.
    """
    kaggle = topology_maps.KAGGLE_15
    if topology_maps.groups(measured.scheme, kaggle) is None:
        return None
    predicted, truth = (topology_maps.convert(p, measured.scheme, kaggle) for p in (measured.predicted, measured.truth))
    return metrics.kaggle_rmse(predicted, truth, np.array(_kaggle_sides(measured)))


def _kaggle_sides(measured: Measured) -> list[float]:
    """Return the side in px of each face's image in Kaggle's framing; for Kaggle's networks, that of their input."""
    if measured.scheme == topology.SCHEME:
        return [FRAME_SIZE * face_extent(sample.points) for sample in measured.samples]
    return [
        float(max(sample.image.shape[:2])) if sample.scheme == measured.scheme else crop.size_px
        for sample, crop in zip(measured.samples, measured.crops, strict=True)
    ]


def milliseconds_per_crop(reader: PointReader, image: Image, crop: CropBox, repeats: int = 200) -> float:
    """Return the median duration of cutting one crop and running the network, over at most `repeats` in two seconds."""
    durations_s: list[float] = []
    while len(durations_s) < repeats and (sum(durations_s) < 2 or len(durations_s) < 3):
        started = time.perf_counter()
        reader(image, [crop])
        durations_s.append(time.perf_counter() - started)
    return float(np.median(durations_s) * 1000)
