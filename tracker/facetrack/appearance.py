"""Appearance embeddings of faces, for re-identification within one scene, after short absence or occlusion.

A small network maps the aligned face with its hair and shoulders to an embedding. It distinguishes the few people of
one scene, not one person among thousands, and embeddings are only held in memory.
"""

from __future__ import annotations

from bisect import bisect
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
    """Gallery of one person's embeddings by the head's yaw, each dissimilar to the others.

    With several views a head that left in profile can be re-identified in profile and from the front: what is seen of
    a turned head is gathered beside the frontal views and does not push them out.
    """

    MAX_EMBEDDINGS, MAX_TURNED = 6, 2
    """Frontal views beside the first one, and views of each bin of turned heads; the oldest goes."""
    NOVEL_BELOW = 0.9
    """Largest cosine similarity to the gallery at which an embedding is added to it."""
    BIN_EDGES_DEG = (-50.0, -20.0, 20.0, 50.0)
    """Yaw angles between the bins."""
    FRONTAL = 2

    def __init__(self) -> None:
        self._views: list[tuple[int, Floats]] = []

    def __len__(self) -> int:
        return len(self._views)

    def has_view(self, yaw_deg: float | None) -> bool:
        """Return whether it holds a view of about this yaw; None counts as frontal."""
        wanted = self._bin(yaw_deg)
        return any(view == wanted for view, _ in self._views)

    def add(self, vector: Floats, yaw_deg: float | None = None) -> None:
        """Add an embedding, (D,) of unit length, unless it is similar to a known one; the oldest of its bin goes.

        The very first one stays.
        """
        view = self._bin(yaw_deg)
        if self.has_view(yaw_deg) and self.similarity(vector) >= self.NOVEL_BELOW:
            return
        others = [index for index, (other, _) in enumerate(self._views) if other == view and index > 0]
        if len(others) >= (self.MAX_EMBEDDINGS if view == self.FRONTAL else self.MAX_TURNED):
            del self._views[others[0]]
        self._views.append((view, vector))

    def similarity(self, vector: Floats) -> float:
        """Return the largest cosine similarity to the gallery, -1..1. Raises ValueError if the gallery is empty."""
        return max(float(known @ vector) for _, known in self._views)

    def _bin(self, yaw_deg: float | None) -> int:
        return self.FRONTAL if yaw_deg is None else bisect(self.BIN_EDGES_DEG, yaw_deg)
