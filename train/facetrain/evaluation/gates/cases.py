"""Pictures with and without a face that the gates are fitted to and measured on; none is from a public test set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.detector import Detector
from facetrack.geometry import CropBox, box_iou, crop_from_box, crop_from_detection, points_box
from facetrack.types import Floats, Image
from facetrain.formats.packs import read_pack
from facetrain.formats.turned_packs import face_box, read_aflw21, read_pointing04
from facetrain.formats.zips import read_zip_images
from facetrain.sample import Sample, trimmed
from facetrain.samples.turned.held_out import held_out
from facetrain.samples.turned.sources import HAIR
from facetrain.synth.rendering.heads import in_random_scene, landmarks_of, random_camera
from facetrain.synth.rendering.people import random_state
from facetrain.synth.rendering.render import Renderer

Rng = np.random.Generator
Error = Callable[[Floats], float]
"""(68, 2) px -> mean error over the root of the face's box, a share; inf where there is no face."""

POINTED = ("aflw21", "helen_train", "lfpw_train", "expressions")
"""Packs with points, of which the held-out part is read."""
MOST = 800
"""Faces of one pack at most."""
MAX_TILT_DEG = 30.0
HEADS, BACKS = 90, 50
"""Rendered heads from profile to profile, and heads seen from behind."""
BACK_YAW_DEG = (120.0, 240.0)
FACELESS_CROPS, BESIDE_CROPS = 8, 1
"""Random crops of each picture without a face, and of each beside one."""
COVERED_ALL = 0.75
"""Share of the points' hull from which a covered face cannot be read."""
INNER = list(topology.INNER_51)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One crop to be read.

    source: pack or kind of picture. name: unique within its source. kind: plain, dark, masked, covered, small, or "" of
    a picture without a face.
    crop: as a detector or the last frame's points would place it. error: of a reading's points.
    yaw_deg: of the head, as labelled; NaN where unknown.
    """

    source: str
    name: str
    kind: str
    image: Image
    crop: CropBox
    error: Error
    yaw_deg: float = math.nan


def no_face(points: Floats) -> float:
    """Error of any points on a picture without a face."""
    return math.inf


def faces(packs: Path, margin: float, seed: int = 0) -> Iterator[Case]:
    """Held-out faces, each as it is and once worsened. packs: the folder of the packs."""
    for source in POINTED:
        path = packs / source
        samples = (read_aflw21 if source == "aflw21" else read_pack)(path).samples
        aside = [s for s, out in zip(samples, held_out(source, samples), strict=True) if out]
        rng = np.random.default_rng((seed, len(source)))
        chosen = rng.permutation(len(aside))[:MOST]
        for index in chosen:
            yield from _of_sample(aside[int(index)], margin, rng)
    samples = read_pointing04(packs / "pointing04.csv").samples
    rng = np.random.default_rng((seed, 1))
    for sample, out in zip(samples, held_out("pointing04", samples), strict=True):
        if out and abs(float(sample.attributes["pitch_deg"])) <= MAX_TILT_DEG:
            x0, y0, x1, y1 = face_box(sample).tolist()
            box = np.array([x0, y0 + HAIR * (y1 - y0), x1, y1], np.float32)
            crop = jittered(crop_from_box(box, margin), rng)
            yaw_deg = float(sample.attributes["yaw_deg"])
            yield Case("pointing04", sample.name, "plain", sample.image, crop, _by_box(box), yaw_deg)


def _of_sample(sample: Sample, margin: float, rng: Rng) -> Iterator[Case]:
    sample = trimmed(sample)
    known = sample.points[np.isfinite(sample.points).all(axis=1)]
    if len(known) < 4:
        return
    crop = jittered(crop_from_box(points_box(known), margin), rng)
    error, yaw_deg = by_points(sample), float(sample.attributes.get("yaw_deg", math.nan))
    yield Case(sample.source, sample.name, "plain", sample.image, crop, error, yaw_deg)
    kind = ("dark", "masked", "covered", "small")[int(rng.integers(4))]
    image, readable = worsened(sample.image, known, kind, rng)
    yield Case(sample.source, sample.name, kind, image, crop, error if readable else no_face, yaw_deg)
    for _ in range(BESIDE_CROPS):
        size = crop.size_px * float(np.exp(rng.uniform(-0.7, 0.7)))
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.1) * max(size, crop.size_px)
        beside = CropBox(crop.x + away * np.cos(angle), crop.y + away * np.sin(angle), size, float(rng.normal(0, 0.2)))
        yield Case(f"beside {sample.source}", sample.name, "", sample.image, beside, error)


def heads(renderer: Renderer, margin: float, photographs: Sequence[Image], seed: int = 31_000) -> Iterator[Case]:
    """Render heads with a face, from profile to profile, and heads from behind."""
    for index in range(HEADS + BACKS):
        rng = np.random.default_rng((seed, index))
        yaw = rng.uniform(-90, 90) if index < HEADS else rng.uniform(*BACK_YAW_DEG)
        model = renderer.model
        state = replace(random_state(model, rng), yaw_deg=float(yaw), pitch_deg=float(rng.normal(0, 10)))
        camera = random_camera(landmarks_of(model, state), rng, 4.0)
        image, truth = in_random_scene(renderer, state, camera, rng, photographs)
        points = truth.fixed_points
        crop = jittered(crop_from_box(points_box(points), margin), rng)
        if index < HEADS:
            sample = Sample("", "", "", image, points, np.ones(len(points), np.float32))
            yield Case("rendered", f"{index}", "plain", image, crop, by_points(sample), float(yaw))
        else:
            yield Case("rendered backs", f"{index}", "", image, crop, no_face)


def faceless(packs: Path, detector: Detector, margin: float, seed: int = 0) -> Iterator[Case]:
    """Crops of photographs without a face: random ones, and the detector's false alarms."""
    for number, (name, image) in enumerate(read_zip_images(packs / "no_faces.zip")):
        rng = np.random.default_rng((seed, 7, number))
        found = detector(image)
        for index in range(len(found)):
            crop = crop_from_detection(*found.face(index), margin)
            yield Case("false alarms", f"{name} {index}", "", image, crop, no_face)
        for index in range(FACELESS_CROPS):
            side = min(image.shape[:2]) * rng.uniform(0.1, 1.0)
            x, y = rng.uniform(0, 1, 2) * image.shape[1::-1]
            crop = CropBox(float(x), float(y), float(side), float(rng.normal(0, 0.3)))
            yield Case("no face", f"{name} {index}", "", image, crop, no_face)


