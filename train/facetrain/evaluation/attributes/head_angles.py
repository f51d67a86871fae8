"""Errors of the head angles, on rendered heads with exact angles and on genki4k."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facetrack.angles import euler_deg, rotation_from_deg
from facetrack.detector import Detector
from facetrack.geometry import CropBox, crop_from_detection, crop_from_points, crop_matrix, transform
from facetrack.landmarker import Landmarker, Reading
from facetrack.pose import head_pose
from facetrack.types import Floats, Image
from facetrain.reporting.progress import with_progress
from facetrain.sample import POSE_ANGLES, Sample
from facetrain.samples.attribute_labels import pose_deg
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.heads import in_random_scene
from facetrain.synth.rendering.people import random_state
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.truth import HeadTruth

Array = NDArray[np.float64]

YAW_DEG, PITCH_DEG, ROLL_DEG = 45.0, 25.0, 25.0
"""Limits of the rendered heads' angles, each drawn uniformly between -limit and +limit."""
SIZE, FOV_DEG = (320, 240), 60.0
DISTANCE_CM = (35.0, 60.0)
"""Image size and field of view of a webcam as `facetrack.pose` assumes; at these distances faces are 65 to 130 px."""
SEED = 20_000
"""Seed of the rendered people, far from those of the packs: none of them was trained on."""
YAW_BINS = ((0.0, 15.0), (15.0, 30.0), (30.0, 45.0))
TRUE_POINTS, PREDICTED_POINTS, NETWORK = "PnP, true points", "PnP, the network's points", "the network's rotation"
"""Names of the methods: PnP on ground truth points, PnP on predicted points, the network's output `rotation`."""


@dataclass(frozen=True, slots=True, eq=False)
class AngleErrors:
    """Predicted and ground truth head angles of one method.

    predicted, truth: (N, 3) yaw, pitch, roll in degrees with the signs of `types.Pose`; predictions are NaN if missing
    """

    name: str
    predicted: Array
    truth: Array

    def figures(self) -> dict[str, float]:
        """Return the errors over all heads with a prediction, in degrees; NaN without any.

        heads, not_found: number of heads, number of heads without a prediction
        yaw_deg, pitch_deg, roll_deg, mean: mean absolute errors, and their mean over the three angles
        geodesic: mean angle of the rotation between predicted and true pose
        bias_ANGLE: mean of predicted minus true
        """
        known = np.asarray(np.isfinite(self.predicted).all(axis=1))
        differences = (self.predicted - self.truth)[known]
        out: dict[str, float] = {"heads": len(self.predicted), "not_found": int((~known).sum())}
        unknown = np.full(3, np.nan)
        means, bias = unknown, unknown
        if known.any():
            means, bias = np.abs(differences).mean(axis=0), differences.mean(axis=0)
        out |= {name: float(value) for name, value in zip(POSE_ANGLES, means, strict=True)}
        angles = [geodesic_deg(a, b) for a, b in zip(self.predicted[known], self.truth[known], strict=True)]
        out |= {"mean": float(means.mean()), "geodesic": float(np.mean(angles)) if angles else float("nan")}
        return out | {f"bias_{name}": float(value) for name, value in zip(POSE_ANGLES, bias, strict=True)}

    def where(self, chosen: NDArray[np.bool_]) -> AngleErrors:
        """Return the errors of the (N,) chosen heads."""
        return replace(self, predicted=self.predicted[chosen], truth=self.truth[chosen])

    def shifted(self, offset: Array) -> AngleErrors:
        """Return the errors after adding an offset, (3,) degrees, to the predictions."""
        return replace(self, name=f"{self.name}, offset removed", predicted=self.predicted + offset)


