"""Numerical parity of an exported network and torch, measured on real crops."""

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
"""Crops of a comparison."""
SIZES = (1, 2, 3, 5, 8)
"""Batch sizes compared besides the whole batch: full and padded ones of every bucket."""
SIZED_CROPS = 16
"""Crops that the batches of SIZES are taken from."""
DETECTOR_PX = 320
FP32 = {
    "points": 1e-3, "sigma": 1e-3, "presence": 1e-3, "attributes": 1e-3, "visibility": 1e-3,
    "rotation": 1e-4, "rotation_sigma": 1e-2, "embedding": 1e-4,
}  # fmt: skip
"""Tolerances of a float32 export: crop px, logits, shares, degrees, elements of a matrix or a unit vector."""
OTHER = 1e-3
"""Tolerance of all other outputs: the detector's raw maps."""
FP16_FACTOR = 100.0
"""Factor on the tolerances in half precision: a tenth of a pixel, and in proportion for all other outputs."""


class ParityError(FacetrackError):
    """Difference above the tolerance between an exported engine and torch."""


def tolerances(spec: ModelSpec, precision: str) -> dict[str, float]:
    """Return the largest allowed absolute difference of each output. precision: fp32 or fp16."""
    factor = FP16_FACTOR if precision == "fp16" else 1.0
    return {name: factor * FP32.get(name, OTHER) for name in spec.outputs}


def compare(
    model: nn.Module, engine: Callable[[Image], Mapping[str, np.ndarray]], crops: Tensor, outputs: Sequence[str]
) -> dict[str, float]:
    """Return the largest absolute difference of each output between torch and the engine.

    crops: (N, H, W, 3) uint8, compared as one batch and, the first SIZED_CROPS, in batches of SIZES.
    A value is NaN if either output has a NaN.
    """
    with torch.inference_mode():
        predicted = model(crops)
    reference = {name: predicted[name].cpu().numpy() for name in outputs}
    sized_crops = min(SIZED_CROPS, len(crops))
    differences: dict[str, list[float]] = {name: [] for name in outputs}
    for size in (len(crops), *SIZES):
        end = len(crops) if size == len(crops) else sized_crops
        for start in range(0, end, size):
            stop = min(start + size, end)
            actual = engine(crops[start:stop].numpy())
            for name, value in reference.items():
                differences[name].append(float(np.abs(actual[name] - value[start:stop]).max()))
    return {name: float(np.max(values)) for name, values in differences.items()}


def check_tolerance(differences: Mapping[str, float], allowed: Mapping[str, float], what: str) -> None:
    """Raise ParityError if a difference is above its tolerance, or NaN.

    differences: largest difference by output.
    what: the two sides of the comparison, for the message.
    """
    exceeded = {name: round(differences[name], 6) for name, limit in allowed.items() if not differences[name] <= limit}
    if exceeded:
        raise ParityError(f"{what} differ by {exceeded}, tolerance {dict(allowed)}; nothing was written")


def with_measured_parity(
    network: nn.Module,
    engine: Callable[[Image], Mapping[str, np.ndarray]],
    crops: Tensor,
    spec: ModelSpec,
    precision: str,
    what: str,
) -> ModelSpec:
    """Return `spec` with the differences between the engine and `network` in torch, float32, as its parity.

    what: the engine, for the message.
    Raises ParityError if a difference is above its tolerance.
    """
    differences = compare(network, engine, crops, list(spec.outputs))
    check_tolerance(differences, tolerances(spec, precision), f"{what} in {precision} and torch")
    return dataclasses.replace(spec, parity={name: round(value, 7) for name, value in differences.items()})


def photograph_crops(spec: ModelSpec, count: int = CROPS) -> Tensor:
    """Return jittered network inputs cut from the bundled photograph, reproducible.

    Returns (count, H, W, 3) uint8.
    """
    photograph, points = load_photograph()
    image, points_px = enlarge(photograph), enlarged(points).astype(np.float32)
    rng = np.random.default_rng(0)
    return torch.from_numpy(np.stack([jittered_input(spec, image, points_px, rng)[0] for _ in range(count)]))


def jittered_input(spec: ModelSpec, image: Image, points: Floats, rng: np.random.Generator) -> tuple[Image, Floats]:
    """Return a jittered input of the network and the points in its px.

    A crop network gets the face's crop, jittered as a tracker's or detector's is: standard deviations of a tenth of the
    face in position and log size and of .2 rad in roll. A detector gets the rotated and scaled image at DETECTOR_PX.
    """
    turn = float(rng.normal(0, 0.2))
    if spec.input_px is None:
        height, width = image.shape[:2]
        scene = CropBox(width / 2, height / 2, max(height, width) * float(rng.uniform(0.7, 1.6)), turn)
        return cut(image, scene, DETECTOR_PX), transform(points, crop_matrix(scene, DETECTOR_PX))
    exact = crop_from_points(points, spec.margin)
    x, y = np.array([exact.x, exact.y]) + rng.normal(0, 0.1 * exact.size_px / spec.margin, 2)
    size_px = exact.size_px * float(np.exp(rng.normal(0, 0.1)))
    crop = CropBox(float(x), float(y), size_px, exact.roll_rad + turn)
    return cut(image, crop, spec.input_px), transform(points, crop_matrix(crop, spec.input_px))
