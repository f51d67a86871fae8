"""Inference engines: one Protocol, one module per runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.errors import FacetrackError, ModelFileError, first_line
from facetrack.geometry import CropBox
from facetrack.modelfile import ATTRIBUTES, EYES_OUTPUT, EYES_SIZE, ModelSpec
from facetrack.types import Image

FromFrame: TypeAlias = Callable[[Image, Sequence[CropBox]], dict[str, NDArray[np.float32]]]
"""Inference on crops of a frame: (H, W, 3) uint8 BGR and N >= 1 crop boxes -> outputs by name, first axis N."""


class Engine(Protocol):
    """Callable that runs one network: (N, H, W, 3) uint8 BGR -> outputs by name, first axis N.

    An engine that cuts the crops on its own device also has `from_frame`, a `FromFrame`; the attribute is None or
    missing if the caller has to cut the crops.
    """

    @property
    def spec(self) -> ModelSpec: ...

    def __call__(self, batch: Image) -> dict[str, NDArray[np.float32]]: ...


MAX_THREADS = 64
"""Most CPU threads of one network: more than any of them gains from, and few enough for every system's limit."""
PROBED_KINDS = ("detector", "appearance", "eyes")
"""Kinds of networks that are tried when they are opened, besides those of the tracker's 68 points."""
PROBE_PX = 64
"""Side of the picture that a network without an input size of its own is tried on, px, if its stride allows."""


def check_threads(threads: int) -> None:
    """Raise FacetrackError for a number of threads that no engine takes."""
    if not 1 <= threads <= MAX_THREADS:
        raise FacetrackError(f"threads is {threads}; expected 1 to {MAX_THREADS}, no more than there are processors")


def check_outputs(engine: Engine, path: Path) -> None:
    """Run a network on one and on two pictures of noise. Raises ModelFileError unless it does as its metadata says.

    Only a network that the tracker runs: those for evaluation alone may have other points, outputs and channels.
    """
    spec = engine.spec
    if spec.kind not in PROBED_KINDS and spec.topology != topology.SCHEME:
        return
    side = spec.input_px or -(-PROBE_PX // spec.stride) * spec.stride
    batch = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    for count in (1, 2) if spec.input_px else (1,):
        try:
            outputs = engine(batch[:count])
        except Exception as error:  # each runtime has its own types
            raise ModelFileError(
                f"{path} does not run on {count}x{side}x{side}x3 bytes ({first_line(error)})"
            ) from error
        missing = [name for name in spec.outputs if name not in outputs]
        if missing or not spec.outputs:
            raise ModelFileError(
                f"{path} has the outputs {sorted(outputs)}; its metadata promises {sorted(spec.outputs)}"
            )
        points = topology.N_POINTS if spec.topology == topology.SCHEME else None
        for name in spec.outputs:
            _check_output(f"{path}: its output '{name}'", outputs[name], count, _item_shape(name, points))


def _item_shape(name: str, points: int | None) -> tuple[int | None, ...] | None:
    """Return the shape of one item of a known output, None for any length; None as a whole for an unknown output."""
    if name.startswith("stride"):
        return 15, None, None  # the detector's: score, box and five keypoints of each cell
    return {
        "points": (points, 2), "sigma": (points,), "visibility": (points,), "presence": (),
        "attributes": (len(ATTRIBUTES),), "embedding": (None,), "probabilities": (7,),
        "rotation": (3, 3), "rotation_sigma": (3,), EYES_OUTPUT: (2, EYES_SIZE),
    }.get(name)  # fmt: skip


def _check_output(what: str, values: NDArray[np.float32], count: int, item: tuple[int | None, ...] | None) -> None:
    shape = values.shape
    fits = item is None or len(shape) == 1 + len(item)
    fits = fits and all(size in (None, got) for size, got in zip(item or (), shape[1:], strict=False))
    if not shape or shape[0] != count or not fits:
        expected = "" if item is None else f" of {tuple(size or '..' for size in item)} each"
        raise ModelFileError(f"{what} has the shape {shape} for {count} pictures; expected {count} rows{expected}")
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise ModelFileError(f"{what} is {values.dtype}, not all of it finite; expected finite floats: export it again")
