"""Landmark localisation in crops of a frame, all faces in one batch."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from facetrack import compiled, topology
from facetrack.angles import angle_rates, between
from facetrack.engine import Engine, FromFrame
from facetrack.errors import ModelFileError
from facetrack.geometry import CropBox, crop_from_points, cut, frame_matrices, transform
from facetrack.modelfile import ATTRIBUTES, TRACKER_OUTPUTS, fits_tracker
from facetrack.types import EyesReading, Floats, HeadRotation, Image, Landmarks

LEAST_PRESENCE = 0.2
"""Crops less likely than this to hold a face are not worth a second look; which readings count is for `Gates`."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Outputs of the landmark network for one crop.

    landmarks: in frame px; only meaningful if there is a face.
    presence: probability that there is a face, 0..1.
    attributes: by the names of `modelfile.ATTRIBUTES`, each 0..1; empty for a network without this output.
    head: rotation relative to the line of sight, in the image's axes; None for a network without this output.
    eyes: both eyes as an eye network sees them; None without one (see `tracking.eyes`).
    """

    landmarks: Landmarks
    presence: float
    attributes: Mapping[str, float] = field(default_factory=dict)
    head: HeadRotation | None = None
    eyes: EyesReading | None = None


Read = Callable[[Image, Sequence[CropBox]], list[Reading]]
"""(H, W, 3) BGR and crops -> one Reading per crop, in order: what a `Landmarker` is to those who only call it."""


class Landmarker:
    """Landmark localiser: samples the crops, runs the network on one batch, and maps the points to frame px.

    engine: a landmark network. Raises ModelFileError for any other kind or another scheme of points.
    """

    def __init__(self, engine: Engine) -> None:
        spec = engine.spec
        if spec.kind != "landmarks" or spec.topology != topology.SCHEME or spec.input_px is None:
            raise ModelFileError(
                f"network '{spec.name}' is a {spec.kind} network with topology {spec.topology}; "
                f"expected a landmarks network with topology {topology.SCHEME}"
            )
        if not fits_tracker(spec):
            raise ModelFileError(
                f"network '{spec.name}' has the outputs {sorted(spec.outputs)}; expected {sorted(TRACKER_OUTPUTS)} too"
            )
        self.spec = spec
        self.margin = spec.margin
        self.engine = engine
        self._from_frame: FromFrame | None = getattr(engine, "from_frame", None)
        self._input_px = spec.input_px
        self._lock = threading.Lock()  # of the buffers here and in the engine: trackers may share a landmarker
        self._batch = np.empty((0, spec.input_px, spec.input_px, 3), np.uint8)

    def __call__(self, image: Image, crops: Sequence[CropBox]) -> list[Reading]:
        """Return one Reading per crop, in order; points in frame px. image: (H, W, 3) uint8 BGR."""
        if not crops:
            return []
        with self._lock:
            return self._read(image, crops)

    def _read(self, image: Image, crops: Sequence[CropBox]) -> list[Reading]:
        if self._from_frame is not None:  # the engine samples the crops on its own device
            return self._in_frame(self._from_frame(image, crops), crops)
        if len(self._batch) < len(crops):
            self._batch = np.empty((len(crops), *self._batch.shape[1:]), np.uint8)
        batch = self._batch[: len(crops)]
        for crop, slot in zip(crops, batch, strict=True):
            cut(image, crop, self._input_px, out=slot)
        return self._in_frame(self.engine(batch), crops)

    def _in_frame(self, outputs: Mapping[str, np.ndarray], crops: Sequence[CropBox]) -> list[Reading]:
        if compiled.kernels is not None and outputs["points"].dtype.char == "f":
            return [_decoded(outputs, i, crop, self._input_px) for i, crop in enumerate(crops)]
        points = transform(outputs["points"], frame_matrices(crops, self._input_px))
        scale = np.array([crop.size_px / self._input_px for crop in crops], np.float32)
        sigma = outputs["sigma"] * scale[:, None]
        presence = _presence(outputs["presence"], points)
        visibility = 1 / (1 + np.exp(-outputs["visibility"])) if "visibility" in outputs else [None] * len(crops)
        readings = []
        for i, crop in enumerate(crops):
            landmarks, head = Landmarks(points[i], sigma[i], visibility[i]), _head(outputs, i, crop.roll_rad)
            readings.append(Reading(landmarks, presence[i], _attributes(outputs, i), head))
        return readings


def _decoded(outputs: Mapping[str, np.ndarray], index: int, crop: CropBox, input_px: int) -> Reading:
    """Decode the outputs of one crop as `Landmarker._in_frame` does, by the compiled kernel."""
    visible, turned = "visibility" in outputs, "rotation" in outputs
    points, sigma = np.empty((topology.N_POINTS, 2), np.float32), np.empty(topology.N_POINTS, np.float32)
    visibility = np.empty(topology.N_POINTS, np.float32) if visible else None
    head = np.empty((2, 3, 3)) if turned else None
    presence = compiled.kernels.decode_landmarks(
        index, outputs["points"], outputs["sigma"], outputs["presence"], outputs["visibility"] if visible else None,
        outputs["rotation"] if turned else None, outputs["rotation_sigma"] if turned else None, crop.x, crop.y,
        crop.size_px, crop.roll_rad, input_px, points, sigma, visibility, head,
    )  # fmt: skip
    rotation = None if head is None else HeadRotation(head[0], head[1])
    marks = Landmarks(points, sigma, visibility)
    return Reading(marks, presence, _attributes(outputs, index), rotation)


def _presence(logits: Floats, points: Floats) -> list[float]:
    """Return the probabilities; 0 where the network's numbers are none, which every comparison would let pass."""
    exponents = [min(max(logit, -500.0), 500.0) for logit in logits.tolist()]
    placed = np.logical_and.reduce(np.isfinite(points), axis=(1, 2)).tolist()
    return [
        1.0 / (1.0 + math.exp(-exponent)) if math.isfinite(exponent) and known else 0.0
        for exponent, known in zip(exponents, placed, strict=True)
    ]


