"""Self-training: pseudo-labels by our own landmark network, for faces without labels or of other conventions.

The network predicts each face in several augmented views: shifted, rotated, scaled and mirrored. Their mean is more
accurate than a single prediction, and their spread is a confidence per point (Radosavovic et al., "Data distillation",
CVPR 2018). If a sample has points of its own, both are averaged, after correcting the constant offset between the two
labelling conventions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.capture import ImageFiles, open_video
from facetrack.capture.images import is_image_file
from facetrack.detector import Detector
from facetrack.detector.cnn import bundled_detector
from facetrack.engine.onnx import OnnxEngine
from facetrack.geometry import CropBox, crop_from_box, crop_from_detection, points_box
from facetrack.landmarker import Landmarker
from facetrack.modelfile import bundled_path
from facetrack.types import Floats, Image
from facetrain.formats.open import read_any
from facetrain.sample import Sample, trimmed

BUNDLED = "bundled"
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v")


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Augmented views, and filters of the pseudo-labels.

    views: number of views of the image, and as many of its mirror image
    shift, scale: uniform, relative to the crop's side
    rotation_deg: uniform
    max_spread: largest mean standard deviation of the inner points over the views, in eye distances; a point of twice
        this deviation has weight 0
    min_presence: least probability of a face
    seed: of the views
    """

    views: int = 6
    shift: float = 0.06
    scale: float = 0.1
    rotation_deg: float = 10.0
    max_spread: float = 0.025
    min_presence: float = 0.5
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class PseudoLabel:
    """Predicted landmarks of a face.

    points: (68, 2) px, the mean over the views
    weight: (68,) 0 to 1, from the spread over the views
    """

    points: Floats
    weight: Floats


class SelfTeacher:
    """Teacher network, with a detector for samples without points of the 68-point scheme."""

    def __init__(self, landmarker: Landmarker, detector: Detector, options: ViewOptions | None = None) -> None:
        self.landmarker, self.detector = landmarker, detector
        self.options = options or ViewOptions()

    def __call__(self, sample: Sample) -> PseudoLabel | str:
        """Label the sample's face; returns the reason if it is rejected."""
        crop = self._first_crop(sample)
        if crop is None:
            return "no face detected"
        reading = self.landmarker(sample.image, [crop])[0]
        if reading.presence < self.options.min_presence:
            return "low face presence"
        points = self.predict_views(sample.image, reading.landmarks.points)
        mean = points.mean(axis=0)
        spread = np.sqrt(points.var(axis=0).sum(axis=1) / 2) / eye_distance(mean)
        if spread[list(topology.INNER_51)].mean() > self.options.max_spread:
            return "the views disagree"
        weight = np.clip(1 - spread / (2 * self.options.max_spread), 0, 1)
        return PseudoLabel(mean.astype(np.float32), weight.astype(np.float32))

    def predict_views(self, image: Image, points: Floats) -> Floats:
        """Predict the landmarks of every view around the face at `points`; returns (2 * views, 68, 2) px."""
        rng = np.random.default_rng(self.options.seed)
        plain = [r.landmarks.points for r in self.landmarker(image, self._views(points, rng))]
        mirror = np.ascontiguousarray(image[:, ::-1])
        flipped = self.landmarker(mirror, self._views(_mirrored(points, image), rng))
        return np.stack([*plain, *(_mirrored(r.landmarks.points, image) for r in flipped)])

    def _first_crop(self, sample: Sample) -> CropBox | None:
        if sample.scheme == topology.SCHEME and np.isfinite(sample.points).all():
            return crop_from_box(points_box(sample.points), self.landmarker.margin)
        detections = self.detector(sample.image)
        if not len(detections):
            return None
        return crop_from_detection(*detections.face(int(detections.scores.argmax())), self.landmarker.margin)

    def _views(self, points: Floats, rng: np.random.Generator) -> list[CropBox]:
        """Draw the crops of the views; the first is not augmented."""
        options, crop = self.options, crop_from_box(points_box(points), self.landmarker.margin)
        views = [crop]
        for _ in range(options.views - 1):
            dx, dy = rng.uniform(-options.shift, options.shift, 2) * crop.size_px
            size = crop.size_px * float(np.exp(rng.uniform(-options.scale, options.scale)))
            roll = float(np.deg2rad(rng.uniform(-options.rotation_deg, options.rotation_deg)))
            views.append(CropBox(crop.x + float(dx), crop.y + float(dy), size, crop.roll_rad + roll))
        return views


def self_teacher(network: str, options: ViewOptions | None = None) -> SelfTeacher:
    """Open the teacher that `network` names: "bundled", or the path of a landmark network's .onnx."""
    path = bundled_path("landmarks68") if network == BUNDLED else Path(network)
    return SelfTeacher(Landmarker(OnnxEngine(path)), bundled_detector(), options)


