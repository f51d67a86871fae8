"""Diagnostics of common training failures: shift-invariant loss, collapse to the mean face, sensitivity to boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from facetrack.geometry import CropBox
from facetrack.types import Floats
from facetrain.evaluation.landmarks import measure
from facetrain.evaluation.landmarks.framing import PointReader, frame
from facetrain.metrics import landmarks as metrics
from facetrain.sample import Sample

JITTER_FACES = 400
"""Maximum number of faces for `box_jitter`, each processed a dozen times."""


def shift_sensitivity(loss: Callable[[Tensor, Tensor], Tensor], shift_px: float = 5.0, points: int = 68) -> float:
    """Return a loss's sensitivity to a common shift of all points; 0 means invariant to position.

    The loss of the shift is relative to that of scatter of the same magnitude, so that losses of any scale are
    comparable.
    """
    generator = torch.Generator().manual_seed(0)
    target = 100 * torch.rand(8, points, 2, generator=generator)
    angle = 2 * torch.pi * torch.rand(8, points, generator=generator)
    scatter = shift_px * torch.stack([angle.cos(), angle.sin()], dim=2)
    shift = torch.tensor([shift_px, 0.0])
    return float(loss(target + shift, target).mean() / loss(target + scatter, target).mean())


def collapse(predicted: Floats, truth: Floats) -> float:
    """Return the standard deviation between faces of the predictions relative to the ground truth, both (N, K, 2).

    Near 1 for a working network, near 0 for one that predicts the mean face for every input.
    """
    return float(predicted.std(axis=0).mean() / max(float(truth.std(axis=0).mean()), 1e-9))


def outside(predicted: Floats, input_px: int) -> float:
    """Return the share of (N, K, 2) crop coordinates, px, that lie outside the crop or are NaN."""
    inside = (predicted >= -0.5) & (predicted <= input_px - 0.5)
    return float(1 - inside.mean())


@dataclass(frozen=True, slots=True)
class BoxJitter:
    """NME (%) by shift, as a share of the box's side in a random direction, and by scale of the box."""

    shifts: dict[float, float]
    scales: dict[float, float]


def box_jitter(
    reader: PointReader,
    samples: list[Sample],
    shifts: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2),
    scales: tuple[float, ...] = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4),
) -> BoxJitter | None:
    """Measure the sensitivity to boxes: a network trained on the boxes of one detector may fail on another's.

    The boxes of the labels are shifted and scaled, on at most JITTER_FACES evenly spaced samples. None if no sample's
    points determine a box for this network.
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
    offsets = {sample.name: shift * np.array([np.cos(a), np.sin(a)]) for sample, a in zip(samples, angles, strict=True)}

    def jittered(sample: Sample) -> CropBox | None:
        exact = frame(reader.spec, sample, exact=True)
        if exact is None:
            return None
        # The crop is `margin` times as large as the box, whose side the shift refers to.
        x, y = offsets[sample.name] * exact.size_px / reader.margin
        return CropBox(exact.x + x, exact.y + y, exact.size_px * scale)

    measured = measure.measure_at(reader, samples, jittered, f"boxes shifted by {shift:g}, scaled by {scale:g}")
    return float(metrics.known_mean(measured.nme))


def save_box_jitter(curves: dict[str, BoxJitter], path: Path) -> None:
    """Draw NME over shift and over scale, one line for each network."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
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
