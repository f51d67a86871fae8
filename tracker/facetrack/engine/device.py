"""A network on a device: one upload, programs of fixed batch sizes, one download, on a stream of its own.

On a GPU host memory is pinned, and what torch runs is recorded as CUDA graphs. Everything else runs alike on the CPU,
where it is tested; the GPU's part (`Lane`, `Program`'s recording) never ran where it was written (docs/engines.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facetrack.engine.buckets import BUCKETS, parts
from facetrack.engine.crops import cut_all, plan
from facetrack.engine.packing import Outputs, Shapes, unpacked
from facetrack.geometry import CropBox
from facetrack.types import Floats, Image

if TYPE_CHECKING:
    from torch import Tensor

Shape: TypeAlias = tuple[int, ...]
"""(N, H, W, 3) of a batch."""
Run: TypeAlias = Callable[["Tensor"], "Tensor"]
"""Takes uint8 crops of one shape on the device, gives (N, K) float32 there, as `packing.packed` does."""


class DeviceNetwork:
    """Call it with (N, H, W, 3) uint8, any N; or give `from_frame` the whole frame and where its crops are.

    run_for: what runs the network on batches of one shape. items_for: the outputs of one item of such a batch.
    input_px: side of the crops: programs of all sizes are made at once, so that no frame waits for one; None for a
    network that takes any size, whose programs are made when a shape is first seen. record: False where what runs
    the network records it by itself, as torch-tensorrt does.

    One call at a time: a second thread waits. What the programs say of padding is dropped.
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
        self._turn, self._lane = threading.Lock(), Lane(device)
        self._frame, self._table = Upload(self._lane, "uint8"), Upload(self._lane, "float32")
        self._batch, self._answer = Upload(self._lane, "uint8"), Download(self._lane)
        self._programs: dict[Shape, Program] = {}
        self._items: dict[Shape, Shapes] = {}
        if input_px is not None:
            with self._lane():
                for size in self._sizes:
                    self._program((size, input_px, input_px, 3))

    def __call__(self, batch: Image) -> Outputs:
        with self._turn, self._lane():
            return self._run(self._batch(batch))

    def from_frame(self, image: Image, crops: Sequence[CropBox]) -> Outputs:
        """The network's outputs for crops of (H, W, 3) uint8 BGR, cut on the device, as `geometry.cut` would.

        crops: at least one. Only for a network of one input size.
        """
        assert self._input_px is not None
        table, factors = plan(crops, self._input_px, *image.shape[:2])
        with self._turn, self._lane():
            return self._run(cut_all(self._frame(image), self._table(table), factors, self._input_px))

    def _run(self, crops: Tensor) -> Outputs:
        import torch

        found, start = [], 0
        pieces = parts(len(crops), self._sizes)
        for items, size in pieces:
            result = self._program((size, *crops.shape[1:]))(crops[start : start + items])
            # The next one of the same size writes over it.
            found.append(result if len(pieces) == 1 else result.clone())
            start += items
        values = self._answer(found[0] if len(found) == 1 else torch.cat(found))
        return unpacked(values, self._items[tuple(crops.shape[1:])])

    def _program(self, shape: Shape) -> Program:
        if shape not in self._programs:
            self._programs[shape] = Program(self._run_for(shape), shape, self._lane, self._record)
            self._items[shape[1:]] = self._items_for(shape)
        return self._programs[shape]


class Program:
    """The network on one shape of batch, recorded as a CUDA graph where that is asked for and there is a GPU."""

    WARM_UP = 3
    """Runs before anything is recorded: libraries choose their kernels and memory in those."""

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
        """(n, H, W, 3), n at most the batch -> (n, K); the next call may write over it."""
        self._input[: len(crops)].copy_(crops)
        if self._graph is None:
            return self._run(self._input)[: len(crops)]
        self._graph.replay()
        return self._result[: len(crops)]


class Lane:
    """Where work is queued: a stream of our own on a GPU, so that nobody else's work is waited for; on the CPU, none.

    Enter it by calling it.
    """

    def __init__(self, device: str) -> None:
        import torch

        self.device, self.stream = device, None
        if device != "cpu":
            self.stream = torch.cuda.Stream()
            self.stream.wait_stream(torch.cuda.current_stream())  # the weights went up on that one

    @contextmanager
    def __call__(self) -> Iterator[None]:
        import torch

        with torch.inference_mode(), nullcontext() if self.stream is None else torch.cuda.stream(self.stream):
            yield

    def finish(self) -> None:
        """Wait until all that was queued is done."""
        if self.stream is not None:
            self.stream.synchronize()


class Staging:
    """Host memory that is pinned for a GPU, kept, and grows with what passes through: pinning is slow."""

    def __init__(self, lane: Lane, dtype: str) -> None:
        import torch

        self._lane, self._dtype = lane, getattr(torch, dtype)
        self._memory = torch.empty(0, dtype=self._dtype)

    def room(self, shape: Sequence[int]) -> Tensor:
        """Memory of that shape; what it held before is gone."""
        import torch

        count = int(np.prod(shape))
        if self._memory.numel() < count:
            self._memory = torch.empty(count, dtype=self._dtype, pin_memory=self._lane.stream is not None)
        return self._memory[:count].view(*shape)


class Upload(Staging):
    """Array to device. The array may be written over at once; the tensor holds until the next upload."""

    def __call__(self, values: NDArray[Any]) -> Tensor:
        host = self.room(values.shape)
        host.numpy()[...] = values
        return host.to(self._lane.device, non_blocking=True)


class Download(Staging):
    """Device to array, once all that was queued is done. The array is the caller's."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane, "float32")

    def __call__(self, values: Tensor) -> Floats:
        host = self.room(values.shape)
        host.copy_(values, non_blocking=True)
        self._lane.finish()
        return host.numpy().copy()
