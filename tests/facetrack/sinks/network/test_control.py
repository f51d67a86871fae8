"""The neutral on command."""

import socket
import struct
import time

import pytest
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.sinks.network import Broadcast
from facetrack.sinks.network.control import ControlInput
from facetrack.sinks.network.opentrack import OpentrackOutput
from made_faces import frame, made_face, posed
from sockets import Receiver, free_port


def test_the_command_takes_the_neutral():
    address = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    with Receiver() as receiver, Broadcast([OpentrackOutput(receiver.address), ControlInput(address)]) as sink:
        sink.write(frame(0), [made_face(posed(20))])
        done = CliRunner().invoke(app, ["neutral", address])
        assert done.exit_code == 0, done.output
        time.sleep(0.05)
        sink.write(frame(10), [made_face(posed(20))])
        packets = receiver.wait(2)
    assert struct.unpack("<6d", packets[1]) == pytest.approx((0.0,) * 6, abs=1e-9)
