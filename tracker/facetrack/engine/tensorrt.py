"""TensorRT through torch-tensorrt: for NVIDIA GPUs. Needs the extra `tensorrt`.

Never run where this was written: there was no GPU. So this module contains no logic of its own: `device` uploads
frames, cuts crops, pads batches and downloads outputs, `cache` names and rebuilds the built programs,
`facetrack.engine.half_precision` writes half precision into the network, and `facetrack.engine.parity` refuses a
program whose outputs differ from torch's. Those modules are tested without a GPU, and so is this one, with a test
double of torch-tensorrt.

The functions called here exist under these names in torch-tensorrt 2.11.0, 2.12.1 and 2.13.0, read from their wheels
(tests/facetrack/engine/test_tensorrt.py compares with the recorded signatures, and with the installed package):
- dynamo.compile(exported_program, *, arg_inputs, min_block_size, require_full_compilation, immutable_weights). It also
  takes **kwargs, so that a misspelt name would pass unnoticed. Types are the network's own: `use_explicit_typing` is on
  by default in 2.11 and 2.12 (TensorRT 10.15, 10.16) and the only mode in 2.13 (TensorRT 11.0), where that name and
  `enabled_precisions` are removed; so neither is given.
- save(module, file_path, *, extra_files, output_format, arg_inputs); load(file_path, extra_files), which prints a
  traceback if it fails.
- runtime.set_cudagraphs_mode(mode): for the whole process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from facetrack.engine import FromFrame, cache
from facetrack.engine.buckets import BUCKETS
from facetrack.engine.device import DeviceNetwork
from facetrack.engine.packing import Outputs, Shapes, item_shapes
from facetrack.engine.torch import EXTRA_FILE, need_torch, open_module, spec_in
from facetrack.errors import MissingExtraError, ModelFileError
from facetrack.modelfile import METADATA_KEY
from facetrack.types import Image

COMPILE = {"min_block_size": 1, "require_full_compilation": True, "immutable_weights": True}
"""One TensorRT engine for the whole network, however small; weights that TensorRT may fold."""
SUFFIX = ".pt2"
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
        network, self.spec = open_module(self.path, precision)
        side = self.spec.input_px
        if side is None:
            raise ModelFileError(f"{path} takes images of any size; expected a network with one crop size")
        self._network, self._names = network.to(DEVICE), list(self.spec.outputs)
        self._weights = cache.weights_hash(self.path)
        self._trt.runtime.set_cudagraphs_mode(True)
        shapes = [(size, side, side, 3) for size in sizes]
        self._programs: Programs = {shape: self._load_or_build(shape) for shape in shapes}
        self._run = self._on_device(self._programs)
        self.from_frame: FromFrame | None = self._run.from_frame

    def __call__(self, batch: Image) -> Outputs:
        return self._run(batch)

    def discard(self) -> None:
        """Remove the programs from the cache."""
        for shape in self._programs:
            self._key(shape).path(SUFFIX).unlink(missing_ok=True)

    def _on_device(self, programs: Programs) -> DeviceNetwork:
        sizes = tuple(size for size, *_ in programs)
        return DeviceNetwork(
            lambda shape: lambda crops: programs[shape](crops.float()),
            self._items, self.spec.input_px, DEVICE, sizes, record=False,
        )  # fmt: skip

    def _items(self, shape: tuple[int, ...]) -> Shapes:
        return item_shapes(self._network, self._names, shape)

    def _load_or_build(self, shape: tuple[int, ...]) -> Any:
        return cache.load_or_build(self._key(shape).path(SUFFIX), self._load, lambda path: self._build(shape, path))

    def _load(self, path: Path) -> Any:
        extra_files = {EXTRA_FILE: ""}
        program = self._trt.load(str(path), extra_files=extra_files)
        spec_in(extra_files, path)  # raises if the file was not written by facetrack
        return program.module()

    def _build(self, shape: tuple[int, ...], path: Path) -> None:
        from facetrack.engine.flat import Flat
        from facetrack.engine.half_precision import check_types
        from facetrack.engine.parity import photograph_crops, with_measured_parity

        message = "building a TensorRT program of '%s' for batches of %d: done once, may take minutes"
        logging.getLogger(__name__).warning(message, self.spec.name, shape[0])
        example = self._torch.zeros(shape, device=DEVICE)
        program = self._torch.export.export(Flat(self._network, self._names).eval(), (example,))
        check_types(program, self._network)
        built = self._trt.dynamo.compile(program, arg_inputs=[example], **COMPILE)
        network, spec = open_module(self.path)  # the reference is torch in float32
        engine = self._on_device({shape: built})
        spec = with_measured_parity(
            network, engine, photograph_crops(spec), spec, self._precision, "the TensorRT program"
        )
        report = {EXTRA_FILE: spec.to_metadata()[METADATA_KEY]}
        self._trt.save(built, str(path), extra_files=report, output_format="exported_program", arg_inputs=[example])

    def _key(self, shape: tuple[int, ...]) -> cache.CacheKey:
        name, (major, minor) = self._torch.cuda.get_device_name(), self._torch.cuda.get_device_capability()
        device = f"{name} sm_{major}{minor}, {cache.driver_version()}"
        versions = tuple(cache.version(p) for p in ("facetrack", "torch", "torch-tensorrt", "tensorrt"))
        return cache.CacheKey("tensorrt", self._weights, device, versions, self._precision, shape)


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
