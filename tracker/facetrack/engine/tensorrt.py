"""TensorRT through torch-tensorrt: for NVIDIA GPUs. Needs the extra `tensorrt`.

Never run where this was written: there was no GPU. So nothing here decides anything: frames go up, crops are cut,
batches are padded and answers come down by `device`, kept programs are named and made anew by `cache`, half precision
is written into the network by `facetrack.engine.half_precision`, and `facetrack.engine.parity` refuses what says
something else than torch. Those are tested without a GPU, and so is this file, with a stand-in for torch-tensorrt.

What is called exists under these names in torch-tensorrt 2.11.0, 2.12.1 and 2.13.0, read off their wheels
(tests/test_engine_tensorrt.py compares with what was read, and with the one installed):
- dynamo.compile(exported_program, *, arg_inputs, min_block_size, require_full_compilation, immutable_weights). It also
  takes **kwargs, so that a misspelt name would pass unnoticed. Types are the network's own: `use_explicit_typing` is on
  by default in 2.11 and 2.12 (TensorRT 10.15, 10.16) and the only way in 2.13 (TensorRT 11.0), where that name and
  `enabled_precisions` are gone; so neither is given.
- save(module, file_path, *, extra_files, output_format, arg_inputs); load(file_path, extra_files), which prints a
  traceback where it fails.
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
"""One engine for the whole network, however small; weights that TensorRT may fold."""
SUFFIX = ".pt2"
DEVICE = "cuda"
Programs: TypeAlias = dict[tuple[int, ...], Callable[[Any], Any]]
"""By the shape of the batch, (N, H, W, 3): float crops on the GPU -> (N, K) there, as `packing.packed` does it."""


class TensorRtEngine:
    """An .onnx of facetrain's with crops of one size, built for this GPU for each batch size, and kept in the user's
    cache: all of them are loaded, or built, here, so that no frame waits for one.

    precision: fp16 or fp32. sizes: of the batches. from_frame: cuts the crops on the GPU. One call at a time.
    Raises MissingExtraError without torch-tensorrt or a GPU; ParityError where what was built disagrees with torch;
    otherwise as `TorchEngine`.
    """

    def __init__(self, path: Path | str, precision: str = "fp16", sizes: tuple[int, ...] = BUCKETS) -> None:
        self.path, self._precision = Path(path), precision
        self._torch, self._trt = need_torch(DEVICE), need_torch_tensorrt()
        network, self.spec = open_module(self.path, precision)
        side = self.spec.input_px
        if side is None:
            raise ModelFileError(f"{path} takes pictures of any size; expected a network whose crops have one size")
        self._network, self._names = network.to(DEVICE), list(self.spec.outputs)
        self._weights = cache.weights_hash(self.path)
        self._trt.runtime.set_cudagraphs_mode(True)
        shapes = [(size, side, side, 3) for size in sizes]
        self._programs: Programs = {shape: self._kept(shape) for shape in shapes}
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

    def _kept(self, shape: tuple[int, ...]) -> Any:
        return cache.load_or_build(self._key(shape).path(SUFFIX), self._load, lambda path: self._build(shape, path))

    def _load(self, path: Path) -> Any:
        said = {EXTRA_FILE: ""}
        program = self._trt.load(str(path), extra_files=said)
        spec_in(said, path)  # what does not say what it is was not written by us
        return program.module()

    def _build(self, shape: tuple[int, ...], path: Path) -> None:
        from facetrack.engine.flat import Flat
        from facetrack.engine.half_precision import check_types
        from facetrack.engine.parity import photograph_crops, with_measured_parity

        said = "building a TensorRT program of '%s' for batches of %d: once, and it takes a while"
        logging.getLogger(__name__).warning(said, self.spec.name, shape[0])
        example = self._torch.zeros(shape, device=DEVICE)
        program = self._torch.export.export(Flat(self._network, self._names).eval(), (example,))
        check_types(program, self._network)
        built = self._trt.dynamo.compile(program, arg_inputs=[example], **COMPILE)
        network, spec = open_module(self.path)
        engine = self._on_device({shape: built})
        spec = with_measured_parity(
            network, engine, photograph_crops(spec), spec, self._precision, "what TensorRT built"
        )
        report = {EXTRA_FILE: spec.to_metadata()[METADATA_KEY]}
        self._trt.save(built, str(path), extra_files=report, output_format="exported_program", arg_inputs=[example])

    def _key(self, shape: tuple[int, ...]) -> cache.CacheKey:
        name, (major, minor) = self._torch.cuda.get_device_name(), self._torch.cuda.get_device_capability()
        device = f"{name} sm_{major}{minor}, {cache.driver_version()}"
        versions = tuple(cache.version(p) for p in ("facetrack", "torch", "torch-tensorrt", "tensorrt"))
        return cache.CacheKey("tensorrt", self._weights, device, versions, self._precision, shape)


def need_torch_tensorrt() -> Any:
    """The package. Raises MissingExtraError where it cannot be imported."""
    try:
        import torch_tensorrt
    except Exception as error:  # it raises a bare Exception where TensorRT's own libraries are not found
        raise MissingExtraError(
            "the engine tensorrt needs the package torch-tensorrt and TensorRT's libraries; install the extra: python "
            "-m pip install 'facetrack[tensorrt]'"
        ) from error
    return torch_tensorrt
