"""facetrack's own detector: one pass of a small fully convolutional network over the downsampled image.

The network outputs raw maps at strides 8, 16 and 32 (`facetrain.models.detector`); only cells with a score above the
threshold are decoded.
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
"""Prefix of the network's output names, stride8, stride16, ..; the number is the cell size in input px."""


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """Options of the detector.

    long_side_px: longer side of the downsampled image (never upsampled). A face needs about 16 px there to be detected
        in nearly every frame: 32 px in a 640x480 frame at 320, half of that at 640, which costs four times as much
        (figures by size in weights/detector.md).
    threshold: lowest score.
    nms_iou: IoU above which non-maximum suppression removes the box with the lower score.
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
    """Detector: call it with (H, W, 3) uint8 BGR of any size to get boxes, scores and five keypoints in its px.

    Raises ModelFileError if the engine runs a network of another kind.
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
        rows = np.concatenate(cells)
        rows = suppress(rows[np.isfinite(rows).all(axis=1)], self.options)
        points = (rows[:, 1:].reshape(-1, 7, 2) + 0.5) / ratio - 0.5  # two corners of the box, then the five keypoints
        corners_and_keypoints: Floats = points.astype(np.float32)
        boxes, keypoints = corners_and_keypoints[:, :2].reshape(-1, 4), corners_and_keypoints[:, 2:]
        return Detections(boxes, rows[:, 0], keypoints)


def letterbox(image: Image, long_side_px: int, multiple: int) -> tuple[Image, NDArray[np.float64]]:
    """Downsample the image to `long_side_px` and pad it with black at the right and bottom to whole multiples.

    Returns (1, H', W', 3) and the exact scale in x and y: reduced = (full + 1/2) * ratio - 1/2.
    """
    height, width = image.shape[:2]
    scale = min(1.0, long_side_px / max(height, width))
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    batch = np.zeros((1, -(-rows // multiple) * multiple, -(-columns // multiple) * multiple, 3), np.uint8)
    if scale < 1:
        # Area averaging, not point sampling, whose aliasing would change a small face with every pixel of motion.
        while image.shape[0] >= 2 * rows and image.shape[1] >= 2 * columns:
            image = halve(image)
        image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    batch[0, :rows, :columns] = image
    return batch, np.array([columns / width, rows / height])


def decode_level(raw: Floats, stride: int, min_logit: float) -> Floats:
    """Decode the cells of one raw map whose logit is above `min_logit`.

    raw: (15, h, w); a cell holds the score's logit, the box centre relative to the cell's centre in strides, the log of
        the box sides in strides, and the keypoints like the centre. The centre of cell i is (i + 1/2) * stride - 1/2.
    Returns (K, 15): score 0..1, box x0 y0 x1 y1, five keypoints x y, in input px.
    """
    width = raw.shape[2]
    cells = np.flatnonzero(raw[0] > min_logit)
    if len(cells) == 0:
        return np.zeros((0, len(raw)), np.float32)
    values = raw.reshape(len(raw), -1)[:, cells].T  # (K, 15)
    cell_centre = (np.stack([cells % width, cells // width], axis=1) + 0.5) * stride - 0.5
    score = 1 / (1 + np.exp(-values[:, :1]))
    centre, half = cell_centre + values[:, 1:3] * stride, np.exp(values[:, 3:5]) * (stride / 2)
    points = np.tile(cell_centre, 5) + values[:, 5:] * stride
    return np.concatenate([score, centre - half, centre + half, points], axis=1).astype(np.float32)


def suppress(rows: Floats, options: DetectorOptions) -> Floats:
    """Apply non-maximum suppression to rows of `decode_level`; returns the remaining rows, best first."""
    if len(rows) == 0:
        return rows
    sides = np.concatenate([rows[:, 1:3], rows[:, 3:5] - rows[:, 1:3]], axis=1)
    indices = cv2.dnn.NMSBoxes(sides.tolist(), rows[:, 0].tolist(), 0.0, options.nms_iou)
    return rows[np.asarray(indices, np.intp).reshape(-1)]


def _strides_of(outputs: dict[str, str]) -> dict[str, int]:
    strides = {name: int(name.removeprefix(LEVEL)) for name in outputs if name.removeprefix(LEVEL).isdigit()}
    if not strides:
        raise ModelFileError(
            f"the detector's file has the outputs {sorted(outputs)}; expected maps named {LEVEL}8, {LEVEL}16, ..; "
            "export it again"
        )
    return strides


def bundled_detector(
    threads: int = 1, long_side_px: int = 320, engine: str = "onnx", provider: str = "cpu", threshold: float = 0.5,
    path: Path | None = None,
) -> CnnDetector:  # fmt: skip
    """Open the bundled detector. engine, provider: see `engine.choice.open_engine`. path: of another file."""
    from facetrack.engine.choice import open_engine
    from facetrack.modelfile import bundled_path

    network = open_engine(path or bundled_path("detector"), engine, threads, provider)
    return CnnDetector(network, DetectorOptions(long_side_px, threshold))
