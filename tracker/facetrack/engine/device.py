"""Inference on a device: one upload, programs of fixed batch sizes, one download, on a separate stream.

On a GPU host memory is pinned, and torch's work is recorded as CUDA graphs. Everything else is the same code on the
CPU, where it is tested; the GPU's part (`Lane`, `Program`'s recording) never ran where it was written
(docs/engines.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facetrack.engine.crops import cut_all, plan
from facetrack.engine.packing import Outputs, Shapes, unpacked
from facetrack.geometry import CropBox
from facetrack.types import Floats, Image

if TYPE_CHECKING:
    from torch import Tensor

Shape: TypeAlias = tuple[int, ...]
"""Shape of a batch, (N, H, W, 3)."""
Run: TypeAlias = Callable[["Tensor"], "Tensor"]
"""Inference on batches of one shape: uint8 crops on the device -> (N, K) float32 there (see `packing.packed`)."""
BUCKETS = (1, 2, 4, 8)
"""Batch sizes that programs are made for: a TensorRT engine or a CUDA graph has one batch size each.

Each is twice the one before: few programs to build and keep, and at most half of a batch is padding.
"""


class DeviceNetwork:
    """Network on a device: call it with (N, H, W, 3) uint8, any N, or `from_frame` with a frame and its crop boxes.

    run_for: batch shape -> function that runs the network on batches of that shape.
    items_for: batch shape -> shapes of the outputs of one item.
    input_px: side of the crops; the programs of all batch sizes are built at once, so that no frame waits for one. None
        for a network that takes any size; its programs are built when a shape first occurs.
    record: False if `run_for`'s functions record CUDA graphs themselves, as torch-tensorrt does.

    Calls are serialised by a lock. Outputs for padding are dropped.
    """

    def __init__(
        self,
        run_for: Callable[[Shape], Run],
        items_for: Callable[[Shape], Shapes],
        input_px: int | None,
        device: str,
        sizes: tuple[int, ...] = BUCKETS,
        record: bool = True,
    ) -> None:
        self._run_for, self._items_for, self._record = run_for, items_for, record
        self._input_px, self._sizes = input_px, tuple(sorted(sizes))
        self._lock, self._lane = threading.Lock(), Lane(device)
        self._frame, self._table = Upload(self._lane, "uint8"), Upload(self._lane, "float32")
        self._batch, self._outputs = Upload(self._lane, "uint8"), Download(self._lane)
        self._programs: dict[Shape, Program] = {}
        self._items: dict[Shape, Shapes] = {}
        if input_px is not None:
            with self._lane():
                for size in self._sizes:
                    self._program((size, input_px, input_px, 3))

    def __call__(self, batch: Image) -> Outputs:
        with self._lock, self._lane():
            return self._run(self._batch(batch))

    def from_frame(self, image: Image, crops: Sequence[CropBox]) -> Outputs:
        """Run the network on crops of a frame, cut on the device as by `geometry.cut`.

        image: (H, W, 3) uint8 BGR.
        crops: at least one.
        Only for a network of one input size.
        """
        assert self._input_px is not None
        table, factors = plan(crops, self._input_px, *image.shape[:2])
        with self._lock, self._lane():
            return self._run(cut_all(self._frame(image), self._table(table), factors, self._input_px))

    def _run(self, crops: Tensor) -> Outputs:
        import torch

        outputs, start = [], 0
        batches = parts(len(crops), self._sizes)
        for items, size in batches:
            result = self._program((size, *crops.shape[1:]))(crops[start : start + items])
            # A program's result is overwritten by its next call.
            outputs.append(result if len(batches) == 1 else result.clone())
            start += items
        values = self._outputs(outputs[0] if len(outputs) == 1 else torch.cat(outputs))
        return unpacked(values, self._items[tuple(crops.shape[1:])])

    def _program(self, shape: Shape) -> Program:
        if shape not in self._programs:
            self._programs[shape] = Program(self._run_for(shape), shape, self._lane, self._record)
            self._items[shape[1:]] = self._items_for(shape)
        return self._programs[shape]


class Program:
    """Network on one batch shape, recorded as a CUDA graph if `record` is set and there is a GPU."""

    WARM_UP = 3
    """Runs before the recording, in which libraries choose their kernels and allocate memory."""

    def __init__(self, run: Run, shape: Shape, lane: Lane, record: bool) -> None:
        import torch

        self._run = run
        self._input = torch.zeros(shape, dtype=torch.uint8, device=lane.device)
        self._graph: Any = None
        for _ in range(self.WARM_UP if lane.stream is not None else 0):
            run(self._input)
        if record and lane.stream is not None:
            lane.stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=lane.stream):
                self._result = run(self._input)

    def __call__(self, crops: Tensor) -> Tensor:
        """Run the network on (n, H, W, 3), n <= the batch size -> (n, K), which the next call may overwrite."""
        self._input[: len(crops)].copy_(crops)
        if self._graph is None:
            return self._run(self._input)[: len(crops)]
        self._graph.replay()
        return self._result[: len(crops)]


class Lane:
    """Execution context: on a GPU a separate CUDA stream, so that no other work is waited for; no stream on the CPU.

    Call it to get a context manager.
    """

    def __init__(self, device: str) -> None:
        import torch

        self.device, self.stream = device, None
        if device != "cpu":
            self.stream = torch.cuda.Stream()
            self.stream.wait_stream(torch.cuda.current_stream())  # the weights were uploaded on that stream

    @contextmanager
    def __call__(self) -> Iterator[None]:
        import torch

        with torch.inference_mode(), nullcontext() if self.stream is None else torch.cuda.stream(self.stream):
            yield

    def finish(self) -> None:
        """Wait until the queued work is done."""
        if self.stream is not None:
            self.stream.synchronize()


class Staging:
    """Host buffer, pinned for a GPU; it is reused and only ever grows, as pinning is slow."""

    def __init__(self, lane: Lane, dtype: str) -> None:
        import torch

        self._lane, self._dtype = lane, getattr(torch, dtype)
        self._memory = torch.empty(0, dtype=self._dtype)

    def room(self, shape: Sequence[int]) -> Tensor:
        """Return a view of that shape, with undefined content."""
        import torch

        count = int(np.prod(shape))
        if self._memory.numel() < count:
            self._memory = torch.empty(count, dtype=self._dtype, pin_memory=self._lane.stream is not None)
        return self._memory[:count].view(*shape)


class Upload(Staging):
    """Copy from an array to the device.

    The array may be overwritten at once; the tensor is valid until the next upload.
    """

    def __call__(self, values: NDArray[Any]) -> Tensor:
        host = self.room(values.shape)
        host.numpy()[...] = values
        return host.to(self._lane.device, non_blocking=True)


class Download(Staging):
    """Copy from the device to a new array, after all queued work is done."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane, "float32")

    def __call__(self, values: Tensor) -> Floats:
        host = self.room(values.shape)
        host.copy_(values, non_blocking=True)
        self._lane.finish()
        return host.numpy().copy()


def parts(count: int, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Split a batch of `count` items into (items, batch size of the program), in order; items <= batch size.

    As many full batches of the largest size as there are, then the smallest size that holds the rest. Worked out by
    hand for sizes 1, 2, 4, 8: 3 is [(3, 4)], 11 is [(8, 8), (3, 4)]. Raises ValueError for an empty batch.
    """
    if count < 1:
        raise ValueError(f"a batch of {count} crops; expected at least one")
    largest = max(sizes)
    full, rest = divmod(count, largest)
    return [(largest, largest)] * full + ([(rest, min(s for s in sizes if s >= rest))] if rest else [])
