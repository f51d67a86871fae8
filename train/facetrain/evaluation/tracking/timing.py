"""How long a 640x480 frame takes on one thread as the number of faces grows, beside one face in the same run.

Counted is the process's own CPU time: what the frame takes on a core that nobody else uses. Timed is all of
`FaceTracker.update`: with its looks at people (each twice a second) and its search for newcomers (every .4 s, in the
95 %), which a live loop puts off until the result is out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Frame, Image
from facetrain.reporting import markdown
from facetrain.synth.crowd.compose import CrowdClip
from facetrain.synth.crowd.script import Scene, standing
from facetrain.synth.crowd.sprites import Person

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16)
FACE_PX = 60.0
"""The same for every count, so that only the number of faces differs."""
FPS = 30.0
LOOP, WARM_UP, TIMED, ROUNDS = 16, 8, 60, 4
"""Frames drawn for a count, played forward and back; frames not timed and timed in a round; rounds over all counts, so
that a busy moment of the machine meets all alike."""


@dataclass(frozen=True, slots=True)
class Timing:
    """faces: shown. followed: faces returned per frame, mean. median_ms, p95_ms: CPU time of one update."""

    faces: int
    followed: float
    median_ms: float
    p95_ms: float


def standing_scene(count: int) -> Scene:
    """`count` people on the spot."""
    return Scene(f"{count} faces", LOOP / FPS, standing(count, FACE_PX))


def measure(
    people: Sequence[Person],
    background: Image,
    tracker: FaceTracker,
    counts: Sequence[int] = COUNTS,
    rounds: int = ROUNDS,
) -> list[Timing]:
    """The first `count` people for each count. The tracker is reset before each count."""
    images = {}
    for count in counts:
        clip = CrowdClip([standing_scene(count)], people[:count], [background], FPS, seed=0)
        images[count] = [frame.image for frame, _ in clip]
    times_ms: dict[int, list[float]] = {count: [] for count in counts}
    followed: dict[int, list[int]] = {count: [] for count in counts}
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
                        followed[count].append(len(faces))
    finally:
        cv2.setNumThreads(threads)
    return [
        Timing(n, float(np.mean(followed[n])), *(float(v) for v in np.percentile(times_ms[n], [50, 95])))
        for n in counts
    ]


def _played(images: Sequence[Image]) -> Iterator[Frame]:
    order = [*range(len(images)), *range(len(images) - 2, 0, -1)]
    for index in range(WARM_UP + TIMED):
        yield Frame(images[order[index % len(order)]], index / FPS, index)


def slope_ms(timings: Sequence[Timing]) -> tuple[float, float]:
    """(ms of a frame without faces, ms per face): the straight line through the medians."""
    per_face, none = np.polyfit([t.faces for t in timings], [t.median_ms for t in timings], 1)
    return float(none), float(per_face)


HEAD = ("faces", "followed", "median, ms", "95 %, ms", "median / that of one face", "95 % / that of one face")


def rows(timings: Sequence[Timing]) -> list[list[str]]:
    """As text, below HEAD; relative to the first count."""
    one = timings[0]
    return [
        [
            str(t.faces), f"{t.followed:.1f}", f"{t.median_ms:.2f}", f"{t.p95_ms:.2f}",
            f"{t.median_ms / one.median_ms:.2f}", f"{t.p95_ms / one.p95_ms:.2f}",
        ]
        for t in timings
    ]  # fmt: skip


def save(timings: Sequence[Timing], folder: Path, command: str) -> None:
    """report.md, figures.json and frame_time.png."""
    folder.mkdir(parents=True, exist_ok=True)
    plot(timings, folder / "frame_time.png")
    (folder / "figures.json").write_text(json.dumps([asdict(t) for t in timings], indent=2) + "\n")
    none, per_face = slope_ms(timings)
    parts = [
        "# Frame time and number of faces\n",
        markdown.code(command),
        markdown.table(HEAD, rows(timings)),
        f"Straight line through the medians: {none:.2f} ms + {per_face:.2f} ms per face.\n",
        markdown.pictures([folder / "frame_time.png"], folder),
    ]
    (folder / "report.md").write_text("\n".join(parts))


def plot(timings: Sequence[Timing], path: Path) -> None:
    """Median and 95 % over the number of faces, relative to the median of the first count."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    one = timings[0]
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    faces = [t.faces for t in timings]
    axis.plot(faces, [t.median_ms / one.median_ms for t in timings], "o-", label="median")
    axis.plot(faces, [t.p95_ms / one.median_ms for t in timings], "s--", label="95 %")
    axis.set(xlabel="faces in a 640x480 frame", ylabel=f"frame time / {one.median_ms:.1f} ms ({one.faces} face)")
    axis.set(ylim=(0, None), xticks=faces)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=110)