def read_unlabelled(source: Path, every: int = 1, only: str = "") -> Iterator[Sample]:
    """Read labelled faces of any known format; of a video every Nth frame, of a folder of images all, without points.

    every: N
    only: attribute filter of labelled faces, such as "split=training"; "" for all
    Raises DataError if nothing can be read.
    """
    if is_footage(source):
        yield from _frames(source, every)
        return
    name, _, value = only.partition("=")
    for sample in read_any(source).samples:
        if not only or str(sample.attributes.get(name, "")) == value:
            yield sample


def is_footage(source: Path) -> bool:
    """Return whether `source` is a video, an image, or a folder of nothing but images."""
    if source.is_dir():
        return all(is_image_file(file) for file in source.iterdir())
    return is_image_file(source) or source.suffix.lower() in VIDEO_SUFFIXES


def _frames(source: Path, every: int) -> Iterator[Sample]:
    nothing = np.zeros((0, 2), np.float32)
    with open_video(source) as frames:
        files = frames.files if isinstance(frames, ImageFiles) else None
        for frame in frames:
            if files is not None or frame.index % every == 0:
                stem = source.stem if files is None else files[frame.index].stem
                name = f"{stem}_{frame.index:06d}.jpg"
                yield Sample(name, stem, f"self:{stem}", frame.image.copy(), nothing, nothing[:, 0], scheme="")


def relabel(samples: Iterable[Sample], teacher: SelfTeacher) -> Iterator[Sample | str]:
    """Label the samples; yields each with its new points, or the reason if it is rejected.

    A sample's own points of the 68-point scheme are averaged with the teacher's, after moving them by the
    `scheme_offset` of the whole set.
    """
    kept: list[Sample] = []
    labels: list[PseudoLabel] = []
    for sample in samples:
        label = teacher(sample)
        if isinstance(label, str):
            yield label
            continue
        kept.append(sample)
        labels.append(label)
    own = [sample.scheme == topology.SCHEME and bool(np.isfinite(sample.points).all()) for sample in kept]
    pairs = [(s.points, label.points) for s, label, has in zip(kept, labels, own, strict=True) if has]
    offset = scheme_offset(pairs) if pairs else np.zeros((topology.N_POINTS, 2))
    for sample, label, has in zip(kept, labels, own, strict=True):
        yield blended(sample, label, offset) if has else _with(sample, label.points, label.weight)


def blended(sample: Sample, label: PseudoLabel, offset: NDArray[np.float64]) -> Sample:
    """Return the sample with the weighted mean of its own points, moved by `offset`, and the teacher's."""
    centre, frame = face_frame(sample.points)
    own = (sample.points - centre) @ np.linalg.inv(frame) + offset
    moved = own @ frame + centre
    ours, theirs = sample.weight[:, None], label.weight[:, None]
    total = np.maximum(ours + theirs, 1e-6)
    points = (moved * ours + label.points * theirs) / total
    return _with(sample, points.astype(np.float32), np.minimum(total[:, 0], 1).astype(np.float32))


def scheme_offset(pairs: list[tuple[Floats, Floats]]) -> NDArray[np.float64]:
    """Return the median difference of the second labels from the first, in the face's coordinates (`face_frame`).

    pairs: ((68, 2) px, (68, 2) px) of each face. Returns (68, 2): x along the eyes, y down the face, in eye distances.
    """
    differences = []
    for own, label in pairs:
        _, frame = face_frame(own)
        differences.append((label - own) @ np.linalg.inv(frame))
    return np.median(differences, axis=0).astype(np.float64)


def face_frame(points: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the origin and the axes of a face's own coordinates.

    Origin: (2,) px, the midpoint of the outer eye corners. Axes: the rows of (2, 2) px, one eye distance from the right
    to the left corner, and one down the face.
    """
    right, left = points[list(topology.EYE_OUTER_CORNERS)].astype(np.float64)
    along = left - right
    return (right + left) / 2, np.array([along, [-along[1], along[0]]])


def eye_distance(points: Floats) -> float:
    """Return the distance between the outer eye corners in px."""
    right, left = points[list(topology.EYE_OUTER_CORNERS)]
    return float(np.linalg.norm(left - right))


def _with(sample: Sample, points: Floats, weight: Floats) -> Sample:
    return trimmed(replace(sample, points=points, weight=weight, scheme=topology.SCHEME, visible=None))


def _mirrored(points: Floats, image: Image) -> Floats:
    mirrored = points[topology.FLIP].copy()
    mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
    return mirrored
