"""Inference engines: one Protocol, one module per runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facetrack.geometry import CropBox
from facetrack.modelfile import ModelSpec
from facetrack.types import Image

FromFrame: TypeAlias = Callable[[Image, Sequence[CropBox]], dict[str, NDArray[np.float32]]]
"""Inference on crops of a frame: (H, W, 3) uint8 BGR and N >= 1 crop boxes -> outputs by name, first axis N."""


class Engine(Protocol):
    """Callable that runs one network: (N, H, W, 3) uint8 BGR -> outputs by name, first axis N.

    An engine that cuts the crops on its own device also has `from_frame`, a `FromFrame`; the attribute is None or
    missing if the caller has to cut the crops.
    """

    @property
    def spec(self) -> ModelSpec: ...

    def __call__(self, batch: Image) -> dict[str, NDArray[np.float32]]: ...
