"""Decoding of the detector's outputs against boxes computed by hand, with a fake engine."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facetrack.detector import CnnDetector, DetectorOptions
from facetrack.detector.cnn import letterbox
from facetrack.errors import ModelFileError
from facetrack.modelfile import ModelSpec

FIVE = [(-0.5, -0.5), (0.5, -0.5), (0.0, 0.0), (-0.25, 0.75), (0.25, 0.75)]


def spec(kind: str = "detector", outputs: tuple[str, ...] = ("stride8", "stride16", "stride32")) -> ModelSpec:
    return ModelSpec("fake", kind, None, 0.0, 128.0, "5 points", dict.fromkeys(outputs, ""), [], "", "", stride=32)


class FakeEngine:
    """Engine whose maps have a low score everywhere except in the cells set by `plant`."""

    def __init__(self, **of_spec: object) -> None:
        self.spec = spec(**of_spec)  # type: ignore[arg-type]
        self.planted: list[tuple[int, int, int, list[float]]] = []
        self.batches: list[np.ndarray] = []

    def plant(self, stride: int, row: int, column: int, logit: float, box: tuple[float, ...]) -> None:
        """Set one cell. box: centre x, y relative to the cell's centre and log sides, all in strides."""
        self.planted.append((stride, row, column, [logit, *box, *np.ravel(FIVE)]))

    def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        self.batches.append(batch)
        assert batch.dtype == np.uint8
        assert batch.shape[1] % 32 == 0
        assert batch.shape[2] % 32 == 0
        maps = {}
        for stride in (8, 16, 32):
            raw = np.zeros((len(batch), 15, batch.shape[1] // stride, batch.shape[2] // stride), np.float32)
            raw[:, 0] = -9
            for at, row, column, values in self.planted:
                if at == stride:
                    raw[0, :, row, column] = values
            maps[f"stride{stride}"] = raw
        return maps


def test_decodes_a_box_computed_by_hand() -> None:
    engine = FakeEngine()
    # Cell (row 3, column 5) at stride 16: its centre is (5.5 * 16 - .5, 3.5 * 16 - .5) = (87.5, 55.5).
    engine.plant(16, 3, 5, 2.0, (0.5, -0.25, np.log(2.0), np.log(3.0)))
    detections = CnnDetector(engine)(np.zeros((192, 320, 3), np.uint8))
    # Centre (95.5, 51.5), 32 wide, 48 high; the image is not downsampled.
    np.testing.assert_allclose(detections.boxes, [[79.5, 27.5, 111.5, 75.5]], atol=1e-4)
    np.testing.assert_allclose(detections.scores, [1 / (1 + np.exp(-2.0))], rtol=1e-6)
    assert detections.keypoints is not None
    np.testing.assert_allclose(detections.keypoints[0], [(87.5 + 16 * x, 55.5 + 16 * y) for x, y in FIVE], atol=1e-4)
    assert detections.boxes.dtype == detections.scores.dtype == detections.keypoints.dtype == np.float32


def test_every_level_is_read_and_the_best_comes_first() -> None:
    engine = FakeEngine()
    engine.plant(8, 2, 2, 1.0, (0, 0, 0, 0))
    engine.plant(16, 8, 2, 3.0, (0, 0, 0, 0))
    engine.plant(32, 1, 7, 2.0, (0, 0, 0, 0))
    detections = CnnDetector(engine)(np.zeros((256, 320, 3), np.uint8))
    centres = (detections.boxes[:, :2] + detections.boxes[:, 2:]) / 2
    np.testing.assert_allclose(centres, [(39.5, 135.5), (239.5, 47.5), (19.5, 19.5)], atol=1e-4)
    np.testing.assert_allclose(detections.boxes[:, 2] - detections.boxes[:, 0], [16, 32, 8], rtol=1e-5)


def test_one_face_detected_by_several_cells_is_one_box() -> None:
    engine = FakeEngine()
    for column, logit in ((5, 1.0), (6, 2.5), (7, 1.5)):  # three cells, one box around column 6
        engine.plant(16, 4, column, logit, (6 - column, 0, np.log(4), np.log(4)))
    engine.plant(16, 4, 15, 0.5, (0, 0, np.log(4), np.log(4)))  # another face, far away
    detections = CnnDetector(engine)(np.zeros((256, 320, 3), np.uint8))
    assert len(detections) == 2
    np.testing.assert_allclose(detections.scores, 1 / (1 + np.exp([-2.5, -0.5])), rtol=1e-5)


def test_boxes_that_overlap_a_little_both_stay() -> None:
    engine = FakeEngine()
    engine.plant(16, 4, 5, 2.0, (0, 0, np.log(4), np.log(4)))  # 64 px wide
    engine.plant(16, 4, 7, 1.0, (0, 0, np.log(4), np.log(4)))  # 32 px to the right: IoU = 32 / 96 = 1/3
    image = np.zeros((256, 320, 3), np.uint8)
    assert len(CnnDetector(engine, DetectorOptions(nms_iou=0.4))(image)) == 2
    assert len(CnnDetector(engine, DetectorOptions(nms_iou=0.3))(image)) == 1


@pytest.mark.parametrize("size", [(1, 1), (2, 700), (31, 33), (480, 640), (720, 1280), (333, 217)])
def test_no_face_gives_empty_arrays_at_any_size(size: tuple[int, int]) -> None:
    detections = CnnDetector(FakeEngine())(np.zeros((*size, 3), np.uint8))
    assert detections.boxes.shape == (0, 4)
    assert detections.scores.shape == (0,)
    assert detections.keypoints is not None
    assert detections.keypoints.shape == (0, 5, 2)


def test_threshold_is_a_score() -> None:
    engine = FakeEngine()
    engine.plant(8, 1, 1, 0.0, (0, 0, 1, 1))  # a logit of 0 is a score of one half
    image = np.zeros((64, 64, 3), np.uint8)
    assert len(CnnDetector(engine, DetectorOptions(threshold=0.49))(image)) == 1
    assert len(CnnDetector(engine, DetectorOptions(threshold=0.51))(image)) == 0


def test_mapping_back_agrees_with_the_position_of_a_block() -> None:
    """Oracle: a white block's centroid in the downsampled image, decoded, is the block's centre in the full one."""
    image = np.zeros((481, 641, 3), np.uint8)
    image[200:216, 300:324] = 255  # centre (311.5, 207.5)
    batch, _ = letterbox(image, 320, 32)
    weight = batch[0, :, :, 0].astype(float)
    y, x = (float((weight * grid).sum() / weight.sum()) for grid in np.mgrid[: weight.shape[0], : weight.shape[1]])
    engine = FakeEngine()
    row, column = int(y // 8), int(x // 8)
    engine.plant(8, row, column, 3.0, ((x + 0.5) / 8 - column - 0.5, (y + 0.5) / 8 - row - 0.5, 1.0, 1.0))
    box = CnnDetector(engine)(image).boxes[0]
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, [311.5, 207.5], atol=0.05)
    # The box's side is e cells of 8 px, downsampled by 320 / 641 in x and by 240 / 481 in y.
    np.testing.assert_allclose(box[2:] - box[:2], [np.e * 8 * 641 / 320, np.e * 8 * 481 / 240], rtol=1e-4)


def test_letterbox_reduces_pads_and_never_enlarges() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (100, 200, 3), dtype=np.uint8)
    batch, ratio = letterbox(image, 320, 32)
    assert batch.shape == (1, 128, 224, 3)
    np.testing.assert_array_equal(batch[0, :100, :200], image)
    assert not batch[0, 100:].any()
    assert not batch[0, :, 200:].any()
    np.testing.assert_array_equal(ratio, [1, 1])
    batch, ratio = letterbox(image, 100, 32)
    assert batch.shape == (1, 64, 128, 3)
    np.testing.assert_array_equal(batch[0, :50, :100], cv2.resize(image, (100, 50), interpolation=cv2.INTER_AREA))
    np.testing.assert_allclose(ratio, [0.5, 0.5])


def test_refuses_another_kind_of_network() -> None:
    with pytest.raises(ModelFileError, match="landmarks"):
        CnnDetector(FakeEngine(kind="landmarks"))
    with pytest.raises(ModelFileError, match="stride8"):
        CnnDetector(FakeEngine(outputs=("points",)))


@pytest.mark.parametrize("options", [{"long_side_px": 8}, {"threshold": 0.0}, {"threshold": 1.5}])
def test_refuses_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        DetectorOptions(**options)  # type: ignore[arg-type]