def jittered(crop: CropBox, rng: Rng) -> CropBox:
    """Move the crop as a detector's box or a head's motion since the last frame would."""
    x, y = rng.normal(0, 0.03, 2) * crop.size_px
    scale, roll = float(np.exp(rng.normal(0, 0.06))), float(np.deg2rad(rng.normal(0, 8)))
    return CropBox(crop.x + float(x), crop.y + float(y), crop.size_px * scale, roll)


def by_points(sample: Sample) -> Error:
    """Error at the labelled points of the inner face, or those of AFLW's 21 that the 68 give."""
    truth = sample.points.astype(np.float64)
    known = np.isfinite(truth).all(axis=1)
    root = float(np.sqrt(np.ptp(truth[known], axis=0).prod()))
    combine = np.eye(topology.N_POINTS)
    if sample.scheme == topology_maps.AFLW_21:
        combine = topology_maps.aflw_from_68().astype(np.float64)
        known &= combine.sum(axis=1) > 0
    else:
        known &= np.isin(np.arange(topology.N_POINTS), INNER)
    combine, truth = combine[known], truth[known]

    def error(points: Floats) -> float:
        return float(np.linalg.norm(combine @ points - truth, axis=1).mean()) / root

    return error


def _by_box(box: Floats) -> Error:
    """Error of a face of which only a box is marked: none, or unknown where the points lie elsewhere."""

    def error(points: Floats) -> float:
        overlap = float(box_iou(points_box(points)[None], box[None])[0, 0])
        return 0.0 if overlap >= 0.5 else math.nan

    return error


def worsened(image: Image, points: Floats, kind: str, rng: Rng) -> tuple[Image, bool]:
    """Darken, mask, cover or reduce a face; returns the picture and whether the face can still be read.

    points: the known ones, (K, 2) px.
    """
    if kind == "dark":
        dim = image * rng.uniform(0.08, 0.35) + rng.normal(0, rng.uniform(1, 5), image.shape)
        return np.clip(np.rint(dim), 0, 255).astype(np.uint8), True
    if kind == "small":
        scale = float(rng.uniform(20, 40)) / float(np.ptp(points, axis=0).max())
        if scale >= 1:
            return image, True
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, image.shape[1::-1]), np.uint8), True
    low, high = points.min(axis=0), points.max(axis=0)
    if kind == "masked":  # from the middle of the nose down
        low = np.array([low[0], low[1] + 0.55 * (high[1] - low[1])])
        return _patched(image, low, high + 0.03 * (high - low), rng), True
    size = (high - low) * rng.uniform(0.3, 1.4, 2)
    centre = low + rng.uniform(0.2, 0.8, 2) * (high - low)
    first, last = centre - size / 2, centre + size / 2
    share = float(((points >= first) & (points <= last)).all(axis=1).mean())
    return _patched(image, first, last, rng), share < COVERED_ALL


def _patched(image: Image, low: NDArray[np.floating], high: NDArray[np.floating], rng: Rng) -> Image:
    """Lay an ellipse of cloth or skin over the box."""
    colour = np.array([90.0, 120.0, 180.0]) * rng.uniform(0.4, 1.3) if rng.random() < 0.5 else rng.uniform(20, 235, 3)
    shade = cv2.resize((colour + rng.normal(0, 12, (5, 5, 3))).astype(np.float32), image.shape[1::-1])
    mask = np.zeros(image.shape[:2], np.uint8)
    middle, axes = ((low + high) / 2).tolist(), ((high - low) * 1.15).tolist()
    cv2.ellipse(mask, (middle, axes, float(rng.normal(0, 12))), 255, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None] / 255.0
    return np.asarray(np.clip(image * (1 - soft) + shade * soft, 0, 255), np.uint8)
