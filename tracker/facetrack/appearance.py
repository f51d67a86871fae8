"""Appearance embeddings of faces, for re-identification within one scene, after short absence or occlusion.

A small network maps the aligned face with its hair and shoulders to an embedding. It distinguishes the few people of
one scene, not one person among thousands, and embeddings are only held in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facetrack.engine import Engine
from facetrack.errors import ModelFileError
from facetrack.geometry import crop_from_points, cut
from facetrack.types import Floats, Image


class Appearance:
    """Embedding network. engine: a network of kind `appearance`. Raises ModelFileError for any other."""

    def __init__(self, engine: Engine) -> None:
        spec = engine.spec
        if spec.kind != "appearance" or spec.input_px is None:
            raise ModelFileError(f"network '{spec.name}' is a {spec.kind} network; expected an appearance network")
        self.engine, self._input_px, self._margin = engine, spec.input_px, spec.margin

    def __call__(self, image: Image, faces: Sequence[Floats]) -> Floats:
        """Return the embeddings of the faces, (N, D) of unit length: their dot products are cosine similarities.

        image: (H, W, 3) uint8 BGR.
        faces: (68, 2) points px each.
        """
        if not len(faces):
            return np.zeros((0, 0), np.float32)
        crops = [cut(image, crop_from_points(points, self._margin), self._input_px) for points in faces]
        return np.asarray(self.engine(np.stack(crops))["embedding"], np.float32)


class EmbeddingGallery:
    """Gallery of one person's embeddings: the first and up to MAX_EMBEDDINGS others, each dissimilar to the others.

    With several views a head that left in profile can be re-identified from the front.
    """

    MAX_EMBEDDINGS = 6
    NOVEL_BELOW = 0.9
    """Largest cosine similarity to the gallery at which an embedding is added to it."""

    def __init__(self) -> None:
        self._vectors: list[Floats] = []

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, vector: Floats) -> None:
        """Add an embedding, (D,) of unit length, unless it is similar to a known one; the oldest but the first goes."""
        if len(self) and self.similarity(vector) >= self.NOVEL_BELOW:
            return
        if len(self) > self.MAX_EMBEDDINGS:
            del self._vectors[1]
        self._vectors.append(vector)

    def similarity(self, vector: Floats) -> float:
        """Return the largest cosine similarity to the gallery, -1..1. Raises ValueError if the gallery is empty."""
        return max(float(known @ vector) for known in self._vectors)
