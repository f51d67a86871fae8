"""facetrack's own detector: one pass of a small fully convolutional network over the reduced picture.

The network gives raw maps at strides 8, 16 and 32 (`facetrain.models.detector`); only the few cells that score are
decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.engine import Engine
from facetrack.errors import ModelFileError
from facetrack.geometry import halve
from facetrack.types import Detections, Floats, Image

LEVEL = "stride"
"""The network's outputs are named stride8, stride16, ..: the name says the cell's size in input px."""


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """long_side_px: the picture is reduced so that its longer side has this many px (never enlarged). A face needs
    about 16 px there to be found in nearly every frame: 32 px in a 640x480 frame at 320, half of that at 640, which
    costs four times as much (figures by size in weights/detector.md).
    threshold: least score. nms_iou: of two boxes that overlap more, the better one stays.
    """

    long_side_px: int = 320
    threshold: float = 0.5
    nms_iou: float = 0.4

    def __post_init__(self) -> None:
        if self.long_side_px < 32:
            raise ValueError(f"long_side_px is {self.long_side_px}; expected at least 32")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}; expected a score between 0 and 1")


class CnnDetector:
    """Call it with (H, W, 3) uint8 BGR of any size; it returns every face's box, score and five points in that
    picture's px.

    Raises ModelFileError if the engine runs anything but a detector.
    """

    def __init__(self, engine: Engine, options: DetectorOptions | None = None) -> None:
        engine.spec.expect("detector", Path(engine.spec.name))
        self.engine = engine
        self.options = options or DetectorOptions()
        self._strides = _strides_of(engine.spec.outputs)
        self._pad_to = engine.spec.stride
        self._min_logit = float(np.log(self.options.threshold / (1 - self.options.threshold)))

    def __call__(self, image: Image) -> Detections:
        batch, ratio = letterbox(image, self.options.long_side_px, self._pad_to)
        maps = self.engine(batch)
        cells = [decode_level(maps[name][0], stride, self._min_logit) for name, stride in self._strides.items()]
        rows = suppress(np.concatenate(cells), self.options)
        points = (rows[:, 1:].reshape(-1, 7, 2) + 0.5) / ratio - 0.5  # two corners of the box, then the five points
        both: Floats = points.astype(np.float32)
        return Detections(both[:, :2].reshape(-1, 4), rows[:, 0], both[:, 2:])


def letterbox(image: Image, long_side_px: int, multiple: int) -> tuple[Image, NDArray[np.float64]]:
    """The picture reduced to `long_side_px` and padded with black at the right and the bottom to whole multiples.

    Returns (1, H', W', 3) and the exact reduction in x and y: reduced = (full + 1/2) * ratio - 1/2.
    """
    height, width = image.shape[:2]
    scale = min(1.0, long_side_px / max(height, width))
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    batch = np.zeros((1, -(-rows // multiple) * multiple, -(-columns // multiple) * multiple, 3), np.uint8)
    if scale < 1:
        # Averaging, not sampling: or else a face a few cells wide changes with every pixel that it moves.
        while image.shape[0] >= 2 * rows and image.shape[1] >= 2 * columns:
            image = halve(image)
        image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    batch[0, :rows, :columns] = image
    return batch, np.array([columns / width, rows / height])


def decode_level(raw: Floats, stride: int, min_logit: float) -> Floats:
    """(15, h, w) raw map -> (K, 15) rows of the cells that score: score 0..1, box x0 y0 x1 y1, five points x y, in
    input px.

    A raw cell holds the score's logit, the box's middle relative to the cell's own in strides, the log of its sides in
    strides, and the points like the middle. The middle of cell i is (i + 1/2) * stride - 1/2.
    """
    width = raw.shape[2]
    cells = np.flatnonzero(raw[0] > min_logit)
    values = raw.reshape(len(raw), -1)[:, cells].T  # (K, 15)
    own = (np.stack([cells % width, cells // width], axis=1) + 0.5) * stride - 0.5
    score = 1 / (1 + np.exp(-values[:, :1]))
    middle, half = own + values[:, 1:3] * stride, np.exp(values[:, 3:5]) * (stride / 2)
    points = np.tile(own, 5) + values[:, 5:] * stride
    return np.concatenate([score, middle - half, middle + half, points], axis=1).astype(np.float32)


def suppress(rows: Floats, options: DetectorOptions) -> Floats:
    """Rows of `decode_level`, best first, without those that overlap a better one."""
    if len(rows) == 0:
        return rows
    sides = np.concatenate([rows[:, 1:3], rows[:, 3:5] - rows[:, 1:3]], axis=1)
    kept = cv2.dnn.NMSBoxes(sides.tolist(), rows[:, 0].tolist(), 0.0, options.nms_iou)
    return rows[np.asarray(kept, np.intp).reshape(-1)]


def _strides_of(outputs: dict[str, str]) -> dict[str, int]:
    strides = {name: int(name.removeprefix(LEVEL)) for name in outputs if name.removeprefix(LEVEL).isdigit()}
    if not strides:
        raise ModelFileError(
            f"the detector's file has the outputs {sorted(outputs)}; expected maps named {LEVEL}8, {LEVEL}16, ..; "
            "export it again"
        )
    return strides


def bundled_detector(
    threads: int = 1, long_side_px: int = 320, engine: str = "onnx", provider: str = "cpu"
) -> CnnDetector:
    """Open the bundled detector. engine, provider: see `engine.choice.open_engine`."""
    from facetrack.engine.choice import open_engine
    from facetrack.modelfile import bundled_path

    network = open_engine(bundled_path("detector"), engine, threads, provider)
    return CnnDetector(network, DetectorOptions(long_side_px))
