"""Check that the packages of an optional extra are installed."""

from __future__ import annotations

from importlib.util import find_spec

from facetrack.errors import MissingExtraError

TRAINING_PACKAGES = ("torch", "onnx", "onnxscript", "safetensors", "matplotlib", "motmetrics", "scipy")
SERVE_PACKAGES = ("starlette", "uvicorn", "websockets", "msgpack")


def need_training() -> None:
    """Raise MissingExtraError unless the packages of the extra `train` are installed. Imports none of them."""
    _need("train", TRAINING_PACKAGES)


def need_server() -> None:
    """Raise MissingExtraError unless the packages of the extra `serve` are installed. Imports none of them."""
    _need("serve", SERVE_PACKAGES)


def _need(extra: str, packages: tuple[str, ...]) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"this needs the package {missing[0]}; install the extra: python -m pip install 'facetrack[{extra}]'"
        )
