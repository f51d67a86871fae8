"""Batches in two halves on two cores: the same outputs, in order, and what an error in a half does."""

import os
import threading

import numpy as np
import pytest

from facetrack.engine import halves
from facetrack.engine.halves import InHalves
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import ModelFileError
from facetrack.modelfile import bundled_path


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(halves, "available_cores", lambda: 2)


class Doubled:
    """Network that doubles its pictures' first px and notes its batches' sizes and threads."""

    def __init__(self):
        self.calls = []

    def __call__(self, batch):
        self.calls.append((len(batch), threading.current_thread().name))
        if (batch == 255).any():
            raise ModelFileError("a white px")
        return {"value": 2.0 * batch[:, 0, 0, :1].astype(np.float32)}


def batch(count):
    return np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 13])
def test_the_outputs_are_those_of_one_batch_in_order(count):
    network = Doubled()
    found = InHalves(network)(batch(count))
    assert found["value"][:, 0].tolist() == [2 * i for i in range(count)]
    assert sum(size for size, _ in network.calls) == count
    assert len({name for _, name in network.calls}) == (1 if count < 4 else 2)


def test_one_core_has_one_thread(monkeypatch):
    monkeypatch.setattr(halves, "available_cores", lambda: 1)
    network = Doubled()
    InHalves(network)(batch(8))
    assert network.calls == [(8, threading.current_thread().name)]


@pytest.mark.parametrize("bad", [0, 7])
def test_an_error_in_either_half_is_the_callers(bad):
    network = InHalves(Doubled())
    pictures = batch(8)
    pictures[bad] = 255
    with pytest.raises(ModelFileError, match="white"):
        network(pictures)
    assert network(batch(4))["value"][3, 0] == 6  # and the next batch runs


def test_a_landmark_network_gives_the_same_bits_in_halves(monkeypatch):
    engine = OnnxEngine(bundled_path("landmarks68"))
    crops = np.random.default_rng(0).integers(0, 256, (6, 112, 112, 3), dtype=np.uint8)
    together = engine(crops)
    for index in range(6):
        alone = engine(crops[index : index + 1])
        for name, values in together.items():
            assert values[index] == pytest.approx(alone[name][0], abs=1e-4)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are never forked on this system")
def test_a_forked_process_has_a_thread_of_its_own():
    network = InHalves(Doubled())
    network(batch(8))
    child = os.fork()
    if child == 0:
        os._exit(0 if network(batch(8))["value"][7, 0] == 14 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
