"""Sixty faults of a network camera, each against a server of its own on the loopback interface."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from facetrack.capture import Camera
from facetrain.evaluation.reliability.follow import NobodyTracker, Outcome, Outputs, follow
from facetrain.evaluation.reliability.server import FaultServer, serve

FPS = 10.0
AGAIN = 10
"""Frames after the fault that count as followed again."""
LIMIT_S = 45.0
HANG_S = 20.0
"""Time to stop from which on a run counts as hanging. How fast a signal ends it is tested with one fault at a time."""


@dataclass(frozen=True, slots=True)
class StreamFault:
    """One fault. connections: what the server does with each connection in turn (`server.Handler`).

    down_s: time for which the server is gone altogether, after the first connection has ended.
    """

    name: str
    connections: tuple[str, ...]
    down_s: float = 0.0


def faults() -> list[StreamFault]:
    """Return all stream faults."""
    single = {
        "close": ("",),
        "close_after": ("2", "3", "5", "8", "12", "20"),
        "stall": ("0.5", "1", "2", "4", "6", "8", "12", "20"),
        "garbage": ("0.2", "1", "3", "10"),
        "garbage_parts": ("0.2", "1", "3", "10"),
        "empty": ("1", "2", "10", "100"),
        "half": ("0.05", "0.2", "0.5", "0.8", "0.95", "0.99"),
        "half_and_close": ("",),
        "grey": ("1", "10", "30"),
        "resize": ("1", "10", "30"),
    }
    found = [
        StreamFault(f"{kind} {value}".strip(), (f"{kind}:{value}",))
        for kind, values in single.items()
        for value in values
    ]
    second = ("status:401", "status:404", "status:500", "status:503", "hang_open:2", "hang_open:8", "no_answer",
              "text:1", "text:1000", "size")  # fmt: skip
    found += [StreamFault(f"close, then {kind.replace(':', ' ')}", ("close", kind)) for kind in second]
    found += [
        StreamFault("close, three times", ("close",) * 3),
        StreamFault("stall 20, then hang_open 8 twice", ("stall:20", "hang_open:8", "hang_open:8")),
        StreamFault("stall 6, then another size", ("stall:6", "size")),
        StreamFault("garbage 3, then close, then another size", ("garbage:3", "close", "size")),
        StreamFault("half a picture, closed, three times no answer", ("half_and_close", *("no_answer",) * 3)),
        StreamFault("empty 10, closed, refused twice", ("empty:10", "status:503", "status:503")),
        StreamFault("killed, back after 1 s", ("close",), 1.0),
        StreamFault("killed, back after 5 s", ("close",), 5.0),
        StreamFault("killed, back after 12 s", ("close",), 12.0),
        StreamFault("killed, back after 5 s with another size", ("close", "size"), 5.0),
    ]
    return found


def run(fault: StreamFault) -> Outcome:
    """Follow a server with one fault until AGAIN frames after it."""
    server = FaultServer(0, FPS, fault.connections, with_face=False)
    serve(server)
    url = server.url
    servers = [server]
    sizes: list[tuple[float, int]] = []

    def reopen() -> Camera:
        if fault.down_s and len(servers) == 1:
            return _down(fault, servers, url)
        return Camera(url)

    def is_over(tracker: NobodyTracker) -> bool:
        left = len(servers[-1].faults) + servers[-1].busy
        if not left and not sizes:
            sizes.append((time.perf_counter(), len(tracker.times_s)))
        return bool(sizes) and len(tracker.times_s) >= sizes[0][1] + AGAIN

    try:
        with tempfile.TemporaryDirectory() as folder:
            outcome = follow(Camera(url), reopen, Outputs(Path(folder)), is_over, LIMIT_S)
    except Exception as error:  # a fault that ends the run is a row of the table, not the end of it
        return Outcome(0, 0, 0, 0, 0, 0, 0.0, 0.0, failure=repr(error))
    finally:
        for each in servers:
            each.shutdown()
            each.server_close()
    return replace(outcome, after=outcome.followed - (sizes[0][1] if sizes else outcome.followed))


def _down(fault: StreamFault, servers: list[FaultServer], url: str) -> Camera:
    """Take the server away for down_s, then connect to another one on its port."""
    first = servers[0]
    first.shutdown()
    first.server_close()
    time.sleep(fault.down_s)
    port = int(url.rpartition(":")[2].partition("/")[0])
    servers.append(FaultServer(port, FPS, tuple(first.faults), with_face=False))
    serve(servers[-1])
    return Camera(url)


def run_all(chosen: Sequence[StreamFault], at_once: int) -> list[Outcome]:
    """Run the faults, several at once: they mostly wait."""
    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(run, chosen))


def verdict(outcome: Outcome) -> str:
    """Return "ok", or what is wrong."""
    counts = {outcome.followed, outcome.lines, outcome.rows, outcome.recorded}
    if outcome.failure:
        return outcome.failure
    if outcome.after < AGAIN:
        return "not followed again"
    if len(counts) > 1:
        return f"followed {outcome.followed}, lines {outcome.lines}, rows {outcome.rows}, recorded {outcome.recorded}"
    if len(outcome.log) != outcome.outages:
        return f"{outcome.outages} outages, {len(outcome.log)} lines of log"
    return "ok" if outcome.stop_s <= HANG_S else f"stopped after {outcome.stop_s:.1f} s"
