"""TensorRT through torch-tensorrt: for NVIDIA GPUs. Needs the extra `tensorrt`.

Never run where this was written: there was no GPU. So nothing here decides anything: batches are cut and padded by
`buckets`, kept programs are named and made anew by `cache`, half precision is written into the network by
`facetrain.half`, the GPU's memory and stream are `engine.torch.CudaProgram`'s, and `facetrain.parity` refuses what says
something else than torch. Those are tested without a GPU.

What is called exists under these names in torch-tensorrt 2.11.0, 2.12.1 and 2.13.0, read off their wheels
(tests/test_engine_tensorrt.py reads them again from the one installed):
- dynamo.compile(exported_program, *, arg_inputs, min_block_size, require_full_compilation, immutable_weights). It also
  takes **kwargs, so that a misspelt name would pass unnoticed. Types are the network's own: `use_explicit_typing` is on
  by default in 2.11 and 2.12 (TensorRT 10.15, 10.16) and the only way in 2.13 (TensorRT 11.0), where that name and
  `enabled_precisions` are gone; so neither is given.
- save(module, file_path, *, output_format, arg_inputs); load(file_path), which prints a traceback where it fails.
- runtime.set_cudagraphs_mode(mode): for the whole process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facetrack.engine import cache
from facetrack.engine.buckets import BUCKETS, Bucketed, Outputs, Program
from facetrack.engine.torch import CudaProgram, item_shapes, need_torch, open_module
from facetrack.errors import MissingExtraError
from facetrack.types import Image

COMPILE = {"min_block_size": 1, "require_full_compilation": True, "immutable_weights": True}
"""One engine for the whole network, however small; weights that TensorRT may fold."""
SUFFIX = ".ep"


class TensorRtEngine:
    """An .onnx of facetrain's, built for this GPU: at first use of each batch size, then kept in the user's cache.

    precision: fp16 or fp32. sizes: of the batches. One thread may call it at a time.
    Raises MissingExtraError without torch-tensorrt or a GPU; ParityError where what was built disagrees with torch;
    otherwise as `TorchEngine`.
    """

    def __init__(self, path: Path | str, precision: str = "fp16", sizes: tuple[int, ...] = BUCKETS) -> None:
        self.path, self._precision = Path(path), precision
        self._torch, self._trt = need_torch("cuda"), need_torch_tensorrt()
        network, self.spec = open_module(self.path, precision)
        self._names = list(self.spec.outputs)
        self._network = network.cuda()
        self._weights = cache.weights_hash(self.path)
        self._trt.runtime.set_cudagraphs_mode(True)
        self._run = Bucketed(self._program, sizes)

    def __call__(self, batch: Image) -> Outputs:
        return self._run(batch)

    def _program(self, shape: tuple[int, ...]) -> Program:
        built = cache.kept(self._key(shape).path(SUFFIX), self._load, lambda path: self._build(shape, path))
        return CudaProgram(lambda crops: built(crops.float()), shape, self._items(shape), record=False)

    def _items(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return item_shapes(self._network, self._names, shape)

    def _load(self, path: Path) -> Any:
        return self._trt.load(str(path)).module()

    def _build(self, shape: tuple[int, ...], path: Path) -> None:
        from facetrain.flat import Flat
        from facetrain.half import check_types
        from facetrain.parity import check_built

        flat = Flat(self._network, self._names).eval()
        example = self._torch.zeros(shape, device="cuda")
        program = self._torch.export.export(flat, (example,))
        check_types(program, self._network)
        built = self._trt.dynamo.compile(program, arg_inputs=[example], **COMPILE)
        check_built(flat, built, self.spec, self._items(shape), shape)
        self._trt.save(built, str(path), output_format="exported_program", arg_inputs=[example])

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
