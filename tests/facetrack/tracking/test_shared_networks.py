"""Readers of landmarks and of eyes that trackers in several threads share."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from facetrack import topology
from facetrack.eyes import EyeReader
from facetrack.geometry import CropBox
from facetrack.landmarker import Landmarker
from facetrack.modelfile import EYES_SIZE, TRACKER_OUTPUTS

N = topology.N_POINTS
OUTPUTS = {"points": (N, 2), "sigma": (N,), "presence": (), "eyes": (2, EYES_SIZE)}
SPEC = {
    "input_px": 64, "name": "staged", "margin": 1.3, "topology": topology.SCHEME,
    "outputs": dict.fromkeys(TRACKER_OUTPUTS, ""),
}  # fmt: skip
FACE = np.zeros((N, 2), np.float32)
FACE[list(topology.RIGHT_EYE)] = [(60 + 4 * i, 80) for i in range(6)]
FACE[list(topology.LEFT_EYE)] = [(120 + 4 * i, 80) for i in range(6)]


@pytest.mark.parametrize(
    ("kind", "reader", "what"), [("landmarks", Landmarker, CropBox(50, 50, 20)), ("eyes", EyeReader, FACE)]
)
def test_trackers_in_two_threads_may_share_a_reader(kind, reader, what):
    """The batch is one buffer: without a lock the crops of one picture reach the network in the other's call."""
    mixed = []

    def run(batch):
        before = batch.copy()
        time.sleep(0.002)
        mixed.append(not (batch == before).all() or len(np.unique(batch)) > 1)
        return {name: np.zeros((len(batch), *shape), np.float32) for name, shape in OUTPUTS.items()}

    run.spec = SimpleNamespace(kind=kind, **SPEC)
    read = reader(run)
    read(np.zeros((160, 200, 3), np.uint8), [what] * 4)

    def pictures_of(value):
        for _ in range(20):
            read(np.full((160, 200, 3), value, np.uint8), [what] * 4)

    threads = [threading.Thread(target=pictures_of, args=(value,)) for value in (50, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mixed) == 41
    assert not any(mixed)
