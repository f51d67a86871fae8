"""Training items of the eye network: one eye each, cut as the landmark network's errors would, and corrupted."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetrack.eyes import EYE_WIDTHS
from facetrack.types import Floats, Image
from facetrain.augment import webcam
from facetrain.models.eyes.labels import SHAPES, pack
from facetrain.samples.eyes.cover import CLEAR, HIDDEN, glints, overlay, spectacles
from facetrain.samples.eyes.table import COLUMNS, ROWS, WIDTHS, EyeTable
from facetrain.samples.sampling import EpochItems, Rng

Numbers = NDArray[np.intp]
READ_WEIGHT = 0.6
"""Weight of a state from which on it was read, not derived from the gap."""

SINGLE = ("eyes", "eyes_nir")
"""Sources of single eyes: as many shut as open ones, of which none is drawn more often, and right or left unknown."""
NARROW_GAP = 0.16
"""Gap over the eye's width below which an eye is drawn more often: whether it is lowered or shut is decided there."""


@dataclass(frozen=True, slots=True)
class EyeCropOptions:
    """Augmentation; a recipe's section `crops`.

    shares: share of the training items by source; sources that are missing here are left out.
    rare: how often an eye that was read as lowered or shut is drawn for each time of another of its source.
    narrow: the same of an eye whose labelled gap is below NARROW_GAP.
    roll_deg, shift, scale: standard deviations of the crop's errors: degrees, eye widths, logarithm of the size.
    wide: share of the items with errors `wider` times as large.
    turned: factor on the errors of rendered eyes, of heads turned as far as landmarks err most.
    infrared: factor on the probabilities of glints and spectacles of an infrared eye: its camera has lamps.
    overlay, glints, spectacles, light, dark, grey, blur, low_resolution, noise, jpeg: probabilities.
    """

    shares: dict[str, float] = field(
        default_factory=lambda: {
            "helen_train": 0.17, "lfpw_train": 0.14, "clips": 0.10, "lids_frames": 0.09, "pointing04": 0.02,
            "scut_eyes": 0.06, "eyes": 0.02, "eyes_nir": 0.12, "ytfaces_train": 0.05, "aflw21": 0.03,
            "expressions": 0.08, "rendered": 0.24,
        }
    )  # fmt: skip
    rare: int = 4
    narrow: int = 3
    roll_deg: float = 3.5
    shift: float = 0.045
    scale: float = 0.07
    wide: float = 0.15
    wider: float = 2.5
    turned: float = 1.8
    overlay: float = 0.18
    infrared: float = 2.5
    glints: float = 0.08
    spectacles: float = 0.08
    light: float = 0.7
    dark: float = 0.08
    grey: float = 0.25
    blur: float = 0.25
    low_resolution: float = 0.3
    noise: float = 0.3
    jpeg: float = 0.15


class EyeCrops(EpochItems):
    """Augmented eyes.

    Item: crop (S / 2, S, 3) uint8; labels (K,) as of `models.eyes.labels`, positions in px of the crop.
    rows: of the table, those to train on. With fewer than two sources the shares do not matter.
    """

    def __init__(self, table: EyeTable, rows: Numbers, columns: int, options: EyeCropOptions, seed: int = 0) -> None:
        self.table, self.columns, self.options = table, columns, options
        self.rows = drawn_rows(table, rows, options)
        super().__init__(len(self.rows), seed)

    def item(self, index: int, rng: Rng) -> dict[str, Tensor]:
        row, options = int(self.rows[index]), self.options
        source = self.table.sources[row]
        matrix = jittered(self.columns, options, rng, options.turned if source == "rendered" else 1.0)
        image = warped(self.table.crops[row], matrix, self.columns, rng)
        labels = in_crop({name: self.table.labels[name][row] for name in SHAPES}, matrix)
        infrared = source == "eyes_nir"
        if source in SINGLE and rng.random() < 0.5:
            image = np.ascontiguousarray(image[:, ::-1])
        if rng.random() < options.overlay:
            image, hidden = overlay(image, self.columns / EYE_WIDTHS, rng)
            _hide(labels, hidden)
        else:
            drawn = rng.random() / (options.infrared if infrared else 1.0)
            if drawn < options.glints:
                image = glints(image, self.columns / EYE_WIDTHS, rng)
            elif drawn < options.glints + options.spectacles:
                image = spectacles(image, self.columns / EYE_WIDTHS, rng)
        if infrared:  # the frames and lamps drawn over it have colours
            image = webcam.grey(image)
        image = corrupted(image, options, rng)
        return {"crop": torch.from_numpy(image), "labels": torch.from_numpy(pack(labels))}


