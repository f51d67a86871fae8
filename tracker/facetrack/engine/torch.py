"""PyTorch: the network as it was trained, on the CPU or, recorded as CUDA graphs, on an NVIDIA GPU.

Needs the extra `train`: the .onnx keeps the weights, `facetrain.stored` puts them back into the torch network. A .pt2
written by `facetrack export --engine torch` needs torch alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from facetrack.engine.buckets import BUCKETS, Bucketed, Outputs, Program
from facetrack.errors import MissingExtraError, ModelFileError
from facetrack.modelfile import METADATA_KEY, ModelSpec
from facetrack.types import Floats, Image

if TYPE_CHECKING:
    from torch import Tensor, nn

Shapes: TypeAlias = dict[str, tuple[int, ...]]
"""Of one item of each output, in the order in which `packed` lays them side by side."""
DEVICES = ("cpu", "cuda")
EXTRA_FILE = f"{METADATA_KEY}.json"
"""The file inside a .pt2 that says what the network needs."""


class TorchEngine:
    """threads: of torch as a whole, as torch has one setting for the process. device: one of DEVICES. precision: fp16
    computes the convolutions in half precision (`facetrain.half`). sizes: of the batches that CUDA graphs are recorded
    for; the CPU takes any. One thread may call it at a time.

    Raises MissingExtraError without torch or the device; ModelFileError, DataError where the file is not one of ours.
    """

    def __init__(
        self, path: Path | str, threads: int = 1, device: str = "cpu", precision: str = "fp32",
        sizes: tuple[int, ...] = BUCKETS,
    ) -> None:  # fmt: skip
        self.path = Path(path)
        torch = need_torch(device)
        network, self.spec = open_module(self.path, precision)
        torch.set_num_threads(threads)
        self._run: Program = CpuProgram(network, list(self.spec.outputs))
        if device == "cuda":
            network.to(device)
            self._run = Bucketed(self._recorded, sizes)
        self._network = network

    def _recorded(self, shape: tuple[int, ...]) -> Program:
        names = list(self.spec.outputs)
        items = item_shapes(self._network, names, shape)
        return CudaProgram(lambda crops: packed(self._network(crops), names), shape, items)

    def __call__(self, batch: Image) -> Outputs:
        return self._run(batch)


class CpuProgram:
    """Runs the network as it stands. names: of the outputs that are asked for."""

    def __init__(self, network: nn.Module, names: list[str]) -> None:
        self._network, self._names = network, names

    def __call__(self, batch: Image) -> Outputs:
        import torch

        with torch.inference_mode():
            found = self._network(torch.from_numpy(np.ascontiguousarray(batch)))
        return {name: found[name].numpy() for name in self._names}


class CudaProgram:
    """One shape of batch on a GPU: a pinned upload of uint8, the recorded kernels, one pinned download of all outputs,
    on a stream of its own. Never run where this was written: no GPU was there (docs/engines.md).

    run: (N, H, W, 3) uint8 on the GPU -> (N, K) float32 there, as `packed` gives it. items: what `unpacked` needs.
    record: False where what runs the network records it by itself, as torch-tensorrt does.
    """

    def __init__(
        self, run: Callable[[Tensor], Tensor], shape: tuple[int, ...], items: Shapes, record: bool = True
    ) -> None:
        import torch

        self._torch, self._run, self._items = torch, run, items
        self._stream = torch.cuda.Stream()
        self._host = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            self._input = torch.zeros(shape, dtype=torch.uint8, device="cuda")
            for _ in range(3):  # libraries choose their kernels and memory before anything is recorded
                self._result = run(self._input)
        self._stream.synchronize()
        self._answer = torch.empty(tuple(self._result.shape), pin_memory=True)
        self._graph = None
        if record:
            self._graph = torch.cuda.CUDAGraph()
            with torch.inference_mode(), torch.cuda.graph(self._graph, stream=self._stream):
                self._result = run(self._input)

    def __call__(self, batch: Image) -> Outputs:
        torch = self._torch
        self._host.numpy()[...] = batch
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            self._input.copy_(self._host, non_blocking=True)
            if self._graph is not None:
                self._graph.replay()
            else:
                self._result = self._run(self._input)
            self._answer.copy_(self._result, non_blocking=True)
        self._stream.synchronize()
        return unpacked(self._answer.numpy().copy(), self._items)


def item_shapes(network: nn.Module, names: list[str], shape: tuple[int, ...]) -> Shapes:
    """The shape of each output for one item of a batch of `shape`."""
    import torch

    device = next(iter(network.parameters())).device
    with torch.inference_mode():
        found = network(torch.zeros((1, *shape[1:]), dtype=torch.uint8, device=device))
    return {name: tuple(found[name].shape[1:]) for name in names}


def packed(found: dict[str, Tensor], names: list[str]) -> Tensor:
    """All outputs side by side, (N, K) float32: one copy instead of five."""
    import torch

    return torch.cat([found[name].flatten(1) if found[name].dim() > 1 else found[name][:, None] for name in names], 1)


def unpacked(values: Floats, shapes: Shapes) -> Outputs:
    """The outputs of `packed` by name. shapes: of one item each, in the same order; () for a number."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
    columns = np.split(values, ends, axis=1)
    return {
        name: np.ascontiguousarray(part).reshape(len(values), *shape)
        for (name, shape), part in zip(shapes.items(), columns, strict=True)
    }


def need_torch(device: str) -> Any:
    """The package. Raises MissingExtraError where it or the device is missing, ModelFileError for another device."""
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
    """The torch network of one of our files, in eval mode, and what the file says.

    path: an .onnx, whose float32 weights are put back, or a .pt2, which has its precision. Raises as `TorchEngine`.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file; give the path of an .onnx exported by facetrain")
    if path.suffix == ".pt2":
        return _open_program(path)
    from facetrack.engine.onnx import OnnxEngine

    spec = OnnxEngine(path).spec
    try:
        from facetrain.half import half_convolutions
        from facetrain.stored import open_network
    except ImportError as error:
        raise MissingExtraError(
            f"the torch network of an .onnx needs the package {error.name}; install the extra: python -m pip install "
            "'facetrack[train]'"
        ) from error
    network = open_network(path, spec)
    return (half_convolutions(network) if precision == "fp16" else network), spec


def _open_program(path: Path) -> tuple[nn.Module, ModelSpec]:
    import torch

    said = {EXTRA_FILE: ""}
    try:
        program = torch.export.load(path, extra_files=said)
    except Exception as error:  # a zip of another kind fails in many ways
        raise ModelFileError(
            f"{path} is no program that torch {torch.__version__} can load; export it again"
        ) from error
    text = said[EXTRA_FILE]
    spec = ModelSpec.from_metadata({METADATA_KEY: text} if text else {}, path)
    return program.module(), spec


def save_program(network: nn.Module, spec: ModelSpec, crops: Tensor, path: Path) -> None:
    """Write the network as a .pt2 for any number of crops; crops: (N, H, W, 3) uint8, two or more.

    Its other sizes are those of `crops`.
    """
    import torch

    batch = torch.export.Dim("crops", min=1)
    program = torch.export.export(network, (crops,), dynamic_shapes=({0: batch},))
    torch.export.save(program, path, extra_files={EXTRA_FILE: spec.to_metadata()[METADATA_KEY]})
