"""Network inputs cropped from labelled faces, for the comparison of runtimes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from facetrack.engine.parity import CROPS, jittered_input
from facetrack.modelfile import ModelSpec
from facetrack.types import Floats
from facetrain.sample import Sample


def sample_crops(spec: ModelSpec, samples: Sequence[Sample], count: int = CROPS) -> tuple[Tensor, Floats]:
    """Crop jittered inputs of evenly spaced samples, which must have all 68 points.

    Returns (count, H, W, 3) uint8 inputs and their (count, 68, 2) points in input px.
    """
    rng = np.random.default_rng(0)
    chosen = samples[:: max(1, len(samples) // count)][:count]
    crops, truth = zip(*(jittered_input(spec, sample.image, sample.points, rng) for sample in chosen), strict=True)
    return torch.from_numpy(np.stack(crops)), np.stack(truth)
