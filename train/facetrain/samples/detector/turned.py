"""Pictures of turned heads for the detector: packs whose 68 points come from label tables."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.geometry import points_box
from facetrack.types import Floats
from facetrain.formats.label_tables import read_labels
from facetrain.formats.packs import load_labels, person_of
from facetrain.formats.turned_packs import face_box, read_pointing04
from facetrain.formats.zips import read_zip_bytes
from facetrain.samples.detector.hard_examples import HardExample
from facetrain.samples.pictures import FacePicture, ellipse_outline, read_empty_pictures, read_points_pack
from facetrain.samples.turned.held_out import held_out
from facetrain.samples.turned.sources import HAIR

TABLED, POINTED, BOXED, RENDERED = "aflw21", "lfpw_train", "pointing04", "heads_turned"
BACKS = "heads_backs"
"""Pack of rendered heads that are seen from behind; only its pictures are read."""
MAX_TILT_DEG = 60.0
"""Pointing'04's boxes of heads that look straight up or down leave out most of the face."""
BACKS_PX = (14.0, 160.0)
"""Range of a back's size in a scene, log-uniform."""
NO_BOXES = np.zeros((0, 4), np.float32)


def read_turned_pictures(folder: Path, labels: Path, name: str) -> tuple[list[FacePicture], list[FacePicture]]:
    """Read one of the packs aflw21, lfpw_train, pointing04 and heads_turned; returns (training, held-out).

    labels: folder of the label tables, for aflw21. The held-out part is that of `samples.turned.held_out`; of rendered
    heads none.
    """
    if name == RENDERED:
        return read_points_pack(folder, name), []
    pictures = {TABLED: _tabled, POINTED: _pointed, BOXED: _boxed}[name](folder, labels)
    out = held_out(name, pictures)
    return (
        [picture for picture, aside in zip(pictures, out, strict=True) if not aside],
        [picture for picture, aside in zip(pictures, out, strict=True) if aside],
    )


def read_yaw_deg(folder: Path, name: str = TABLED) -> dict[str, float]:
    """Return the yaw of each picture of aflw21, in degrees, as its own labels state it."""
    labels = load_labels(folder / f"{name}.npz", "yaw_deg")
    return {str(n): float(yaw) for n, yaw in zip(labels["names"].tolist(), labels["yaw_deg"].tolist(), strict=True)}


def read_backs(folder: Path) -> list[HardExample]:
    """Read the rendered heads that are seen from behind, as false alarms of many sizes."""
    pictures = read_empty_pictures(folder, BACKS)
    low, high = (math.log(size) for size in BACKS_PX)
    sizes = np.exp(np.random.default_rng(0).uniform(low, high, len(pictures)))
    boxes = points_box(load_labels(folder / f"{BACKS}.npz", None)["points"].astype(np.float32))
    return [HardExample(*each) for each in zip(pictures, boxes, sizes.tolist(), strict=True)]


def _tabled(folder: Path, labels: Path) -> list[FacePicture]:
    table = read_labels(labels / f"{TABLED}.npz")
    points = dict(zip(table.names, table.points, strict=True))
    known = {name for name, each in points.items() if np.isfinite(each).all()}
    return [
        _picture(TABLED, file, person_of(file), data, points[file])
        for file, data in read_zip_bytes(folder / f"{TABLED}.zip") if file in known
    ]  # fmt: skip


def _pointed(folder: Path, labels: Path) -> list[FacePicture]:
    # Names repeat between packs, so that a picture is a group of its own.
    return [replace(picture, group=f"{POINTED}/{picture.name}") for picture in read_points_pack(folder, POINTED)]


def _boxed(folder: Path, labels: Path) -> list[FacePicture]:
    samples = {s.name: s for s in read_pointing04(folder / f"{BOXED}.csv").samples}
    pictures = []
    for file, data in read_zip_bytes(folder / f"{BOXED}.zip"):
        sample = samples.get(file)
        if sample is not None and abs(float(sample.attributes["pitch_deg"])) <= MAX_TILT_DEG:
            x0, y0, x1, y1 = face_box(sample)
            outline = ellipse_outline(np.array([[x0, y0 + HAIR * (y1 - y0), x1, y1]], np.float32))[0]
            picture = _picture(BOXED, file, sample.group, data, outline)
            pictures.append(replace(picture, keypoints=np.full((1, 5, 2), np.nan, np.float32)))
    return pictures


def _picture(source: str, file: str, group: str, data: bytes, points: Floats) -> FacePicture:
    five = topology.five_from_68(points).astype(np.float32)
    return FacePicture(file, group, source, data, points[None], five[None], NO_BOXES)
