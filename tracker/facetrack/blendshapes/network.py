"""The blendshape network, three layers that NumPy runs: an inference session would cost more than the numbers."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from facetrack.blendshapes.features import N_FEATURES
from facetrack.errors import ModelFileError
from facetrack.modelfile import weights_folder
from facetrack.types import Floats
from facetrack.types.signals import ARKIT_52

ARRAYS = ("names", "mean", "w0", "b0", "w1", "b1", "w2", "b2")
FILE = "blendshapes.npz"


class ShapeNetwork:
    """Map of `features` to blendshapes, 0..1.

    path: an .npz of `facetrack train blendshapes`. names: what it tells, in the order of its outputs.
    Raises ModelFileError where the file is no such network.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ARRAYS}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelFileError(
                f"{path} is no blendshape network ({error}); expected an .npz of `facetrack train blendshapes`"
            ) from error
        self.names: tuple[str, ...] = tuple(str(name) for name in arrays["names"])
        layers = [(arrays[f"w{i}"].astype(np.float32), arrays[f"b{i}"].astype(np.float32)) for i in range(3)]
        sizes = [N_FEATURES, *(len(bias) for _, bias in layers)]
        fits = all(w.shape == (n, m) for (w, _), n, m in zip(layers, sizes, sizes[1:], strict=False))
        if not fits or sizes[-1] != len(self.names) or arrays["mean"].shape != (N_FEATURES,):
            raise ModelFileError(f"{path}: its layers do not fit {N_FEATURES} features; train it again")
        finite = all(np.isfinite(w).all() and np.isfinite(b).all() for w, b in layers)
        if not (finite and set(self.names) <= set(ARKIT_52)):
            raise ModelFileError(f"{path}: its names are not ARKit's, or its numbers are not finite; train it again")
        self._mean, self._layers = arrays["mean"].astype(np.float32), layers

    def __call__(self, features: Floats) -> Floats:
        """Return (.., names) values 0..1 of (.., N_FEATURES) features; NaN among them count as the average face's."""
        values = features - self._mean
        np.copyto(values, 0.0, where=np.isnan(values))
        (w0, b0), (w1, b1), (w2, b2) = self._layers
        values = np.maximum(values @ w0 + b0, 0.0)
        values = np.maximum(values @ w1 + b1, 0.0)
        return np.minimum(np.maximum(values @ w2 + b2, 0.0), 1.0)


def bundled_shapes() -> ShapeNetwork:
    """Open the bundled network. Raises ModelFileError if there is none."""
    return ShapeNetwork(weights_folder() / FILE)