def _attributes(outputs: Mapping[str, np.ndarray], index: int) -> dict[str, float]:
    if "attributes" not in outputs:
        return {}
    return dict(zip(ATTRIBUTES, outputs["attributes"][index].tolist(), strict=True))


def _head(outputs: Mapping[str, np.ndarray], index: int, roll_rad: float) -> HeadRotation | None:
    """Rotate what a crop shows that is itself turned clockwise by roll_rad in the image."""
    if "rotation" not in outputs:
        return None
    rotation = outputs["rotation"][index].astype(np.float64)
    rates = angle_rates(rotation) / np.radians(outputs["rotation_sigma"][index].astype(np.float64))[:, None]
    cos, sin = math.cos(roll_rad), math.sin(roll_rad)
    turn = np.array(((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)))
    rates = rates @ turn.T
    return HeadRotation(turn @ rotation, rates.T @ rates)


class BothWays:
    """Landmarker that reads the mirror image of each crop, too, at twice the time, and averages points and rotation.

    A network's errors in a picture and in its mirror image differ: averaged, hand-labelled points of held-out faces
    are off by 3 % less beyond 30 degrees of yaw and 4 % less beyond 60 (docs/experiments.md). All else is the
    picture's own reading, which the gates were calibrated on.
    """

    def __init__(self, landmarker: Read) -> None:
        self._landmarker = landmarker

    def __call__(self, image: Image, crops: Sequence[CropBox]) -> list[Reading]:
        last = image.shape[1] - 1
        mirrored = [replace(crop, x=last - crop.x, roll_rad=-crop.roll_rad) for crop in crops]
        pairs = zip(
            self._landmarker(image, crops), self._landmarker(np.ascontiguousarray(image[:, ::-1]), mirrored),
            strict=True,
        )  # fmt: skip
        return [_averaged(reading, mirror, last) for reading, mirror in pairs]


def _averaged(reading: Reading, mirror: Reading, last: int) -> Reading:
    """Return a reading with the points and the rotation averaged with those of the mirror image, `last` + 1 px wide."""
    points = mirror.landmarks.points[topology.FLIP].copy()
    points[:, 0] = last - points[:, 0]
    landmarks = replace(reading.landmarks, points=np.float32(0.5) * (reading.landmarks.points + points))
    head = reading.head
    if head is not None and mirror.head is not None:
        flip = np.diag([-1.0, 1.0, 1.0])
        head = replace(head, rotation=between(head.rotation, flip @ mirror.head.rotation @ flip, 0.5))
    return replace(reading, landmarks=landmarks, head=head)


def closer_crops(landmarker: Landmarker, image: Image, crops: Sequence[CropBox]) -> list[CropBox]:
    """Return the crops around the points that are read in these: what a video's next frame would be read in.

    Beyond 60 degrees of yaw the points are then off by an eighth less than in a detector's box (docs/experiments.md).
    """
    closer = []
    for crop, reading in zip(crops, landmarker(image, crops), strict=True):
        if reading.presence >= LEAST_PRESENCE and np.isfinite(reading.landmarks.points).all():
            roll_rad = None if reading.head is None else reading.head.roll_rad
            crop = crop_from_points(reading.landmarks.points, landmarker.margin, roll_rad)
        closer.append(crop)
    return closer
