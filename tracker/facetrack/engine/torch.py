"""PyTorch: the network as it was trained, on the CPU or, recorded as CUDA graphs, on an NVIDIA GPU.

Needs the extra `train`: the .onnx keeps the weights, which `facetrain.export.load` loads into the torch network. A
.pt2 written by `facetrack export --engine torch` needs torch alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facetrack.engine import FromFrame, check_threads
from facetrack.engine.buckets import BUCKETS
from facetrack.engine.device import DeviceNetwork
from facetrack.engine.packing import Outputs, item_shapes, packed
from facetrack.errors import MissingExtraError, ModelFileError
from facetrack.modelfile import METADATA_KEY, ModelSpec
from facetrack.types import Image

if TYPE_CHECKING:
    from torch import Tensor, nn

DEVICES = ("cpu", "cuda")
EXTRA_FILE = f"{METADATA_KEY}.json"
"""Name of the metadata file inside a .pt2."""


class TorchEngine:
    """Network file (.onnx or .pt2) opened in torch.

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

    path: an .onnx, whose float32 weights are loaded, or a .pt2, whose precision is fixed. Raises as `TorchEngine`.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file; give the path of an .onnx exported by facetrain")
    if path.suffix == ".pt2":
        return _open_program(path)
    from facetrack.engine.onnx import OnnxEngine

    spec = OnnxEngine(path).spec
    try:
        from facetrack.engine.half_precision import half_convolutions
        from facetrain.export.load import open_network
    except ImportError as error:
        raise MissingExtraError(
            f"the torch network of an .onnx needs the package {error.name}; install the extra: python -m pip install "
            "'facetrack[train]'"
        ) from error
    network = open_network(path, spec)
    return (half_convolutions(network) if precision == "fp16" else network), spec


def _open_program(path: Path) -> tuple[nn.Module, ModelSpec]:
    import torch

    extra_files = {EXTRA_FILE: ""}
    try:
        program = torch.export.load(path, extra_files=extra_files)
    except Exception as error:  # torch raises many types for other zip files
        raise ModelFileError(
            f"{path} is no program that torch {torch.__version__} can load; export it again"
        ) from error
    return program.module(), spec_in(extra_files, path)


def spec_in(extra_files: dict[str, str], path: Path) -> ModelSpec:
    """Return the specification in a loaded program's extra files. Raises ModelFileError if there is none."""
    text = extra_files[EXTRA_FILE]
    return ModelSpec.from_metadata({METADATA_KEY: text} if text else {}, path)


def save_program(network: nn.Module, spec: ModelSpec, crops: Tensor, path: Path) -> None:
    """Write the network as a .pt2 with a dynamic batch size.

    crops: (N, H, W, 3) uint8, N >= 2; H and W are fixed.
    """
    import torch

    batch = torch.export.Dim("crops", min=1)
    program = torch.export.export(network, (crops,), dynamic_shapes=({0: batch},))
    torch.export.save(program, path, extra_files={EXTRA_FILE: spec.to_metadata()[METADATA_KEY]})
