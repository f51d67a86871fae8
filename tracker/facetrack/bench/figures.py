"""Results of the benchmark, for tables and JSON; in milliseconds per frame unless a name says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facetrack.bench.stages import STAGES, Elapsed


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Median, 95th and 99th percentile, linear between neighbours (Hyndman and Fan's type 7)."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Percentiles:
        return cls(*(float(value) for value in np.percentile(values, [50, 95, 99])))


@dataclass(frozen=True, slots=True)
class StageFigures:
    """Durations of one stage.

    frames_share: share of the frames in which the stage ran, 0..1.
    wall_ms, cpu_ms: over the frames in which the stage ran.
    mean_cpu_ms: over all frames; the stages' means add up to the frame's.
    """

    stage: str
    frames_share: float
    wall_ms: Percentiles
    cpu_ms: Percentiles
    mean_cpu_ms: float


@dataclass(frozen=True, slots=True)
class MethodFigures:
    """Durations of one method's whole frames and, if they were timed (in separate rounds), of its stages.

    faces: mean number of faces per frame.
    frames_per_s: throughput with all frames in memory.
    cpu_per_wall: CPU seconds per second.
    """

    name: str
    frames: int
    faces: float
    wall_ms: Percentiles
    cpu_ms: Percentiles
    frames_per_s: float
    cpu_per_wall: float
    stages: tuple[StageFigures, ...] = ()


def method_figures(
    name: str, whole: Sequence[Elapsed], faces: Sequence[int], staged: Sequence[Mapping[str, Elapsed]] = ()
) -> MethodFigures:
    """Summarise the measurements of one method.

    whole: duration of each frame.
    faces: number of faces in each frame.
    staged: durations by stage of each frame whose stages were timed.
    """
    wall_s, cpu_s = sum(elapsed.wall_s for elapsed in whole), sum(elapsed.cpu_s for elapsed in whole)
    return MethodFigures(
        name,
        len(whole),
        float(np.mean(faces)),
        Percentiles.of([1000 * elapsed.wall_s for elapsed in whole]),
        Percentiles.of([1000 * elapsed.cpu_s for elapsed in whole]),
        len(whole) / wall_s,
        cpu_s / wall_s,
        tuple(_stage_figures(stage, staged) for stage in STAGES if any(stage in frame for frame in staged)),
    )


def _stage_figures(stage: str, staged: Sequence[Mapping[str, Elapsed]]) -> StageFigures:
    durations = [frame[stage] for frame in staged if stage in frame]
    cpu_ms = [1000 * elapsed.cpu_s for elapsed in durations]
    return StageFigures(
        stage,
        len(durations) / len(staged),
        Percentiles.of([1000 * elapsed.wall_s for elapsed in durations]),
        Percentiles.of(cpu_ms),
        sum(cpu_ms) / len(staged),
    )


def ratio(method: MethodFigures, reference: MethodFigures) -> float:
    """Return the ratio of the median CPU times: on a busy machine wall time also counts waiting."""
    return method.cpu_ms.p50 / reference.cpu_ms.p50


@dataclass(frozen=True, slots=True)
class PartFigures:
    """A part of a live session.

    until_s: its end, from the session's beginning.
    age_frames: as of `LiveFigures`, but (median, 99 %, maximum).
    cpu_per_wall: CPU seconds per second.
    memory_mb: resident memory at its end, 2^20 bytes; None if the system does not report it.
    """

    until_s: float
    age_frames: tuple[float, float, float]
    cpu_per_wall: float
    memory_mb: float | None


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """One session of the loop of `facetrack live`.

    burners: concurrent processes that keep a core busy each.
    grabbed, followed, dropped: numbers of frames; followed frames went through the tracker.
    age_frames: age of the results on output, in frame intervals of the source, (median, 95 %, maximum).
    cpu_per_wall: CPU seconds per second, including the reading of frames.
    peak_mb: peak memory of the process, 2^20 bytes; None if the system does not report it.
    parts: of a session of a minute and more, its sixths.
    """

    burners: int
    fps: float
    grabbed: int
    followed: int
    dropped: int
    age_frames: tuple[float, float, float]
    cpu_per_wall: float
    peak_mb: float | None
    parts: tuple[PartFigures, ...] = ()
