"""Check that the packages of an optional extra are installed."""

from __future__ import annotations

from importlib.util import find_spec

from facetrack.errors import MissingExtraError

TRAINING_PACKAGES = ("torch", "onnx", "onnxscript", "safetensors", "matplotlib", "motmetrics", "scipy")


def need_training() -> None:
    """Raise MissingExtraError unless the packages of the extra `train` are installed. Imports none of them."""
    missing = [name for name in TRAINING_PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"this needs the package {missing[0]}; install the extra: python -m pip install 'facetrack[train]'"
        )
