"""Checks that find the mistakes which cost days: a blind loss, a network that answers the same to every face, boxes
that differ from those it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facetrack.geometry import CropBox
from facetrack.types import Floats
from facetrain.evaluation.landmarks import measure
from facetrain.evaluation.landmarks.framing import PointReader, frame
from facetrain.metrics import landmarks as metrics
from facetrain.sample import Sample

JITTER_FACES = 400
"""Each is read a dozen times."""


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
    reader: PointReader,
    samples: list[Sample],
    shifts: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2),
    scales: tuple[float, ...] = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4),
) -> BoxJitter | None:
    """How a network bears boxes that are not its own: one trained on one detector's fails on another's.

    Exact boxes are moved, on at most JITTER_FACES of the samples, spread over all; None where no sample's points give
    an exact box for this network.
    """
    framed = [sample for sample in samples if frame(reader.spec, sample, exact=True) is not None]
    if not framed:
        return None
    framed = framed[:: -(-len(framed) // JITTER_FACES)]
    return BoxJitter(
        {shift: _nme(reader, framed, shift, 1.0) for shift in shifts},
        {scale: _nme(reader, framed, 0.0, scale) for scale in scales},
    )


def _nme(reader: PointReader, samples: list[Sample], shift: float, scale: float) -> float:
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, len(samples))
    away = {sample.name: shift * np.array([np.cos(a), np.sin(a)]) for sample, a in zip(samples, angles, strict=True)}

    def moved(sample: Sample) -> CropBox | None:
        exact = frame(reader.spec, sample, exact=True)
        if exact is None:
            return None
        x, y = away[sample.name] * exact.size_px / reader.margin
        return CropBox(exact.x + x, exact.y + y, exact.size_px * scale)

    measured = measure.measure_at(reader, samples, moved, f"boxes moved by {shift:g}, scaled by {scale:g}")
    return float(metrics.known_mean(measured.nme))


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
