"""Interleaved timing of several functions, so that other load on the machine affects all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

WARM_UP = 3
"""Rounds before the measurement, in which runtimes allocate their memory."""


def interleaved_ms(
    ways: Mapping[str, Callable[[], object]],
    seconds: float = 1.0,
    timer: Callable[[], float] = time.perf_counter,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the median duration of each function in ms, each called once a round for `seconds`, three rounds or more.

    timer: timer of the calls, in seconds. `time.process_time` counts CPU time: for one thread that is the duration on
        an idle machine, whatever the load of this one.
    clock: timer of `seconds`.
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
    return {name: 1000 * statistics.median(durations) for name, durations in times.items()}
