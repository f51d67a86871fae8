"""What clients cost the live loop of `facetrack serve`, and whether anything grows; both print their figures.

    pytest -s tests/benchmarks/bench_serve.py
    FACETRACK_SOAK_S=600 pytest -s tests/benchmarks/bench_serve.py -k grows

A clip of ../shared/data plays at its own pace. The clients run in a process and session of their own: one takes
everything at once, one nothing, one a message a second, and one opens and closes sockets, ten a second. Blocks with and
without them take turns, since the machine's load changes more than they do.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import facetrack
from facetrack.capture import Camera, ReconnectingCamera
from facetrack.serve.camera import Parts, ServedCamera
from facetrack.serve.played import PlayedFile
from places import DATA, REPOSITORY
from served import Access, Clients, Server, Service, WebServer, listen

CLIP = DATA / "videos" / "talk_d10.mp4"
BLOCKS, BLOCK_S = int(os.environ.get("FACETRACK_BLOCKS", "6")), 10.0
SOAK_S = float(os.environ.get("FACETRACK_SOAK_S", "60"))
CLIENTS = """
import socket, sys, threading, time
import websocket

address, topics = sys.argv[1], "points,pose,signals,events,state,picture"

def open_one(**options):
    return websocket.create_connection(f"ws://{address}/ws?topics={topics}", suppress_origin=True, **options)

def quick():
    one = open_one(skip_utf8_validation=True)
    while True:
        one.recv()

def slow():
    one = open_one(skip_utf8_validation=True)
    while True:
        one.recv()
        time.sleep(1)

def stalled():
    while True:
        one = open_one(sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)])
        while True:  # until the server ends it, which a reader would notice
            time.sleep(1)
            try:
                one.sock.send(b"", socket.MSG_DONTWAIT)
                one.ping()
            except OSError:
                break

def opening_and_closing():
    while True:
        open_one().close(timeout=0)
        time.sleep(0.1)

for client in (quick, slow, stalled, opening_and_closing):
    def forever(client=client):
        while True:
            try:
                client()
            except Exception:
                time.sleep(0.2)
    threading.Thread(target=forever, daemon=True).start()
sys.stdin.read()
"""

pytestmark = [
    pytest.mark.data, pytest.mark.net, pytest.mark.slow,
]  # fmt: skip


@pytest.fixture
def server():
    sys.setswitchinterval(0.001)

    def build(engine: str) -> facetrack.FaceTracker:
        return facetrack.FaceTracker.from_weights(engine="onnx")

    def reopen(source: str = "") -> Camera:
        return Camera("clip", grabber=PlayedFile(CLIP))

    source = ReconnectingCamera(reopen(), reopen, None, print)
    camera = ServedCamera(Parts("camera", str(CLIP), source, build("onnx"), build))
    listening, access = listen(Access(port=0))
    service = Service({"camera": camera}, Clients(1), build, reopen)
    with WebServer(service, access, listening):
        camera.start()
        running = Server(service, access, None, [])
        running.wait(lambda: camera.feed.figures.frames > 30, 120)
        yield running
        camera.stop()
        camera.join()


class FourClients:
    """The clients, in a process of their own while the context lasts."""

    def __init__(self, address: str) -> None:
        self._words = [sys.executable, "-c", CLIENTS, address]

    def __enter__(self) -> None:
        self._process = subprocess.Popen(self._words, stdin=subprocess.PIPE, cwd=REPOSITORY, start_new_session=True)
        time.sleep(3.0)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        time.sleep(1.0)


def block(server: Server) -> np.ndarray:
    """Latencies, ms, of the frames of the next BLOCK_S."""
    latencies = server.camera.loop.latency_ms
    first = len(latencies)
    time.sleep(BLOCK_S)
    return np.array(latencies[first:])


def test_four_clients_and_none_take_turns(server):
    pytest.importorskip("websocket", reason="needs websocket-client")
    none, four = [], []
    for _ in range(BLOCKS):
        none.append(block(server))
        with FourClients(server.host):
            four.append(block(server))
    for name, blocks in (("no client", none), ("four clients", four)):
        times = np.concatenate(blocks)
        p95 = [float(np.quantile(part, 0.95)) for part in blocks if len(part)]
        print(f"\n{name}: {len(times)} frames, p50 {np.median(times):.1f} ms, p95 {np.quantile(times, 0.95):.1f} ms, "
              f"p95 by block {', '.join(f'{value:.1f}' for value in p95)}; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    ratio = np.quantile(np.concatenate(four), 0.95) / np.quantile(np.concatenate(none), 0.95)
    print(f"p95 with four clients over p95 with none: {ratio:.2f}")


def kept() -> tuple[int, int, int]:
    """Resident memory in MB, threads, and open sockets of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    sockets = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            sockets += os.readlink(entry).startswith("socket:")
        except OSError:
            continue
    return pages * resource.getpagesize() >> 20, threading.active_count(), sockets


def test_nothing_grows(server):
    pytest.importorskip("websocket", reason="needs websocket-client")
    with FourClients(server.host):
        samples = []
        until_s = time.monotonic() + SOAK_S
        while time.monotonic() < until_s:
            time.sleep(min(10.0, SOAK_S / 6))
            samples.append(kept())
            print(f"\n{samples[-1][0]} MB, {samples[-1][1]} threads, {samples[-1][2]} sockets, "
                  f"{server.camera.feed.figures.frames} frames, load {os.getloadavg()[0]:.1f}", end="")  # fmt: skip
    server.wait(lambda: sum(server.service.clients.counts.values()) == 0, 60)
    after = kept()
    print(f"\nafter the clients: {after[0]} MB, {after[1]} threads, {after[2]} sockets")
    third = max(1, len(samples) // 3)
    early, late = np.array(samples[:third]), np.array(samples[-third:])
    assert late[:, 0].mean() <= early[:, 0].mean() + 15
    assert late[:, 1].max() <= early[:, 1].max() + 1
    assert late[:, 2].max() <= early[:, 2].max() + 4
