"""Which of several ways is faster here: in turns, so that whatever else the machine does slows all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

WARM_UP = 3
"""Rounds before the first that counts: runtimes set up their memory then."""


def interleaved_ms(
    ways: Mapping[str, Callable[[], object]],
    seconds: float = 1.0,
    timer: Callable[[], float] = time.perf_counter,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median time of each way in ms, each called once a round, until `seconds` are over; three rounds at the least.

    timer: what each call is timed by, in seconds. `time.process_time` counts what the processor worked: for one thread
    that is the time on an idle machine, however busy this one is. clock: what `seconds` are counted by.
    """
    for _ in range(WARM_UP):
        for run in ways.values():
            run()
    times: dict[str, list[float]] = {name: [] for name in ways}
    start = clock()
    rounds = 0
    while rounds < 3 or clock() - start < seconds:
        for name, run in ways.items():
            began = timer()
            run()
            times[name].append(timer() - began)
        rounds += 1
    return {name: 1000 * statistics.median(taken) for name, taken in times.items()}
