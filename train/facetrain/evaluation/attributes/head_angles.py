"""How far head angles are off: against rendered heads, whose angles are exact, and against genki4k's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facetrack.angles import rotation_from_deg
from facetrack.detector import Detector
from facetrack.geometry import CropBox, crop_from_detection, crop_from_points, crop_matrix, transform
from facetrack.landmarker import Landmarker, Reading
from facetrack.modelfile import POSE_ANGLES
from facetrack.pose import head_pose
from facetrack.types import Floats, Image
from facetrain.sample import Sample
from facetrain.samples.attribute_labels import pose_deg, turned_deg
from facetrain.synth.rendering.accessories import random_style
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.light import random_light
from facetrain.synth.rendering.people import developed, random_background, random_state
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.skin import random_look
from facetrain.synth.rendering.truth import HeadTruth

Array = NDArray[np.float64]

YAW_DEG, PITCH_DEG, ROLL_DEG = 45.0, 25.0, 25.0
"""Rendered heads turn so far, each angle drawn evenly."""
SIZE, FOV_DEG = (320, 240), 60.0
DISTANCE_CM = (35.0, 60.0)
"""The picture of a webcam whose lens `facetrack.pose` assumes, and heads before it: faces of some 65 to 130 px."""
SEED = 20_000
"""Far from those of the packs: nobody here was trained on."""
YAW_BINS = ((0.0, 15.0), (15.0, 30.0), (30.0, 45.0))
TRUE_POINTS, FOUND_POINTS, NETWORK = "PnP, true points", "PnP, the network's points", "the network's own angles"


@dataclass(frozen=True, slots=True, eq=False)
class AngleErrors:
    """found, truth: (N, 3) yaw, pitch, roll in degrees with the signs of `types.Pose`, NaN where nothing was found."""

    name: str
    found: Array
    truth: Array

    def figures(self) -> dict[str, float]:
        """Mean absolute errors in degrees, their mean over the three angles, the mean geodesic distance (the one angle
        of the turn from one pose to the other), mean of found minus true, and how many were not found."""
        known = np.asarray(np.isfinite(self.found).all(axis=1))
        differences = (self.found - self.truth)[known]
        out: dict[str, float] = {"heads": len(self.found), "not_found": int((~known).sum())}
        nobody = np.full(3, np.nan)
        means, bias = (np.abs(differences).mean(axis=0), differences.mean(axis=0)) if known.any() else (nobody, nobody)
        out |= {name: float(value) for name, value in zip(POSE_ANGLES, means, strict=True)}
        turns = [geodesic_deg(a, b) for a, b in zip(self.found[known], self.truth[known], strict=True)]
        out |= {"mean": float(means.mean()), "geodesic": float(np.mean(turns)) if turns else float("nan")}
        return out | {f"bias_{name}": float(value) for name, value in zip(POSE_ANGLES, bias, strict=True)}

    def where(self, chosen: NDArray[np.bool_]) -> AngleErrors:
        return replace(self, found=self.found[chosen], truth=self.truth[chosen])

    def shifted(self, offset: Array) -> AngleErrors:
        """offset: (3,) degrees, added to what was found."""
        return replace(self, name=f"{self.name}, offset removed", found=self.found + offset)


def geodesic_deg(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Two triples of yaw, pitch, roll -> the angle of the rotation between them (Huynh, Metrics for 3D rotations, J.
    Mathematical Imaging and Vision 35, 2009, distance 6)."""
    between = rotation_from_deg(*map(float, a)).T @ rotation_from_deg(*map(float, b))
    return float(np.rad2deg(np.arccos(np.clip((np.trace(between) - 1) / 2, -1, 1))))


def constant_offset(found: Array, truth: Array) -> Array:
    """(N, 3) each -> (3,) what to add to `found`: the median difference, which leaves the least mean absolute error."""
    known = np.isfinite(found).all(axis=1)
    return np.asarray(np.median((truth - found)[known], axis=0), np.float64)


def in_picture(angles: Sequence[float] | Floats, crop: CropBox) -> Floats:
    """(3,) degrees relative to a crop -> relative to the picture, in which the crop is turned."""
    return turned_deg(rotation_from_deg(*map(float, angles)), -crop.roll_rad)


