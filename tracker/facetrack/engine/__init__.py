"""Engines run a network. One Protocol, one file per runtime."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facetrack.modelfile import ModelSpec
from facetrack.types import Image


class Engine(Protocol):
    """Runs one network.

    Call it with (N, H, W, 3) uint8 BGR; it returns each output by name, first axis N.
    """

    @property
    def spec(self) -> ModelSpec: ...

    def __call__(self, batch: Image) -> dict[str, NDArray[np.float32]]: ...
