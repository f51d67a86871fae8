"""Time per 640x480 frame on one thread by number of faces, relative to one face in the same run.

CPU time of the process, that is the duration on an otherwise idle core, of the whole `FaceTracker.update`. It includes
appearance embeddings (twice per second and person) and the search for untracked faces (every .4 s, which shows in the
95th percentile); a live loop defers both until the result is delivered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Frame, Image
from facetrain.reporting.report import Report, Table
from facetrain.synth.crowd.compose import CrowdClip
from facetrain.synth.crowd.script import Scene, standing
from facetrain.synth.crowd.sprites import Person

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16)
FACE_PX = 60.0
"""Size of a face, the same for every count, so that only the number of faces differs."""
FPS = 30.0
LOOP, WARM_UP, TIMED, ROUNDS = 16, 8, 60, 4
"""Number of frames rendered for a count, played forward and backward; of untimed and of timed frames in a round; of
rounds over all counts, which are interleaved so that other load affects all counts alike."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Frame time for a number of faces.

    faces: number of faces in the frame
    followed: mean number of tracked faces per frame
    median_ms, p95_ms: median and 95th percentile of the CPU time of one update
    """

    faces: int
    followed: float
    median_ms: float
    p95_ms: float


def standing_scene(count: int) -> Scene:
    """Return a scene of `count` people who do not move."""
    return Scene(f"{count} faces", LOOP / FPS, standing(count, FACE_PX))


def measure(
    people: Sequence[Person],
    background: Image,
    tracker: FaceTracker,
    counts: Sequence[int] = COUNTS,
    rounds: int = ROUNDS,
) -> list[Timing]:
    """Time the tracker on the first `count` people for each count; it is reset before each count."""
    images = {}
    for count in counts:
        clip = CrowdClip([standing_scene(count)], people[:count], [background], FPS, seed=0)
        images[count] = [frame.image for frame, _ in clip]
    times_ms: dict[int, list[float]] = {count: [] for count in counts}
    tracked: dict[int, list[int]] = {count: [] for count in counts}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for _ in range(rounds):
            for count in counts:
                tracker.reset()
                for frame in _played(images[count]):
                    started = time.process_time()
                    faces = tracker.update(frame)
                    if frame.index >= WARM_UP:
                        times_ms[count].append(1000 * (time.process_time() - started))
                        tracked[count].append(len(faces))
    finally:
        cv2.setNumThreads(threads)
    return [
        Timing(n, float(np.mean(tracked[n])), *(float(v) for v in np.percentile(times_ms[n], [50, 95]))) for n in counts
    ]


def _played(images: Sequence[Image]) -> Iterator[Frame]:
    """Yield the frames of a round: the images forward and backward in a loop."""
    order = [*range(len(images)), *range(len(images) - 2, 0, -1)]
    for index in range(WARM_UP + TIMED):
        yield Frame(images[order[index % len(order)]], time_s=index / FPS, index=index)


def slope_ms(timings: Sequence[Timing]) -> tuple[float, float]:
    """Fit a straight line to the medians: (ms of a frame without faces, ms per face)."""
    per_face_ms, base_ms = np.polyfit([t.faces for t in timings], [t.median_ms for t in timings], 1)
    return float(base_ms), float(per_face_ms)


def report(timings: Sequence[Timing]) -> Report:
    """Return the report; a row per number of faces, relative to the first."""
    first = timings[0]
    rows = [
        [
            str(t.faces), f"{t.followed:.1f}", f"{t.median_ms:.2f}", f"{t.p95_ms:.2f}",
            f"{t.median_ms / first.median_ms:.2f}", f"{t.p95_ms / first.p95_ms:.2f}",
        ]
        for t in timings
    ]  # fmt: skip
    base_ms, per_face_ms = slope_ms(timings)
    head = ("faces", "tracked", "median, ms", "p95, ms", "median, relative to one face", "p95, relative to one face")
    return Report(
        "Frame time and number of faces",
        [Table("frame time", head, rows)],
        [asdict(t) for t in timings],
        [f"linear fit of the medians: {base_ms:.2f} ms + {per_face_ms:.2f} ms per face"],
        plots={"frame_time.png": partial(plot, timings)},
    )


def plot(timings: Sequence[Timing], path: Path) -> None:
    """Draw median and 95th percentile over the number of faces, relative to the median of the first count."""
    first = timings[0]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    faces = [t.faces for t in timings]
    axis.plot(faces, [t.median_ms / first.median_ms for t in timings], "o-", label="median")
    axis.plot(faces, [t.p95_ms / first.median_ms for t in timings], "s--", label="95th percentile")
    axis.set(xlabel="faces in a 640x480 frame", ylabel=f"frame time / {first.median_ms:.1f} ms ({first.faces} face)")
    axis.set(ylim=(0, None), xticks=faces)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=110)
