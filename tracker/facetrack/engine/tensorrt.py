"""TensorRT through torch-tensorrt: for NVIDIA GPUs. Needs the extra `tensorrt`.

Never run where this was written: there was no GPU. So this module contains no logic of its own: `device` uploads
frames, cuts crops, pads batches, records CUDA graphs and downloads outputs, `cache` names and rebuilds the built
engines, `facetrack.engine.half_precision` writes half precision into the network, and `facetrack.engine.parity` refuses
an engine whose outputs differ from torch's. Those modules are tested without a GPU, and so is this one, with test
doubles of torch-tensorrt and TensorRT.

The cache holds TensorRT's own serialized engines, not torch's programs, of which torch unpickles parts. An engine is
loaded if it belongs to this user and its hash is the one that was noted when it was built.

The function of torch-tensorrt that is called here exists under this name in 2.11.0, 2.12.1 and 2.13.0, read from their
wheels (tests/facetrack/engine/test_tensorrt.py compares with the recorded signatures, and with the installed package):
- dynamo.convert_exported_program_to_serialized_trt_engine(exported_program, *, arg_inputs, min_block_size,
  require_full_compilation, immutable_weights) -> bytes. It also takes **kwargs, so that a misspelt name would pass
  unnoticed. Types are the network's own: `use_explicit_typing` is on by default in 2.11 and 2.12 (TensorRT 10.15,
  10.16) and the only mode in 2.13 (TensorRT 11.0), where that name and `enabled_precisions` are removed; so neither is
  given.
Of TensorRT: Runtime.deserialize_cuda_engine, ICudaEngine.get_tensor_name, get_tensor_mode, get_tensor_shape and
create_execution_context, IExecutionContext.set_tensor_address and execute_async_v3, which exist since version 8.5.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from facetrack.engine import FromFrame, cache
from facetrack.engine.device import BUCKETS, DeviceNetwork
from facetrack.engine.packing import Outputs, Shapes, item_shapes
from facetrack.engine.torch import need_torch, open_module
from facetrack.errors import MissingExtraError, ModelFileError
from facetrack.modelfile import ModelSpec
from facetrack.types import Image

COMPILE = {"min_block_size": 1, "require_full_compilation": True, "immutable_weights": True}
"""One TensorRT engine for the whole network, however small; weights that TensorRT may fold."""
SUFFIX, NOTE_SUFFIX = ".engine", ".json"
DEVICE = "cuda"
Programs: TypeAlias = dict[tuple[int, ...], Callable[[Any], Any]]
"""Built programs by batch shape, (N, H, W, 3): float crops on the GPU -> (N, K) there, as by `packing.packed`."""


class TensorRtEngine:
    """TensorRT engine of a facetrain .onnx of one crop size, built for this GPU and each batch size, and cached.

    All programs are loaded, or built, by the constructor, so that no frame waits for one.

    precision: fp16 or fp32.
    sizes: batch sizes.
    from_frame: inference on a frame, cutting the crops on the GPU.
    Not thread-safe.
    Raises MissingExtraError without torch-tensorrt or a GPU; ParityError if a built program's outputs differ from
    torch's; otherwise as `TorchEngine`.
    """

    def __init__(self, path: Path | str, precision: str = "fp16", sizes: tuple[int, ...] = BUCKETS) -> None:
        self.path, self._precision = Path(path), precision
        self._torch, self._trt = need_torch(DEVICE), need_torch_tensorrt()
        self._runtime = need_tensorrt()
        network, self.spec = open_module(self.path, precision)
        side = self.spec.input_px
        if side is None:
            raise ModelFileError(f"{path} takes images of any size; expected a network with one crop size")
        self._network, self._names = network.to(DEVICE), list(self.spec.outputs)
        self._weights = cache.weights_hash(self.path)
        shapes = [(size, side, side, 3) for size in sizes]
        self._programs: Programs = {shape: self._load_or_build(shape) for shape in shapes}
        self._run = self._on_device(self._programs)
        self.from_frame: FromFrame | None = self._run.from_frame

    def __call__(self, batch: Image) -> Outputs:
        return self._run(batch)

    def discard(self) -> None:
        """Remove the programs from the cache."""
        for shape in self._programs:
            for suffix in (SUFFIX, NOTE_SUFFIX):
                self._key(shape).path(suffix).unlink(missing_ok=True)

    def _on_device(self, programs: Programs) -> DeviceNetwork:
        sizes = tuple(size for size, *_ in programs)
        return DeviceNetwork(
            lambda shape: lambda crops: programs[shape](crops.float()),
            self._items, self.spec.input_px, DEVICE, sizes,
        )  # fmt: skip

    def _items(self, shape: tuple[int, ...]) -> Shapes:
        return item_shapes(self._network, self._names, shape)

    def _load_or_build(self, shape: tuple[int, ...]) -> Any:
        return cache.load_or_build(self._key(shape).path(SUFFIX), self._load, lambda path: self._build(shape, path))

    def _load(self, path: Path) -> Any:
        data = path.read_bytes()
        check_own(path)
        noted = json.loads(path.with_suffix(NOTE_SUFFIX).read_text())
        if hashlib.sha256(data).hexdigest() != noted["sha256"]:
            raise ModelFileError(f"{path} is not the engine that was built here; it is built again")
        return LoadedEngine(self._runtime, self._torch, data)

    def _build(self, shape: tuple[int, ...], path: Path) -> None:
        from facetrack.engine.flat import Flat
        from facetrack.engine.half_precision import check_types
        from facetrack.engine.parity import photograph_crops, with_measured_parity

        message = "building a TensorRT engine of '%s' for batches of %d: done once, may take minutes"
        logging.getLogger(__name__).warning(message, self.spec.name, shape[0])
        example = self._torch.zeros(shape, device=DEVICE)
        program = self._torch.export.export(Flat(self._network, self._names).eval(), (example,))
        check_types(program, self._network)
        data = self._trt.dynamo.convert_exported_program_to_serialized_trt_engine(
            program, arg_inputs=[example], **COMPILE
        )
        network, spec = open_module(self.path)  # the reference is torch in float32
        engine = self._on_device({shape: LoadedEngine(self._runtime, self._torch, data)})
        spec = with_measured_parity(
            network, engine, photograph_crops(spec), spec, self._precision, "the TensorRT engine"
        )
        path.write_bytes(data)
        self._key(shape).path(NOTE_SUFFIX).write_text(note(data, spec))

    def _key(self, shape: tuple[int, ...]) -> cache.CacheKey:
        name, (major, minor) = self._torch.cuda.get_device_name(), self._torch.cuda.get_device_capability()
        device = f"{name} sm_{major}{minor}, {cache.driver_version()}"
        versions = tuple(cache.version(p) for p in ("facetrack", "torch", "torch-tensorrt", "tensorrt"))
        return cache.CacheKey("tensorrt", self._weights, device, versions, self._precision, shape)


class LoadedEngine:
    """Serialized engine, opened: float crops of its one batch shape on the GPU -> (N, K) there.

    The result is overwritten by the next call. Raises ModelFileError if TensorRT cannot open it.
    """

    def __init__(self, tensorrt: Any, torch: Any, data: bytes) -> None:
        self._torch, self._runtime = torch, tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
        self._engine = self._runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            raise ModelFileError("TensorRT cannot open the engine; it is built again")
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        is_input = [self._engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT for name in names]
        self._input, self._output = names[is_input.index(True)], names[is_input.index(False)]
        self._context = self._engine.create_execution_context()
        self._result = torch.empty(tuple(self._engine.get_tensor_shape(self._output)), device=DEVICE)

    def __call__(self, crops: Any) -> Any:
        crops = crops.contiguous()
        self._context.set_tensor_address(self._input, crops.data_ptr())
        self._context.set_tensor_address(self._output, self._result.data_ptr())
        if not self._context.execute_async_v3(self._torch.cuda.current_stream().cuda_stream):
            raise ModelFileError("TensorRT could not run the engine; delete it from the cache")
        return self._result


def note(data: bytes, spec: ModelSpec) -> str:
    """Return what is kept beside an engine: its hash, and the network's specification with the measured parity."""
    return json.dumps({"sha256": hashlib.sha256(data).hexdigest(), **spec.to_metadata()})


def check_own(path: Path) -> None:
    """Raise ModelFileError if the file belongs to another user, or others may write it (POSIX)."""
    status = path.stat()
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        raise ModelFileError(f"{path} may have been written by somebody else; it is built again")


def need_tensorrt() -> Any:
    """Import TensorRT's own package, which torch-tensorrt requires. Raises MissingExtraError without it."""
    try:
        import tensorrt
    except Exception as error:  # as torch-tensorrt does
        raise MissingExtraError(
            "the engine tensorrt needs TensorRT's libraries; install the extra: python -m pip install "
            "'facetrack[tensorrt]'"
        ) from error
    return tensorrt


def need_torch_tensorrt() -> Any:
    """Import torch-tensorrt. Raises MissingExtraError if it cannot be imported."""
    try:
        import torch_tensorrt
    except Exception as error:  # it raises a bare Exception if TensorRT's own libraries are not found
        raise MissingExtraError(
            "the engine tensorrt needs the package torch-tensorrt and TensorRT's libraries; install the extra: python "
            "-m pip install 'facetrack[tensorrt]'"
        ) from error
    return torch_tensorrt
