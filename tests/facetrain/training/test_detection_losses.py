"""Losses and metrics of the detector against values computed by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from facetrain.metrics import detection as metrics  # noqa: E402
from facetrain.models.detector import OUTPUTS, STRIDES, DetectorNet, DetectorNetOptions, decode  # noqa: E402
from facetrain.training.detection_losses import (  # noqa: E402
    DetectionLossOptions,
    Truth,
    assign,
    detection_loss,
    giou,
    keypoint_distance,
    quality_focal,
)

SIDE = 128
NONE = np.zeros((0, 4), np.float32)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: for networks this small, synchronisation costs more than a second thread gains."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def blank_maps(images: int = 1) -> dict[str, torch.Tensor]:
    """Raw maps without any face."""
    maps = {}
    for name, stride in zip(OUTPUTS, STRIDES, strict=True):
        maps[name] = torch.zeros(images, 15, SIDE // stride, SIDE // stride)
        maps[name][:, 0] = -14.0
    return maps


def batch_of(boxes: list[list[float]], kinds: list[int], points: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
    """Batch of one image."""
    known = torch.full((1, len(boxes), 5, 2), math.nan) if points is None else points
    return {
        "image": torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8),
        "boxes": torch.tensor([boxes], dtype=torch.float32),
        "keypoints": known,
        "kind": torch.tensor([kinds]),
    }


def plant(maps: dict[str, torch.Tensor], box: list[float], points: torch.Tensor, row: int, column: int) -> None:
    """Write a perfect prediction into a cell of stride 8, whose centre is ((column + 1/2) 8 - 1/2, ..)."""
    centre = torch.tensor([(column + 0.5) * 8 - 0.5, (row + 0.5) * 8 - 0.5])
    cell = maps["stride8"][0, :, row, column]
    cell[0] = 14.0
    cell[1:3] = (torch.tensor([box[0] + box[2], box[1] + box[3]]) / 2 - centre) / 8
    cell[3:5] = torch.tensor([box[2] - box[0], box[3] - box[1]]).div(8).log()
    cell[5:] = ((points - centre) / 8).flatten()


def test_perfect_prediction_costs_nothing() -> None:
    box = [40.0, 44.0, 60.0, 68.0]
    points = torch.tensor([[44.0, 50.0], [56.0, 50.0], [50.0, 56.0], [46.0, 62.0], [54.0, 62.0]])
    maps = blank_maps()
    plant(maps, box, points, row=6, column=5)  # the cell's centre is (43.5, 51.5), near the box's (50, 56)
    losses = detection_loss(maps, batch_of([box], [1], points[None, None]), DetectionLossOptions(top=1))
    assert set(losses) == {"total", "score", "box", "keypoints"}
    assert all(abs(float(value)) < 1e-4 for value in losses.values())


def test_an_image_without_faces_costs_only_its_false_alarms() -> None:
    maps = blank_maps()
    correct = detection_loss(maps, batch_of([[0.0] * 4], [0]))
    assert float(correct["total"]) < 1e-4
    maps["stride16"][0, 0, 3, 3] = 0.0
    false_alarm = detection_loss(maps, batch_of([[0.0] * 4], [0]))
    # p = 1/2 where the target is 0: |0 - 1/2|^2 * log 2.
    assert float(false_alarm["score"]) == pytest.approx(0.25 * math.log(2), rel=1e-3)
    assert float(false_alarm["box"]) == 0.0


def test_ignored_regions_cost_nothing() -> None:
    maps = blank_maps()
    maps["stride16"][0, 0, 3, 3] = 5.0  # centre (55.5, 55.5)
    assert float(detection_loss(maps, batch_of([[40.0, 40.0, 70.0, 70.0]], [2]))["total"]) < 1e-4
    assert float(detection_loss(maps, batch_of([[80.0, 40.0, 99.0, 70.0]], [2]))["total"]) > 1.0


def test_giou_by_hand() -> None:
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 1, 1]])
    b = torch.tensor([[1.0, 1, 3, 3], [0, 0, 2, 2], [2, 0, 3, 1]])
    # 1/7 - (9 - 7)/9; the same box; no overlap in a hull of 3, union 2.
    torch.testing.assert_close(giou(a, b), torch.tensor([1 / 7 - 2 / 9, 1.0, -1 / 3]))


def test_quality_focal_by_hand() -> None:
    loss = quality_focal(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.5]), 2.0)
    torch.testing.assert_close(loss, torch.tensor([0.25 * math.log(2), 0.0]))


def test_unknown_keypoints_do_not_count() -> None:
    truth = torch.full((1, 5, 2), math.nan)
    truth[0, 2] = torch.tensor([10.0, 20.0])
    points = torch.zeros(1, 5, 2)
    points[0, 2] = torch.tensor([13.0, 20.0])
    box = torch.tensor([[0.0, 0.0, 30.0, 30.0]])
    # 3 px of a side of 30 is one tenth: smooth L1 of 1 is 1/2, and of 0 is 0.
    assert float(keypoint_distance(points, truth, box)) == pytest.approx((0.5 + 0.0) / 2 * 0.5)
    points.requires_grad_(True)
    keypoint_distance(points, torch.full((1, 5, 2), math.nan), box).sum().backward()
    assert torch.isfinite(points.grad).all()


def test_every_face_has_a_cell_of_its_own_wherever_it_is() -> None:
    rng = np.random.default_rng(3)
    maps = DetectorNet().eval()(torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8))
    for side in (8.0, 12.0, 30.0, 90.0, 125.0):
        for _ in range(10):
            x, y = rng.uniform(-side / 3, SIDE - side / 2, 2)
            truth = Truth.of(batch_of([[x, y, x + side, y + side * 1.2]], [1]))
            assignment = assign(decode(maps), truth, DetectionLossOptions())
            assert (assignment.face == 0).any()
            assert float(assignment.target.max()) == pytest.approx(1.0)
            assert assignment.counted.all()


def test_neighbours_keep_their_own_cells() -> None:
    boxes = [[20.0, 40.0, 50.0, 76.0], [56.0, 40.0, 86.0, 76.0]]
    maps = DetectorNet().eval()(torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8))
    predicted = decode(maps)
    assignment = assign(predicted, Truth.of(batch_of(boxes, [1, 1])), DetectionLossOptions())
    for index, box in enumerate(boxes):
        centres = predicted.centres[assignment.face[0] == index]
        assert len(centres)
        assert ((centres[:, 0] > box[0]) & (centres[:, 0] < box[2])).all()


def test_network_takes_any_multiple_of_32() -> None:
    maps = DetectorNet().eval()(torch.zeros(2, 64, 96, 3, dtype=torch.uint8))
    assert [tuple(maps[name].shape) for name in OUTPUTS] == [(2, 15, 8, 12), (2, 15, 4, 6), (2, 15, 2, 3)]


def test_a_small_network_overfits_one_image() -> None:
    torch.manual_seed(0)
    net = DetectorNet(DetectorNetOptions(8, (8, 16, 16, 16), (0, 1, 1, 1), 16, 3))
    batch = batch_of([[40.0, 44.0, 60.0, 68.0]], [1])
    batch["image"] = torch.randint(0, 256, (1, SIDE, SIDE, 3), dtype=torch.uint8)
    batch = {name: torch.cat([value, value]) for name, value in batch.items()}
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3)
    losses = []
    for _ in range(15):
        loss = detection_loss(net(batch["image"]), batch)["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_matching_counts_each_face_once_and_skips_ignored_regions() -> None:
    truth = np.array([[0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [100, 100, 110, 110], [200, 0, 210, 10]], np.float32)
    ignored = np.array([[95, 95, 120, 120]], np.float32)
    matches = metrics.match(boxes, np.array([0.9, 0.8, 0.7, 0.6], np.float32), truth, ignored)
    np.testing.assert_allclose(matches.scores, [0.9, 0.8, 0.6])  # the third lies in the ignored region
    np.testing.assert_array_equal(matches.hit, [True, False, False])
    np.testing.assert_allclose(matches.found_at, [0.9, 0.0])


def test_threshold_and_recall_at_a_rate_of_false_alarms() -> None:
    empty = [
        metrics.match(np.array([[0, 0, 9, 9]], np.float32), np.array([s], np.float32), NONE, NONE)
        for s in (0.9, 0.4, 0.3, 0.2)
    ]
    assert metrics.threshold_at(empty, 0.25) == pytest.approx(0.4)  # one false alarm in four images: only .9 is above
    assert metrics.threshold_at(empty, 0.0) == pytest.approx(0.9)
    assert metrics.threshold_at(empty, 2.0) == 0.0
    box = np.array([[0, 0, 9, 9]], np.float32)
    detected = [metrics.match(box, np.array([s], np.float32), box, NONE) for s in (0.95, 0.5, 0.1)]
    assert metrics.recall_above(detected, 0.4) == pytest.approx(2 / 3)


def test_average_precision_by_hand() -> None:
    box, other = np.array([[0, 0, 9, 9]], np.float32), np.array([[30, 30, 39, 39]], np.float32)
    images = [
        metrics.match(box, np.array([0.9], np.float32), box, NONE),
        metrics.match(other, np.array([0.8], np.float32), box, NONE),
        metrics.match(box, np.array([0.7], np.float32), box, NONE),
    ]
    # Three faces, hits at ranks 1 and 3: precision 1 over a third of the recall, 2/3 over the next, 0 over the last.
    assert metrics.average_precision(images) == pytest.approx((1 + 2 / 3) / 3)