@dataclass(slots=True)
class Rows:
    """Angles found and true, by the way they were found."""

    truth: list[Floats] = field(default_factory=list)
    found: dict[str, list[Floats]] = field(default_factory=dict)

    def add(self, truth: Sequence[float], found: dict[str, Floats | None]) -> None:
        self.truth.append(np.array(truth, np.float32))
        for name, angles in found.items():
            unknown = np.full(3, np.nan, np.float32)
            self.found.setdefault(name, []).append(unknown if angles is None else angles)

    def errors(self) -> list[AngleErrors]:
        truth = np.array(self.truth, np.float64).reshape(-1, 3)
        return [AngleErrors(name, np.array(rows, np.float64), truth) for name, rows in self.found.items()]


def rendered(
    renderer: Renderer, landmarker: Landmarker, detector: Detector, count: int, done: Callable[[], None]
) -> list[AngleErrors]:
    """So many people on a webcam's optical axis, found by the detector and read twice, the second time where the first
    points lie, as the tracker does. done: called after each."""
    rows = Rows()
    for index in range(count):
        image, truth = random_turned_head(renderer, index)
        found: dict[str, Floats | None] = {
            TRUE_POINTS: _pnp(truth.points, SIZE), FOUND_POINTS: None, NETWORK: None
        }  # fmt: skip
        faces = detector(image)
        if len(faces.boxes):
            crop = crop_from_detection(*faces.face(0), landmarker.margin)
            crop = crop_from_points(landmarker(image, [crop])[0].landmarks.points, landmarker.margin)
            reading = landmarker(image, [crop])[0]
            found[FOUND_POINTS] = _pnp(reading.landmarks.points, SIZE)
            found[NETWORK] = _own(reading, crop)
        rows.add((truth.yaw_deg, truth.pitch_deg, truth.roll_deg), found)
        done()
    return rows.errors()


def random_turned_head(renderer: Renderer, index: int, seed: int = SEED) -> tuple[Image, HeadTruth]:
    """A person of its own, whose face does anything; hangs on (seed, index) alone."""
    rng = np.random.default_rng((seed, index))
    limits = np.array([YAW_DEG, PITCH_DEG, ROLL_DEG])
    yaw, pitch, roll = rng.uniform(-limits, limits).tolist()
    away = (0.0, 0.0, float(rng.uniform(*DISTANCE_CM)))
    state = replace(random_state(renderer.model, rng), yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll, translation_cm=away)
    focal = SIZE[0] / 2 / np.tan(np.deg2rad(FOV_DEG / 2))
    camera = Camera(float(focal), ((SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2), SIZE)
    background = random_background(rng, max(SIZE))
    image, truth = renderer.render(state, random_look(rng), random_style(rng), random_light(rng), camera, background)
    return developed(image, rng), truth


def labelled(samples: Sequence[Sample], landmarker: Landmarker) -> list[AngleErrors]:
    """Of samples with 68 points and labelled angles, both in their picture, from the crop that the tracker would cut;
    the lens is unknown: the crop's own is assumed (`samples.attribute_labels.FOCAL`)."""
    rows = Rows()
    for sample in samples:
        crop = crop_from_points(sample.points, landmarker.margin)
        side = landmarker.spec.input_px or 0
        reading = landmarker(sample.image, [crop])[0]
        in_crop = pose_deg(transform(reading.landmarks.points, crop_matrix(crop, side)), side)
        solved = in_picture(in_crop, crop) if np.isfinite(in_crop).all() else None
        rows.add(
            [float(sample.attributes[name]) for name in POSE_ANGLES],
            {FOUND_POINTS: solved, NETWORK: _own(reading, crop)},
        )
    return rows.errors()


def _pnp(points: Floats, size: tuple[int, int]) -> Floats | None:
    pose = head_pose(points, size)
    return None if pose is None else np.array([pose.yaw_deg, pose.pitch_deg, pose.roll_deg], np.float32)


def _own(reading: Reading, crop: CropBox) -> Floats | None:
    return None if reading.pose_deg is None else in_picture(reading.pose_deg, crop)
