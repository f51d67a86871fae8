"""Addresses of the command line, and datagrams that hold nothing up."""

import socket
import time

import pytest

from facetrack.errors import OutputError
from facetrack.sinks.network import Broadcast
from facetrack.sinks.network.opentrack import OpentrackOutput
from facetrack.sinks.network.osf import OsfOutput
from facetrack.sinks.transport.address import Address, parse_address
from facetrack.sinks.transport.udp import UdpListener
from made_faces import nodding
from sockets import free_port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("default", Address("127.0.0.1", 4242)),
        ("10.0.0.7", Address("10.0.0.7", 4242)),
        ("studio:99", Address("studio", 99)),
        (":99", Address("127.0.0.1", 99)),
        ("[::1]:99", Address("::1", 99)),
        ("[::1]", Address("::1", 4242)),
        ("::1", Address("::1", 4242)),
    ],
)
def test_addresses(text, expected):
    assert parse_address(text, 4242, "--opentrack") == expected


@pytest.mark.parametrize("text", ["host:port", "host:0", "host:70000", "host:", "a b", "udp://host:1"])
def test_other_text_is_one_sentence(text):
    with pytest.raises(OutputError, match=r"--opentrack is .*expected HOST, HOST:PORT or default"):
        parse_address(text, 4242, "--opentrack")


def test_an_unknown_host_is_named():
    with pytest.raises(OutputError, match=r"--osf: the host no-such-host\.invalid is not known"):
        OsfOutput("no-such-host.invalid")


def test_a_peer_that_is_not_there_costs_nothing(caplog):
    address = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    frames = nodding(60)
    with Broadcast([OsfOutput(address), OpentrackOutput(address)]) as sink:
        started_s = time.perf_counter()
        for item in frames:
            sink.write(*item)
        assert time.perf_counter() - started_s < 1.0
    assert len(caplog.records) <= 2


def test_a_port_that_is_taken_is_named():
    port = free_port(socket.SOCK_DGRAM)
    first = UdpListener(Address("127.0.0.1", port), "--control")
    with pytest.raises(OutputError, match=f"--control cannot listen on 127.0.0.1:{port}"):
        UdpListener(Address("127.0.0.1", port), "--control")
    first.close()


def test_paused_sends_nothing():
    from sockets import Receiver

    with Receiver() as receiver, Broadcast([OpentrackOutput(receiver.address)]) as sink:
        for i, item in enumerate(nodding(10)):
            if i in (3, 8):
                sink.pause()
            sink.write(*item)
        receiver.wait(5)
        time.sleep(0.05)
        assert len(receiver.packets) == 5
