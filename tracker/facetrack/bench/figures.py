"""What was measured, ready for tables and JSON. Milliseconds per frame unless a name says otherwise."""

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
    """wall_ms, cpu_ms: over the frames in which the stage ran. frames_share: 0..1, of the frames in which it did.
    mean_cpu_ms: over all frames: the stages' means add up to the frame's."""

    stage: str
    frames_share: float
    wall_ms: Percentiles
    cpu_ms: Percentiles
    mean_cpu_ms: float


@dataclass(frozen=True, slots=True)
class MethodFigures:
    """Whole frames of one method, and its stages where they were watched (in rounds of their own).

    faces: found per frame, mean. frames_per_s: of frames that wait ready. cpu_per_wall: processor seconds per second.
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
    """whole: of each frame. faces: found in it. staged: of each watched frame, by stage."""
    wall_s, cpu_s = sum(spent.wall_s for spent in whole), sum(spent.cpu_s for spent in whole)
    return MethodFigures(
        name,
        len(whole),
        float(np.mean(faces)),
        Percentiles.of([1000 * spent.wall_s for spent in whole]),
        Percentiles.of([1000 * spent.cpu_s for spent in whole]),
        len(whole) / wall_s,
        cpu_s / wall_s,
        tuple(_stage(stage, staged) for stage in STAGES if any(stage in frame for frame in staged)),
    )


def _stage(stage: str, staged: Sequence[Mapping[str, Elapsed]]) -> StageFigures:
    ran = [frame[stage] for frame in staged if stage in frame]
    cpu_ms = [1000 * spent.cpu_s for spent in ran]
    return StageFigures(
        stage,
        len(ran) / len(staged),
        Percentiles.of([1000 * spent.wall_s for spent in ran]),
        Percentiles.of(cpu_ms),
        sum(cpu_ms) / len(staged),
    )


def ratio(one: MethodFigures, reference: MethodFigures) -> float:
    """Of the medians of processor time: on a busy machine the wall's clock also counts waiting."""
    return one.cpu_ms.p50 / reference.cpu_ms.p50


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """One session of the loop of `facetrack live`.

    burners: processes that did nothing but burn a core meanwhile. grabbed, followed, dropped: frames. age_frames: of
    the results when they were out, in frames of the source, (median, 95 %, largest). cpu_per_wall: processor seconds
    per second, with the reading of frames. peak_mb: memory of the process at its largest, 2^20 bytes; None where the
    system does not say.
    """

    burners: int
    fps: float
    grabbed: int
    followed: int
    dropped: int
    age_frames: tuple[float, float, float]
    cpu_per_wall: float
    peak_mb: float | None