def geodesic_deg(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return the angle of the rotation between two poses, each yaw, pitch, roll in degrees.

    Source: Huynh, Metrics for 3D rotations, J. Mathematical Imaging and Vision 35, 2009, distance 6.
    """
    between = rotation_from_deg(*map(float, a)).T @ rotation_from_deg(*map(float, b))
    return float(np.rad2deg(np.arccos(np.clip((np.trace(between) - 1) / 2, -1, 1))))


def constant_offset(predicted: Array, truth: Array) -> Array:
    """Return the (3,) offset to add to (N, 3) predictions: the median difference.

    The median leaves the least mean absolute error.
    """
    known = np.isfinite(predicted).all(axis=1)
    return np.asarray(np.median((truth - predicted)[known], axis=0), np.float64)


def to_image_frame(angles: Sequence[float] | Floats, crop: CropBox) -> Floats:
    """Convert (3,) degrees relative to a rotated crop to degrees relative to the image."""
    roll = rotation_from_deg(0.0, 0.0, float(np.degrees(crop.roll_rad)))
    return np.array(euler_deg(roll @ rotation_from_deg(*map(float, angles))), np.float32)


@dataclass(slots=True)
class AngleRows:
    """Collected ground truth angles, and predicted angles by method."""

    truth: list[Floats] = field(default_factory=list)
    predicted: dict[str, list[Floats]] = field(default_factory=dict)

    def add(self, truth: Sequence[float], predicted: dict[str, Floats | None]) -> None:
        """Add one head; None where a method has no prediction."""
        self.truth.append(np.array(truth, np.float32))
        for name, angles in predicted.items():
            unknown = np.full(3, np.nan, np.float32)
            self.predicted.setdefault(name, []).append(unknown if angles is None else angles)

    def errors(self) -> list[AngleErrors]:
        """Return the errors of each method."""
        truth = np.array(self.truth, np.float64).reshape(-1, 3)
        return [AngleErrors(name, np.array(rows, np.float64), truth) for name, rows in self.predicted.items()]


def rendered(renderer: Renderer, landmarker: Landmarker, detector: Detector, count: int) -> list[AngleErrors]:
    """Measure `count` rendered heads on the optical axis of a webcam.

    As in the tracker, the first crop is from the detector and the second from the landmarks of the first.
    """
    rows = AngleRows()
    for index in with_progress(range(count), "rendered heads"):
        image, truth = random_turned_head(renderer, index)
        predicted: dict[str, Floats | None] = {
            TRUE_POINTS: _pnp(truth.points, SIZE), PREDICTED_POINTS: None, NETWORK: None
        }  # fmt: skip
        faces = detector(image)
        if len(faces.boxes):
            crop = crop_from_detection(*faces.face(0), landmarker.margin)
            crop = crop_from_points(landmarker(image, [crop])[0].landmarks.points, landmarker.margin)
            reading = landmarker(image, [crop])[0]
            predicted[PREDICTED_POINTS] = _pnp(reading.landmarks.points, SIZE)
            predicted[NETWORK] = _network_angles(reading)
        rows.add((truth.yaw_deg, truth.pitch_deg, truth.roll_deg), predicted)
    return rows.errors()


def random_turned_head(renderer: Renderer, index: int, seed: int = SEED) -> tuple[Image, HeadTruth]:
    """Render a random person with a random expression and pose; depends on (seed, index) alone."""
    rng = np.random.default_rng((seed, index))
    limits = np.array([YAW_DEG, PITCH_DEG, ROLL_DEG])
    yaw, pitch, roll = rng.uniform(-limits, limits).tolist()
    translation_cm = (0.0, 0.0, float(rng.uniform(*DISTANCE_CM)))
    state = random_state(renderer.model, rng)
    state = replace(state, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll, translation_cm=translation_cm)
    focal = SIZE[0] / 2 / np.tan(np.deg2rad(FOV_DEG / 2))
    camera = Camera(float(focal), ((SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2), SIZE)
    return in_random_scene(renderer, state, camera, rng)


def labelled(samples: Sequence[Sample], landmarker: Landmarker) -> list[AngleErrors]:
    """Measure samples with 68 points and labelled angles, both relative to the image, on the tracker's crops.

    The focal length is unknown; the crop's own is assumed (`samples.attribute_labels.FOCAL`).
    """
    rows = AngleRows()
    for sample in samples:
        crop = crop_from_points(sample.points, landmarker.margin)
        side = landmarker.spec.input_px or 0
        reading = landmarker(sample.image, [crop])[0]
        in_crop = pose_deg(transform(reading.landmarks.points, crop_matrix(crop, side)), side)
        solved = to_image_frame(in_crop, crop) if np.isfinite(in_crop).all() else None
        rows.add(
            [float(sample.attributes[name]) for name in POSE_ANGLES],
            {PREDICTED_POINTS: solved, NETWORK: _network_angles(reading)},
        )
    return rows.errors()


def _pnp(points: Floats, size: tuple[int, int]) -> Floats | None:
    """Return (3,) yaw, pitch, roll in degrees, solved from (68, 2) points; None without a solution."""
    pose = head_pose(points, size)
    return None if pose is None else np.array([pose.yaw_deg, pose.pitch_deg, pose.roll_deg], np.float32)


def _network_angles(reading: Reading) -> Floats | None:
    """Return (3,) yaw, pitch, roll in degrees relative to the image and the line of sight; None without a rotation."""
    return None if reading.head is None else np.array(euler_deg(reading.head.rotation), np.float32)
