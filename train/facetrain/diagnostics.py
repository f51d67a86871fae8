"""Checks that find the mistakes which cost days: a blind loss, a network that answers the same to every face, boxes
that differ from those it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facetrack.geometry import CropBox, crop_from_box, points_box
from facetrack.landmarker import Landmarker
from facetrack.types import Floats
from facetrain import metrics
from facetrain.sample import Sample


def shift_sensitivity(loss: Callable[[Tensor, Tensor], Tensor], shift_px: float = 5.0, points: int = 68) -> float:
    """How much a loss of (predicted, target) grows when all points are shifted together: 0 is blind to position.

    The growth is relative to that for the same amount of scatter, so that losses of any scale compare.
    """
    generator = torch.Generator().manual_seed(0)
    target = 100 * torch.rand(8, points, 2, generator=generator)
    angle = 2 * torch.pi * torch.rand(8, points, generator=generator)
    scatter = shift_px * torch.stack([angle.cos(), angle.sin()], dim=2)
    shift = torch.tensor([shift_px, 0.0])
    return float(loss(target + shift, target).mean() / loss(target + scatter, target).mean())


def collapse(predicted: Floats, truth: Floats) -> float:
    """(N, K, 2) twice -> spread of the predictions over the spread of the truth, between faces.

    Near 1 for a network that looks at its input, near 0 for one that answers the mean face to everything.
    """
    return float(predicted.std(axis=0).mean() / max(float(truth.std(axis=0).mean()), 1e-9))


def outside(predicted: Floats, input_px: int) -> float:
    """Share of (N, K, 2) crop-px coordinates that lie outside the crop or are no numbers."""
    inside = (predicted >= -0.5) & (predicted <= input_px - 0.5)
    return float(1 - inside.mean())


@dataclass(frozen=True, slots=True)
class BoxJitter:
    """NME (%) against how far the box is off: shifts as shares of its side, in a random direction, and scales."""

    shifts: dict[float, float]
    scales: dict[float, float]


def box_jitter(
    landmarker: Landmarker,
    samples: list[Sample],
    shifts: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2),
    scales: tuple[float, ...] = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4),
) -> BoxJitter:
    """How a network bears boxes that are not its own: one trained on one detector's fails on another's."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * np.pi, len(samples))
    return BoxJitter(
        {shift: _nme(landmarker, samples, shift * np.stack([np.cos(angles), np.sin(angles)], 1)) for shift in shifts},
        {scale: _nme(landmarker, samples, np.zeros((len(samples), 2)), scale) for scale in scales},
    )


def _nme(landmarker: Landmarker, samples: list[Sample], shifts: np.ndarray, scale: float = 1.0) -> float:
    predicted = []
    for sample, shift in zip(samples, shifts, strict=True):
        exact = crop_from_box(points_box(sample.points), landmarker.margin)
        side = exact.size_px / landmarker.margin
        crop = CropBox(exact.x + shift[0] * side, exact.y + shift[1] * side, exact.size_px * scale)
        predicted.append(landmarker(sample.image, [crop])[0].landmarks.points)
    truth = np.stack([sample.points for sample in samples])
    return float(metrics.nme_per_point(np.stack(predicted), truth).mean())


def save_box_jitter(curves: dict[str, BoxJitter], path: Path) -> None:
    """NME over shift, and over scale, one line for each network."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for name, jitter in curves.items():
        left.plot(list(jitter.shifts), list(jitter.shifts.values()), "o-", label=name)
        right.plot(list(jitter.scales), list(jitter.scales.values()), "o-", label=name)
    left.set(xlabel="box shifted, share of its side", ylabel="NME, %")
    right.set(xlabel="box scaled")
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=110)
