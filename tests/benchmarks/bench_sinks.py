"""CPU time of all protocols together, against that of the loop around them, in one run.

pytest -s tests/benchmarks/bench_sinks.py     # the name keeps it out of the default run
"""

import socket
import time

import numpy as np
import pytest

from facetrack import FaceTracker
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.sinks.network import Broadcast
from facetrack.sinks.network.control import ControlInput
from facetrack.sinks.network.ifacialmocap import IFacialMocapOutput
from facetrack.sinks.network.livelink import LiveLinkOutput
from facetrack.sinks.network.opentrack import OpentrackOutput
from facetrack.sinks.network.osf import OsfOutput
from facetrack.sinks.network.vmc import VmcOutput
from sockets import free_port

pytestmark = pytest.mark.net

MOST = 0.10
"""Share of the loop's CPU time that all sinks together may take."""


def test_sinks_cost_a_tenth_of_the_loop_at_most():
    frames = [frame for frame, _ in SyntheticClip(ClipOptions(duration_s=3.0, fps=30))]
    tracker, port = FaceTracker.from_weights(), free_port(socket.SOCK_DGRAM)
    protocols = (OsfOutput, VmcOutput, IFacialMocapOutput, LiveLinkOutput, OpentrackOutput)
    outputs = [make(f"127.0.0.1:{port}") for make in protocols]
    loop_s, sinks_s = [], []
    with Broadcast([*outputs, ControlInput(f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}")]) as sink:
        for frame in frames:
            started_s = time.thread_time()
            faces = tracker.update(frame)
            tracked_s = time.thread_time()
            sink.write(frame, faces, tracker.events)
            loop_s.append(tracked_s - started_s)
            sinks_s.append(time.thread_time() - tracked_s)
    assert len(faces) == 1
    share = np.median(sinks_s) / np.median(loop_s)
    found = f"sinks {1e3 * np.median(sinks_s):.3f} ms a frame, tracking {1e3 * np.median(loop_s):.2f} ms"
    print(f"{found}: {share:.1%}")
    assert share < MOST