class PlainEyes(EpochItems):
    """Eyes of the given rows, cut where they are labelled, without augmentation; items as of `EyeCrops`."""

    def __init__(self, table: EyeTable, rows: Numbers, columns: int) -> None:
        super().__init__(len(rows))
        self.table, self.rows, self.columns = table, rows, columns

    def item(self, index: int, rng: Rng) -> dict[str, Tensor]:
        row, matrix = int(self.rows[index]), crop_map(self.columns)
        image = cv2.warpAffine(self.table.crops[row], matrix, (self.columns, self.columns // 2))
        labels = in_crop({name: self.table.labels[name][row] for name in SHAPES}, matrix)
        return {"crop": torch.from_numpy(image), "labels": torch.from_numpy(pack(labels))}


def drawn_rows(table: EyeTable, rows: Numbers, options: EyeCropOptions) -> Numbers:
    """Return the rows, each repeated as often as the shares, `rare` and `narrow` want it, at least once."""
    state = table.labels["state"][rows]
    read = (table.labels["state_weight"][rows] >= READ_WEIGHT) & (state[:, 0] == 0)
    read &= ~np.isin(table.sources[rows], SINGLE)
    narrow = (table.labels["gap_weight"][rows] > 0) & (table.labels["gap"][rows] < NARROW_GAP)
    weight = np.where(read, options.rare, np.where(narrow, options.narrow, 1)).astype(np.float64)
    # Lowered and shut eyes equally often: the network's odds of the two then lean to neither.
    counts = (state * read[:, None]).sum(axis=0)
    for column in (1, 2):
        own = read & (state[:, column] > 0) & (state.sum(axis=1) == 1)
        weight[own] *= counts[1:].mean() / max(float(counts[column]), 1.0)
    present = [name for name in options.shares if (table.sources[rows] == name).any()]
    total = sum(options.shares[name] for name in present)
    repeats = np.zeros(len(rows))
    for name in present:
        own = table.sources[rows] == name
        repeats[own] = weight[own] / weight[own].sum() * options.shares[name] / total
    drawn = repeats > 0
    if not drawn.any():
        return rows[:0]
    # The rarest once: rounding then changes the shares little.
    return np.repeat(rows, np.round(repeats / repeats[drawn].min()).astype(int))


def crop_map(
    columns: int, roll: float = 0.0, shift: Sequence[float] | NDArray[np.float64] = (0.0, 0.0), scale: float = 1.0
) -> Floats:
    """Return the (2, 3) map from stored px to crop px, with errors of the crop.

    roll: radians. shift: eye widths. scale: of the crop's size.
    """
    factor = columns / EYE_WIDTHS / (COLUMNS / WIDTHS) / scale
    cos, sin = factor * np.cos(roll), factor * np.sin(roll)
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = np.array([(COLUMNS - 1) / 2, (ROWS - 1) / 2]) + np.asarray(shift) * COLUMNS / WIDTHS
    offset = np.array([(columns - 1) / 2, (columns // 2 - 1) / 2]) - linear @ middle
    return np.column_stack([linear, offset])


def jittered(columns: int, options: EyeCropOptions, rng: Rng, factor: float = 1.0) -> Floats:
    """Draw the map of a crop with the errors, times a factor, that the landmark network's corners have."""
    size = factor * (options.wider if rng.random() < options.wide else 1.0)
    roll = np.deg2rad(np.clip(size * options.roll_deg * rng.normal(), -20, 20))
    shift = np.clip(size * options.shift * rng.normal(0, 1, 2), -0.25, 0.25)
    return crop_map(columns, float(roll), shift, float(np.exp(np.clip(size * options.scale * rng.normal(), -0.3, 0.3))))


def warped(crop: Image, matrix: Floats, columns: int, rng: Rng) -> Image:
    """Sample the crop; what lies beyond the stored one is its edge."""
    image = cv2.warpAffine(crop, matrix, (columns, columns // 2), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(image, np.uint8)


def in_crop(labels: Mapping[str, Floats], matrix: Floats) -> dict[str, Floats]:
    """Map labels from stored px to crop px."""
    out = {name: np.array(value, np.float32) for name, value in labels.items()}
    out["contour"] = (labels["contour"] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    centre = matrix[:, :2] @ labels["iris"][:2] + matrix[:, 2]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    out["iris"] = np.array([*centre, scale * labels["iris"][2]], np.float32)
    out["gaze"] = (matrix[:, :2] @ labels["gaze"] / scale).astype(np.float32)
    return out


def corrupted(image: Image, options: EyeCropOptions, rng: Rng) -> Image:
    """Apply light, darkness, grey, blur, low resolution, noise and JPEG, in a camera's order."""
    if rng.random() < options.light:
        image = webcam.colour_jitter(image, rng)
    if rng.random() < options.dark:
        image = np.asarray(image * rng.uniform(0.1, 0.5), np.uint8)
    if rng.random() < options.grey:
        image = webcam.grey(image)
    if rng.random() < options.blur:
        image = webcam.blur(image, rng)
    if rng.random() < options.low_resolution:
        image = _coarse(image, rng)
    if rng.random() < options.noise:
        image = _noisy(image, float(rng.uniform(1, 14)), rng)
    if rng.random() < options.jpeg:
        image = webcam.jpeg(image, int(rng.integers(25, 85)))
    return image


@functools.cache
def _noise() -> Floats:
    """Draw standard normal noise, once: drawing it anew takes longer than all other corruptions."""
    return np.random.default_rng(0).standard_normal((256, 256, 3), np.float32)


def _noisy(image: Image, sigma: float, rng: Rng) -> Image:
    rows, columns = image.shape[:2]
    y, x = (int(rng.integers(256 - size)) for size in (rows, columns))
    noise = _noise()[y : y + rows, x : x + columns]
    return np.asarray(cv2.addWeighted(image, 1.0, noise, sigma, 0.0, dtype=cv2.CV_8U), np.uint8)


def _coarse(image: Image, rng: Rng) -> Image:
    """Reduce the resolution to between a quarter and nine tenths: eyes of 7 px and more."""
    rows, columns = image.shape[:2]
    factor = float(rng.uniform(0.25, 0.9))
    small = cv2.resize(image, (round(columns * factor), round(rows * factor)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)


def _hide(labels: dict[str, Floats], hidden: float) -> None:
    """Take the labels out that cannot be seen any more. hidden: share of the eye."""
    if hidden <= CLEAR:
        return
    covered = hidden >= HIDDEN
    if covered:
        labels["covered"] = np.float32(1.0) * np.ones_like(labels["covered"])
    labels["covered_weight"] = np.full_like(labels["covered_weight"], 0.5 * covered)
    # The points keep their most probable place, and a scale that says how uncertain it is.
    keep = 0.3 if covered else 1.0
    for name in ("state_weight", "gap_weight", "iris_weight", "radius_weight", "contour_weight", "gaze_weight"):
        factor = 0.0 if covered and name == "state_weight" else keep
        labels[name] = np.asarray(labels[name] * factor, np.float32)
