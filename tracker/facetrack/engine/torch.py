"""PyTorch: the network as it was trained, on the CPU or, recorded as CUDA graphs, on an NVIDIA GPU.

Needs the extra `train`: the .onnx, or the .safetensors by `facetrack export --engine torch`, keeps the weights, which
`facetrain.export.load` loads into the torch network. Programs saved by torch (.pt2, .pt) are not read: torch unpickles
parts of them, and unpickling runs code.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facetrack.engine import FromFrame, check_threads
from facetrack.engine.device import BUCKETS, DeviceNetwork
from facetrack.engine.packing import Outputs, item_shapes, packed
from facetrack.errors import MissingExtraError, ModelFileError
from facetrack.modelfile import ModelSpec
from facetrack.types import Image

if TYPE_CHECKING:
    from torch import nn

DEVICES = ("cpu", "cuda")
WEIGHTS = ".safetensors"
PRECISION_KEY = "precision"
"""Metadata of a .safetensors besides the network's specification: fp32 or fp16, which its convolutions compute in."""


class TorchEngine:
    """Network file (.onnx or .safetensors) opened in torch.

    threads: torch has one setting per process, which each call on the CPU sets to this number.
    device: one of DEVICES.
    precision: fp16 computes the convolutions in half precision (`facetrack.engine.half_precision`).
    sizes: batch sizes that CUDA graphs are recorded for; the CPU takes any.
    from_frame: inference on a frame, cutting the crops on the GPU; None on the CPU, where OpenCV is faster.
    Not thread-safe.
    Raises MissingExtraError without torch or the device; ModelFileError or DataError if facetrain did not write the
    file.
    """

    def __init__(
        self, path: Path | str, threads: int = 1, device: str = "cpu", precision: str = "fp32",
        sizes: tuple[int, ...] = BUCKETS,
    ) -> None:  # fmt: skip
        check_threads(threads)
        self.path = Path(path)
        need_torch(device)
        network, self.spec = open_module(self.path, precision)
        self.from_frame: FromFrame | None = None
        if device == "cpu":
            self._run: CpuNetwork | DeviceNetwork = CpuNetwork(network, list(self.spec.outputs), threads)
            return
        self._run = on_device(network, self.spec, device, sizes)
        if self.spec.input_px is not None:
            self.from_frame = self._run.from_frame

    def __call__(self, batch: Image) -> Outputs:
        return self._run(batch)


def on_device(network: nn.Module, spec: ModelSpec, device: str, sizes: tuple[int, ...] = BUCKETS) -> DeviceNetwork:
    """Move the network to the device and return it as a `DeviceNetwork`."""
    network, names = network.to(device), list(spec.outputs)
    return DeviceNetwork(
        lambda shape: lambda crops: packed(network(crops), names),
        lambda shape: item_shapes(network, names, shape),
        spec.input_px, device, sizes,
    )  # fmt: skip


class CpuNetwork:
    """Network on the CPU. names: outputs to return."""

    def __init__(self, network: nn.Module, names: list[str], threads: int = 1) -> None:
        self._network, self._names, self._threads = network, names, threads

    def __call__(self, batch: Image) -> Outputs:
        import torch

        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            outputs = self._network(torch.from_numpy(np.ascontiguousarray(batch)))
        return {name: outputs[name].numpy() for name in self._names}


def need_torch(device: str) -> Any:
    """Import torch. Raises MissingExtraError if it or the device is missing, ModelFileError for an unknown device."""
    if device not in DEVICES:
        raise ModelFileError(f"the engine torch runs on {' or '.join(DEVICES)}, not on '{device}'")
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            "the engine torch needs the package torch; install the extra: python -m pip install 'facetrack[train]'"
        ) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise MissingExtraError(
            f"torch {torch.__version__} finds no NVIDIA GPU here; install its CUDA build and a driver, or take the CPU"
        )
    return torch


def open_module(path: Path, precision: str = "fp32") -> tuple[nn.Module, ModelSpec]:
    """Return the torch network of a facetrain file, in eval mode, and its specification.

    path: an .onnx, whose float32 weights are loaded, or a .safetensors, which also names its precision. Raises as
    `TorchEngine`.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file; give the path of an .onnx exported by facetrain")
    if path.suffix == WEIGHTS:
        spec, precision = _read_metadata(path)
    else:
        from facetrack.engine.onnx import OnnxEngine

        spec = OnnxEngine(path).spec
    try:
        from facetrack.engine.half_precision import half_convolutions
        from facetrain.export.load import open_network
    except ImportError as error:
        raise MissingExtraError(
            f"the torch network of {path.name} needs the package {error.name}; install the extra: python -m pip "
            "install 'facetrack[train]'"
        ) from error
    network = open_network(path, spec)
    return (half_convolutions(network) if precision == "fp16" else network), spec


def _read_metadata(path: Path) -> tuple[ModelSpec, str]:
    """Return the specification and precision in a .safetensors: a JSON header, of which nothing is executed."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelFileError(f"{path} is no file of weights ({error}); export it again") from error
    return ModelSpec.from_metadata(metadata, path), metadata.get(PRECISION_KEY, "fp32")


def save_network(network: nn.Module, spec: ModelSpec, precision: str, path: Path) -> None:
    """Write the network's float32 weights and its specification as .safetensors.

    precision: that the engine shall compute in, fp32 or fp16.
    """
    from safetensors.torch import save_file

    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, path, {**spec.to_metadata(), PRECISION_KEY: precision})
