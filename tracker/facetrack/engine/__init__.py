"""Engines run a network. One Protocol, one file per runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facetrack.geometry import CropBox
from facetrack.modelfile import ModelSpec
from facetrack.types import Image

FromFrame: TypeAlias = Callable[[Image, Sequence[CropBox]], dict[str, NDArray[np.float32]]]
"""(H, W, 3) uint8 BGR and at least one crop of it -> what the network says of each crop."""


class Engine(Protocol):
    """Runs one network.

    Call it with (N, H, W, 3) uint8 BGR; it returns each output by name, first axis N. One that cuts crops on its own
    device also has `from_frame`, a `FromFrame`; None, or no such attribute, where crops are cut before.
    """

    @property
    def spec(self) -> ModelSpec: ...

    def __call__(self, batch: Image) -> dict[str, NDArray[np.float32]]: ...
