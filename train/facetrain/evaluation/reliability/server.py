"""Network camera with faults: HTTP MJPEG on the loopback interface, driven by a script of what it does when.

python -m facetrain.evaluation.reliability.server PORT FPS JOURNAL [FAULT ...]     # serves until it is killed
"""

from __future__ import annotations

import http.server
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np

from facetrack.demo_clip.clip import ClipOptions, SyntheticClip

FRAMES = 90
SIZE, OTHER_SIZE = (320, 240), (426, 240)
BOUNDARY = b"--frame\r\n"
FIRST_S = 1.0
"""Undisturbed time at the beginning of each connection."""


class FaultServer(http.server.ThreadingHTTPServer):
    """Server of /cam. faults: one for each connection in turn; later connections have none.

    sent: frames sent so far, over all connections. busy: connections whose fault is not over. journal: file that gets
    `sent` with every frame, for another process to read. with_face: the synthetic clip, else ramps of grey.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, port: int, fps: float, faults: tuple[str, ...], journal: Path | None = None, with_face: bool = True
    ) -> None:
        self.fps, self.faults = fps, list(faults)
        self.journal = None if journal is None else os.open(journal, os.O_WRONLY | os.O_CREAT)
        encode = encoded_clip if with_face else encoded_ramps
        self.jpegs = {size: encode(size) for size in (SIZE, OTHER_SIZE)}
        self.lock = threading.Lock()
        self.sent = self.busy = 0
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/cam"

    def next_fault(self) -> str:
        with self.lock:
            return self.faults.pop(0) if self.faults else ""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection: frames for FIRST_S, then its fault, then frames again where the fault leaves the connection."""

    server: FaultServer

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        kind, _, value = self.server.next_fault().partition(":")
        amount = float(value or 0)
        over = self._be_busy(bool(kind) and kind != "size")
        try:
            if not self._answer(kind, amount):
                return
            size = OTHER_SIZE if kind == "size" else SIZE
            frames = self._frames(size)
            first = int(amount) if kind == "close_after" else round(FIRST_S * self.server.fps)
            for jpeg in islice(frames, first):
                self._part(jpeg)
            if self._fault(kind, amount, next(frames)):
                over()
                for jpeg in frames:
                    self._part(jpeg)
        except OSError:
            return
        finally:
            over()

    def _be_busy(self, with_fault: bool) -> Callable[[], None]:
        """Count this connection among the busy ones; returns the function that ends that, once."""
        left = [int(with_fault)]

        def over() -> None:
            with self.server.lock:
                self.server.busy -= left[0]
                left[0] = 0

        with self.server.lock:
            self.server.busy += left[0]
        return over

    def _answer(self, kind: str, amount: float) -> bool:
        """Begin the response; returns False where there is no stream in it."""
        if kind == "status":
            self.send_error(int(amount))
            return False
        if kind == "hang_open":
            time.sleep(amount)
            return False
        if kind == "no_answer":
            return False
        if kind == "text":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>camera is starting</html>" * int(amount))
            return False
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        return True

    def _frames(self, size: tuple[int, int]) -> Iterator[bytes]:
        """Yield the clip forward and backward, at the camera's rate."""
        jpegs = self.server.jpegs[size]
        order = [*range(len(jpegs)), *range(len(jpegs) - 2, 0, -1)]
        start_s = time.perf_counter()
        for number in count():
            time.sleep(max(0.0, start_s + number / self.server.fps - time.perf_counter()))
            yield jpegs[order[number % len(order)]]

    def _part(self, jpeg: bytes) -> None:
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        self.wfile.write(BOUNDARY + head + jpeg + b"\r\n")
        self.wfile.flush()
        self.server.sent += 1
        if self.server.journal is not None:  # in place: a kill must not find it empty
            os.pwrite(self.server.journal, b"%12d" % self.server.sent, 0)

    def _fault(self, kind: str, amount: float, jpeg: bytes) -> bool:
        """Do what is wrong with this connection; returns whether it goes on afterwards."""
        rng = np.random.default_rng(0)
        if kind == "stall":
            time.sleep(amount)
            return True
        if kind == "garbage":  # seconds of noise between two pictures
            end_s = time.perf_counter() + amount
            while time.perf_counter() < end_s:
                self.wfile.write(rng.bytes(20_000))
                time.sleep(0.05)
            return True
        if kind == "garbage_parts":
            for _ in range(int(amount * self.server.fps)):
                self._part(rng.bytes(5000))
                time.sleep(1 / self.server.fps)
            return True
        if kind == "empty":
            for _ in range(int(amount)):
                self._part(b"")
            return True
        if kind == "half":  # a share of a picture, with the length of the whole or with its own
            self._part(jpeg[: int(len(jpeg) * amount)])
            return True
        if kind == "half_and_close":
            self.wfile.write(BOUNDARY + b"Content-Type: image/jpeg\r\nContent-Length: 99999\r\n\r\n" + jpeg[:2000])
            return False
        if kind == "grey":
            grey = cv2.imencode(".jpg", np.full((SIZE[1], SIZE[0]), 99, np.uint8))[1].tobytes()
            for _ in range(int(amount)):
                self._part(grey)
            return True
        if kind == "resize":
            for other in islice(self._frames(OTHER_SIZE), int(amount)):
                self._part(other)
            return True
        return kind in ("", "size")  # close, close_after: the connection ends here


@cache
def encoded_clip(size: tuple[int, int]) -> list[bytes]:
    """Render the synthetic clip as JPEG files."""
    clip = SyntheticClip(ClipOptions(size=size, fps=30.0, duration_s=FRAMES / 30))
    return [cv2.imencode(".jpg", frame.image)[1].tobytes() for frame, _ in islice(clip, FRAMES)]


@cache
def encoded_ramps(size: tuple[int, int]) -> list[bytes]:
    """Return a moving ramp of grey as JPEG files, which costs next to nothing."""
    ramp = np.tile(np.linspace(0, 255, size[0], dtype=np.uint8), (size[1], 1))
    return [cv2.imencode(".jpg", np.roll(ramp, 10 * shift, 1))[1].tobytes() for shift in range(30)]


def serve(server: FaultServer) -> threading.Thread:
    """Run the server in a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    return thread


def main() -> None:
    """Serve until the process is killed; the first line on standard output is the address."""
    port, fps, journal, *faults = sys.argv[1:]
    server = FaultServer(int(port), float(fps), tuple(faults), Path(journal) if journal else None)
    print(json.dumps({"url": server.url}), flush=True)
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
