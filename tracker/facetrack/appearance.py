"""What a face looks like, so that a person who comes back within seconds, or was hidden by another, keeps the number.

A small network turns the aligned face, its hair and shoulders into a vector. It tells the few people of one scene
apart, not one person among thousands, and the vectors never leave memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facetrack.engine import Engine
from facetrack.errors import ModelFileError
from facetrack.geometry import crop_from_points, cut
from facetrack.types import Floats, Image


class Appearance:
    """engine: a network of kind `appearance`. Raises ModelFileError for any other."""

    def __init__(self, engine: Engine) -> None:
        spec = engine.spec
        if spec.kind != "appearance" or spec.input_px is None:
            raise ModelFileError(f"network '{spec.name}' is a {spec.kind} network; expected an appearance network")
        self.engine, self._input_px, self._margin = engine, spec.input_px, spec.margin

    def __call__(self, image: Image, faces: Sequence[Floats]) -> Floats:
        """image: (H, W, 3) uint8 BGR; faces: (68, 2) points px each. Returns (N, D), each row of length one: the
        scalar product of two is their similarity."""
        if not len(faces):
            return np.zeros((0, 0), np.float32)
        crops = [cut(image, crop_from_points(points, self._margin), self._input_px) for points in faces]
        return np.asarray(self.engine(np.stack(crops))["embedding"], np.float32)


class Looks:
    """What one person has looked like so far: the first look and up to `KEPT` others, each unlike those before it, so
    that a head that left in profile is known again from the front."""

    KEPT = 6
    NEW = 0.9
    """A look less like any other than this is kept."""

    def __init__(self) -> None:
        self._vectors: list[Floats] = []

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, vector: Floats) -> None:
        """vector: (D,) of length one."""
        if len(self) and self.similarity(vector) >= self.NEW:
            return
        if len(self) > self.KEPT:
            del self._vectors[1]
        self._vectors.append(vector)

    def similarity(self, vector: Floats) -> float:
        """-1..1, to the look most like it. Raises ValueError where nothing was seen yet."""
        return max(float(known @ vector) for known in self._vectors)
