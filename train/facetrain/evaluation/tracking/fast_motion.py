"""Counts the frames in which a fast face is lost: a virtual camera (`facetrack.demo_clip.clip`) sweeps over a
photograph."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.geometry import box_iou, points_box
from facetrack.types import Face, Floats, Frame
from facetrain.metrics.landmarks import face_error
from facetrain.reporting import markdown

SPEEDS = (1.0, 2.0, 3.0, 4.0, 6.0)
"""Of the camera, over that of `facetrack demo`."""
FOUND_IOU = 0.5
MIN_VISIBLE = 0.5
"""Share of the points that must be in the picture for the face to count."""
HEAD = ("speed", "fastest step, % of the face", "faces in frames", "lost", "lost, %", "numbers", "NME, %")
CAPTION = (
    "Speed: of the camera, over that of `facetrack demo`. Fastest step: of the face from one frame to the next, over "
    f"its longer side. Lost: frames in which no box overlaps the face's by {FOUND_IOU:.0%}; those with less than "
    f"{MIN_VISIBLE:.0%} of its points in the picture do not count. Numbers: given in all; one is right. NME: of the "
    "found, over the outer eye corners' distance."
)
Clip = Iterable[tuple[Frame, Sequence[tuple[Floats, float]]]]
"""Frames with (points (68, 2) px, share of them that can be seen) of each face."""
TrackFunction = Callable[[Frame], list[Face]]


@dataclass(frozen=True, slots=True)
class Motion:
    """What one clip showed. fastest: the largest step of a face from one frame to the next, over its size. faces: that
    were there, in frames. lost: of these, the frames without it. numbers: given in all. nme: of the found, %."""

    speed: float
    fps: float
    fastest: float
    faces: int
    lost: int
    numbers: int
    nme: float


def virtual_camera(speed: float, fps: float = 30.0, seconds: float = 10.0, seed: int = 0) -> Clip:
    """The clip of `facetrack demo` with a camera so many times as fast."""
    for frame, truths in SyntheticClip(ClipOptions(fps=fps, duration_s=seconds, seed=seed, speed=speed)):
        yield frame, [(truth.points, float(truth.visible.mean())) for truth in truths]


def measure(clip: Clip, follow: TrackFunction, speed: float, fps: float) -> Motion:
    """Follow one clip; a face is found where a box overlaps the truth's by FOUND_IOU."""
    faces = lost = 0
    fastest, numbers, errors = 0.0, set(), []
    last: list[Floats] = []
    for frame, truths in clip:
        found = follow(frame)
        numbers |= {face.track_id for face in found}
        boxes = [points_box(points) for points, _ in truths]
        fastest = max([fastest, *(_step(a, b) for a, b in zip(last, boxes, strict=False))])
        last = boxes
        for (points, seen), box in zip(truths, boxes, strict=True):
            if seen < MIN_VISIBLE:
                continue
            faces += 1
            face = _over(box, found)
            if face is None:
                lost += 1
            else:
                errors.append(float(face_error(face.landmarks.points[None], points[None])[0]))
    return Motion(speed, fps, fastest, faces, lost, len(numbers), float(np.mean(errors)) if errors else float("nan"))


def _over(box: Floats, found: list[Face]) -> Face | None:
    overlaps = [float(box_iou(box[None], face.box[None])[0, 0]) for face in found]
    best = int(np.argmax(overlaps)) if overlaps else -1
    return found[best] if best >= 0 and overlaps[best] >= FOUND_IOU else None


def _step(before: Floats, after: Floats) -> float:
    """How far a box's middle went, over its longer side."""
    way = ((after[:2] + after[2:]) - (before[:2] + before[2:])) / 2
    return float(np.hypot(*way) / (before[2:] - before[:2]).max())


def rows(motions: Sequence[Motion]) -> list[list[str]]:
    """As text, below HEAD."""
    return [
        [
            f"{m.speed:g}", f"{100 * m.fastest:.0f}", str(m.faces), str(m.lost), f"{_lost_percent(m):.1f}",
            str(m.numbers), f"{m.nme:.2f}" if math.isfinite(m.nme) else "-",
        ]
        for m in motions
    ]  # fmt: skip


def _lost_percent(motion: Motion) -> float:
    return 100 * motion.lost / motion.faces if motion.faces else 0.0


def save(motions: Sequence[Motion], folder: Path, command: str) -> None:
    """report.md, figures.json and motion.png."""
    folder.mkdir(parents=True, exist_ok=True)
    plot(motions, folder / "motion.png")
    figures = [{k: v if math.isfinite(v) else None for k, v in asdict(motion).items()} for motion in motions]
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    parts = [
        f"# Fast motion, {motions[0].fps:g} frames a second\n",
        markdown.code(command, "sh"),
        markdown.table(HEAD, rows(motions)),
        CAPTION + "\n",
        markdown.pictures([folder / "motion.png"], folder),
    ]
    (folder / "report.md").write_text("\n".join(parts))


def plot(motions: Sequence[Motion], path: Path) -> None:
    """Lost frames, and below them the error, over the speed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    FigureCanvasAgg(figure)
    lost, error = figure.subplots(2, 1, sharex=True)
    speeds = [m.speed for m in motions]
    lost.plot(speeds, [_lost_percent(m) for m in motions], "o-")
    for motion in motions:
        text = f"{motion.lost} of {motion.faces}"
        lost.annotate(text, (motion.speed, _lost_percent(motion)), (0, 6), textcoords="offset points", ha="center")
    most = max(_lost_percent(m) for m in motions)
    lost.set(ylabel="frames without the face, %", ylim=(0, max(1.25 * most, 1.0)))
    error.plot(speeds, [m.nme for m in motions], "o-")
    error.set(xlabel="speed of the camera", ylabel="NME of the found, %", xticks=speeds)
    error.margins(x=0.1, y=0.2)
    error.set_ylim(bottom=0)
    for axis in (lost, error):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
