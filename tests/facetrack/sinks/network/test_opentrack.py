"""opentrack's 48 bytes, read as tracker-udp does, and the golden vectors."""

import struct

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.sinks.network import Broadcast
from facetrack.sinks.network.opentrack import OpentrackOutput
from golden import POSES
from made_faces import frame, made_face, posed, rotation
from sockets import Receiver


def sent(*frames, neutral=None, mirror=False):
    with Receiver() as receiver, Broadcast([OpentrackOutput(receiver.address)], mirror=mirror) as sink:
        for i, faces in enumerate(frames):
            if i == neutral:
                sink.take_neutral()
            sink.write(frame(i), faces)
        packets = receiver.wait(sum(bool(faces) for faces in frames))
        assert {len(packet) for packet in packets} == {48}
        return [struct.unpack("<6d", packet) for packet in packets]


@pytest.mark.parametrize("row", POSES, ids=lambda row: str(row[0]))
@pytest.mark.parametrize("mirror", [False, True])
def test_golden_pose_which_mirroring_leaves(row, mirror):
    [found] = sent([made_face(posed(*row[0], (50, -30, 700)))], mirror=mirror)
    assert found == pytest.approx((5.0, 3.0, 70.0, *row[3]), abs=1e-9)


def test_nothing_is_sent_without_a_face_or_pose():
    blind = made_face()
    blind = type(blind)(1, blind.box, blind.landmarks, 0.9, None, blind.signals)
    with Receiver() as receiver, Broadcast([OpentrackOutput(receiver.address)]) as sink:
        for i, faces in enumerate(([made_face()], [], [blind], [made_face()])):
            sink.write(frame(i), faces)
        receiver.wait(2)
        assert len(receiver.packets) == 2


def test_the_neutral_is_the_origin():
    turn = (12.0, -7.0, 4.0)
    faces = [made_face(posed(*turn, (10, 20, 650))), made_face(posed(30, 5, 0, (40, 20, 600)))]
    first, second = sent([faces[0]], [faces[1]], neutral=0)
    assert first == pytest.approx((0.0,) * 6, abs=1e-9)
    assert second[:3] == pytest.approx((3.0, 0.0, -5.0))
    relative = rotation(*turn).inv() * rotation(30, 5, 0)
    yaw, pitch, roll = relative.as_euler("YXZ", degrees=True)
    assert second[3:] == pytest.approx((yaw, -pitch, roll), abs=1e-6)
    assert isinstance(relative, Rotation)
    assert np.isfinite(second).all()
