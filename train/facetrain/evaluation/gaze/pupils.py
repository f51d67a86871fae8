"""Held-out pupils of scut_eyes, labelled by hand: how far the eye network's irises follow them."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.eyes import EyeReader
from facetrack.gaze.eyeball import TURN_MM
from facetrack.types import Floats
from facetrain.formats.packs import load_labels
from facetrain.formats.zips import read_zip_images
from facetrain.samples.eyes.split import HELD_OUT

SET = "scut_eyes"
LIDS, PUPILS = slice(20, 36), slice(36, 38)
WIDTH_OF_NOSE_USUAL = 0.54
"""Median of what `facetrack.eyes` takes the least of: width of an eye over its distance from the nose's base."""
WIDTH_MM = 28.5
"""Width of the lids' opening, as in `signals.eyes.lid_gap`."""


def measure(reader: EyeReader, data: Path) -> dict[str, float]:
    """Return the errors of the held-out pictures' irises, the eyes placed by the labels of the lids' corners.

    slope: by how much an iris moves across or up and down per movement of the labelled pupil, 1 for one that follows
    and 0 for one that stays in the middle. degrees: the error as an angle of the eye, seen from ahead.
    """
    labels = load_labels(data / f"{SET}.npz", "points")
    rows = dict(zip(labels["names"].tolist(), labels["points"].astype(np.float32), strict=True))
    pairs = []
    for name, image in read_zip_images(data / f"{SET}.zip"):
        if zlib.crc32(name.encode()) / 2**32 >= HELD_OUT[SET]:
            continue
        corners = _corners(rows[name][LIDS])
        reading = reader(image, [_placed(corners)])[0]
        if reading is None:
            continue
        for side, ends in enumerate(corners):
            pairs.append((along(rows[name][PUPILS][side], ends), along(reading.iris[side], ends)))
    return figures(np.array(pairs))


def along(point: Floats, ends: Floats) -> Floats:
    """Return a (2,) point from the middle of (2, 2) corners, along their line and across it, over the eye's width."""
    (x, y), (dx, dy) = (point - ends.mean(axis=0)).tolist(), (ends[1] - ends[0]).tolist()
    square = dx * dx + dy * dy
    return np.array(((x * dx + y * dy) / square, (y * dx - x * dy) / square), np.float32)


def figures(pairs: Floats) -> dict[str, float]:
    """Return the statistics of (N, 2, 2): labelled and found place of N pupils over the eye's width."""
    error = np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=1)
    across, down = (float(np.polyfit(pairs[:, 0, axis], pairs[:, 1, axis], 1)[0]) for axis in (0, 1))
    angle = np.degrees(np.arcsin(np.minimum(error * WIDTH_MM / TURN_MM, 1.0)))
    return {
        "pupils": float(len(pairs)), "mean error, % of the eye's width": 100 * float(error.mean()),
        "median": 100 * float(np.median(error)), "mean error, degrees": float(angle.mean()),
        "slope across": across, "slope up and down": down,
    }  # fmt: skip


def _corners(lids: Floats) -> Floats:
    """Return the (2, 2, 2) corners of the right and the left eye, the picture's left one first, from 2 x 8 points."""
    ends = lids.reshape(2, 8, 2)[:, [0, 4]]
    return np.stack([eye[np.argsort(eye[:, 0])] for eye in ends])


def _placed(corners: Floats) -> Floats:
    """Return (68, 2) points of which only those are set that place the crops; the nose lies where it usually does."""
    points = np.zeros((topology.N_POINTS, 2), np.float32)
    eyes = (topology.RIGHT_EYE[0], topology.RIGHT_EYE[3]), (topology.LEFT_EYE[0], topology.LEFT_EYE[3])
    for (first, last), eye in zip(eyes, corners, strict=True):
        points[[first, last]] = eye
    width = float(np.mean([math.dist(*eye) for eye in corners.tolist()]))
    points[topology.NOSE_BASE[2]] = corners.mean(axis=(0, 1)) + np.array([0.0, width / WIDTH_OF_NOSE_USUAL])
    return points
