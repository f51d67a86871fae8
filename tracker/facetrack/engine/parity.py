"""Whether two runtimes say the same of the same crops, and which real crops they are asked about."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from facetrack.errors import FacetrackError
from facetrack.geometry import CropBox, crop_from_points, crop_matrix, cut, transform
from facetrack.modelfile import ModelSpec
from facetrack.photograph import enlarge, enlarged, load_photograph
from facetrack.types import Floats, Image

CROPS = 64
SIZES = (1, 2, 3, 5, 8)
"""Batches that are compared besides the whole: full ones and padded ones of every bucket."""
SIZED_CROPS = 16
DETECTOR_PX = 320
FP32 = {"points": 1e-3, "sigma": 1e-3, "presence": 1e-3, "attributes": 1e-3, "pose": 1e-2, "embedding": 1e-4}
"""What an export in float32 may differ from torch: crop px, logits, shares, degrees, parts of a unit vector; the
detector's raw maps: OTHER."""
OTHER = 1e-3
FP16_FACTOR = 100.0
"""In half precision: a tenth of a pixel, and as much more of all else."""


class ParityError(FacetrackError):
    """The exported engine and torch disagree."""


def tolerances(spec: ModelSpec, precision: str) -> dict[str, float]:
    """Largest allowed absolute difference of each output. precision: fp32 or fp16."""
    factor = FP16_FACTOR if precision == "fp16" else 1.0
    return {name: factor * FP32.get(name, OTHER) for name in spec.outputs}


def compare(
    model: nn.Module, engine: Callable[[Image], Mapping[str, np.ndarray]], crops: Tensor, outputs: Sequence[str]
) -> dict[str, float]:
    """Largest absolute difference of each output between torch and the engine on crops (N, H, W, 3) uint8: as one batch
    and, for the first of them, in batches of SIZES. NaN where either says NaN."""
    with torch.inference_mode():
        found = model(crops)
    reference = {name: found[name].cpu().numpy() for name in outputs}
    few = min(SIZED_CROPS, len(crops))
    worst: dict[str, list[float]] = {name: [] for name in outputs}
    for size in (len(crops), *SIZES):
        end = len(crops) if size == len(crops) else few
        for start in range(0, end, size):
            stop = min(start + size, end)
            actual = engine(crops[start:stop].numpy())
            for name, value in reference.items():
                worst[name].append(float(np.abs(actual[name] - value[start:stop]).max()))
    return {name: float(np.max(values)) for name, values in worst.items()}


def check_tolerance(found: Mapping[str, float], allowed: Mapping[str, float], what: str) -> None:
    """Raises ParityError where a difference is above its tolerance, or is no number."""
    too_far = {name: round(found[name], 6) for name, limit in allowed.items() if not found[name] <= limit}
    if too_far:
        raise ParityError(f"{what} differ by {too_far}, allowed is {dict(allowed)}; nothing was written")


def with_measured_parity(
    network: nn.Module,
    engine: Callable[[Image], Mapping[str, np.ndarray]],
    crops: Tensor,
    spec: ModelSpec,
    precision: str,
    what: str,
) -> ModelSpec:
    """`spec` with the differences between the engine and `network`, torch's in float32, as its parity.

    what: the engine, in words. Raises ParityError where a difference is above its tolerance.
    """
    found = compare(network, engine, crops, list(spec.outputs))
    check_tolerance(found, tolerances(spec, precision), f"{what} in {precision} and torch")
    return dataclasses.replace(spec, parity={name: round(value, 7) for name, value in found.items()})


def photograph_crops(spec: ModelSpec, count: int = CROPS) -> Tensor:
    """(count, H, W, 3) uint8: what the network sees of the bundled photograph, shifted, turned and scaled, the same
    every time."""
    photograph, points = load_photograph()
    image, points_px = enlarge(photograph), enlarged(points).astype(np.float32)
    rng = np.random.default_rng(0)
    return torch.from_numpy(np.stack([jittered_input(spec, image, points_px, rng)[0] for _ in range(count)]))


def jittered_input(spec: ModelSpec, image: Image, points: Floats, rng: np.random.Generator) -> tuple[Image, Floats]:
    """A crop off by what a tracker's or a detector's is, a tenth of the face and .2 rad; for a detector the scene, as
    large as it gets it."""
    turn = float(rng.normal(0, 0.2))
    if spec.input_px is None:
        height, width = image.shape[:2]
        scene = CropBox(width / 2, height / 2, max(height, width) * float(rng.uniform(0.7, 1.6)), turn)
        return cut(image, scene, DETECTOR_PX), transform(points, crop_matrix(scene, DETECTOR_PX))
    near = crop_from_points(points, spec.margin)
    x, y = np.array([near.x, near.y]) + rng.normal(0, 0.1 * near.size_px / spec.margin, 2)
    size_px = near.size_px * float(np.exp(rng.normal(0, 0.1)))
    crop = CropBox(float(x), float(y), size_px, near.roll_rad + turn)
    return cut(image, crop, spec.input_px), transform(points, crop_matrix(crop, spec.input_px))
