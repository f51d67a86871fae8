"""Inference on a device, run on the CPU: batches and padding, programs built once, locking, ownership of outputs."""

import threading
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, of the extra train")

from facetrack.engine.device import DeviceNetwork, Download, Lane, Upload
from facetrack.engine.packing import unpacked

ITEMS = {"mean": (), "two": (2,)}


class Networks:
    """Factory of fake networks of one batch shape each; their outputs are every crop's mean and two of its values.

    As with a recorded graph, all calls return the same memory.
    """

    def __init__(self):
        self.made, self.runs = [], 0

    def make(self, shape):
        self.made.append(shape)
        memory = torch.zeros((shape[0], 3))

        def run(crops):
            assert crops.shape == shape
            assert crops.dtype == torch.uint8
            self.runs += 1
            single = crops.float()
            memory.copy_(torch.cat([single.mean(dim=(1, 2, 3))[:, None], single[:, :2, 0, 0]], dim=1))
            return memory

        return run

    def on_device(self, input_px=None, sizes=(1, 2, 4, 8)):
        return DeviceNetwork(self.make, lambda shape: ITEMS, input_px, "cpu", sizes)


def crops_of(count, height=4, width=6):
    return np.stack([np.full((height, width, 3), 10 * i + 1, np.uint8) for i in range(count)])


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 11, 21])
def test_padding_is_dropped_and_the_order_kept(count):
    outputs = Networks().on_device()(crops_of(count))
    np.testing.assert_array_equal(outputs["mean"], 10 * np.arange(count) + 1)
    np.testing.assert_array_equal(outputs["two"], np.repeat(10 * np.arange(count)[:, None] + 1, 2, axis=1))


def test_a_program_is_made_once_for_each_shape():
    networks = Networks()
    run = networks.on_device(sizes=(4, 1))
    for count, side in ((1, 4), (3, 4), (4, 4), (5, 4), (2, 8)):
        run(crops_of(count, side, side))
    assert networks.made == [(1, 4, 4, 3), (4, 4, 4, 3), (4, 8, 8, 3)]


def test_with_one_size_of_crop_all_are_made_before_the_first_frame():
    networks = Networks()
    run = networks.on_device(input_px=4)
    assert networks.made == [(1, 4, 4, 3), (2, 4, 4, 3), (4, 4, 4, 3), (8, 4, 4, 3)]
    run(crops_of(3, 4, 4))
    assert len(networks.made) == 4
    assert networks.runs == 1


def test_a_later_call_does_not_write_over_what_an_earlier_one_gave():
    run = Networks().on_device()
    first = run(crops_of(1))
    run(crops_of(1) + 7)
    assert first["mean"][0] == 1


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Networks().on_device()(np.zeros((0, 4, 4, 3), np.uint8))


def test_a_second_thread_waits():
    inside, concurrency = [], []

    def make(shape):
        def run(crops):
            inside.append(1)
            concurrency.append(len(inside))
            time.sleep(0.02)
            inside.pop()
            return torch.zeros((len(crops), 3))

        return run

    run = DeviceNetwork(make, lambda shape: ITEMS, None, "cpu", (1,))
    threads = [threading.Thread(target=run, args=(crops_of(1),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(concurrency) == 4
    assert max(concurrency) == 1


def test_the_host_buffer_is_reused_and_grows():
    lane = Lane("cpu")
    up, down = Upload(lane, "uint8"), Download(lane)
    for shape in ((2, 3), (4, 5), (1, 2)):
        values = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
        sent = up(values[::-1])  # a view with negative strides
        np.testing.assert_array_equal(sent.numpy(), values[::-1])
        back = down(sent.float())
        np.testing.assert_array_equal(back, values[::-1])
    assert up.room((1,)).untyped_storage().nbytes() == 20
    kept = down(torch.ones(3))
    down(torch.zeros(3))
    assert kept.tolist() == [1, 1, 1]


def test_packed_outputs_are_unpacked():
    row = np.arange(12, dtype=np.float32).reshape(2, 6)
    outputs = unpacked(row, {"points": (2, 2), "presence": (), "sigma": (1,)})
    np.testing.assert_array_equal(outputs["points"], [[[0, 1], [2, 3]], [[6, 7], [8, 9]]])
    np.testing.assert_array_equal(outputs["presence"], [4, 10])
    np.testing.assert_array_equal(outputs["sigma"], [[5], [11]])
