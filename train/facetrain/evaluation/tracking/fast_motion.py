"""Count the frames in which a fast-moving face is lost.

A virtual camera (`facetrack.demo_clip.clip`) sweeps over a photograph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.geometry import box_iou, points_box
from facetrack.types import Face, Floats, Frame
from facetrain.metrics.landmarks import face_error
from facetrain.reporting import markdown
from facetrain.reporting.report import Report, Table

SPEEDS = (1.0, 2.0, 3.0, 4.0, 6.0)
"""Speeds of the camera, as multiples of `facetrack demo`'s."""
FOUND_IOU = 0.5
"""Minimum IoU of a tracked box with the ground truth."""
MIN_VISIBLE = 0.5
"""Minimum share of a face's points in the image for the face to count."""
MEANING = {
    "speed": "of the camera, as a multiple of `facetrack demo`'s",
    "fastest step": "of the face from one frame to the next, relative to its longer side",
    "lost": f"frames in which no box overlaps the face's with an IoU of {FOUND_IOU:.0%}; frames with less than "
    f"{MIN_VISIBLE:.0%} of its points in the image do not count",
    "track IDs": "number of IDs assigned in the clip; 1 is correct",
    "NME": "of the tracked faces, normalised by the outer eye corners' distance",
}
Clip = Iterable[tuple[Frame, Sequence[tuple[Floats, float]]]]
"""Frames with (points (68, 2) px, share of them that is visible) of each face."""
TrackFunction = Callable[[Frame], list[Face]]


@dataclass(frozen=True, slots=True)
class Motion:
    """Result of one clip.

    speed: of the camera, as a multiple of `facetrack demo`'s
    fastest: largest step of a face from one frame to the next, relative to its size
    faces: number of faces, summed over the frames
    lost: part of them without a tracked box
    numbers: number of track IDs assigned
    nme: mean error of the tracked faces, %
    """

    speed: float
    fps: float
    fastest: float
    faces: int
    lost: int
    numbers: int
    nme: float


def virtual_camera(speed: float, fps: float = 30.0, seconds: float = 10.0, seed: int = 0) -> Clip:
    """Yield the clip of `facetrack demo` with a camera `speed` times as fast."""
    for frame, truths in SyntheticClip(ClipOptions(fps=fps, duration_s=seconds, seed=seed, speed=speed)):
        yield frame, [(truth.points, float(truth.visible.mean())) for truth in truths]


def measure(clip: Clip, track: TrackFunction, speed: float, fps: float) -> Motion:
    """Track one clip; a face is tracked where a box overlaps the ground truth by FOUND_IOU."""
    faces = lost = 0
    fastest, track_ids, errors = 0.0, set(), []
    last: list[Floats] = []
    for frame, truths in clip:
        tracked = track(frame)
        track_ids |= {face.track_id for face in tracked}
        boxes = [points_box(points) for points, _ in truths]
        fastest = max([fastest, *(_step(a, b) for a, b in zip(last, boxes, strict=False))])
        last = boxes
        for (points, visible), box in zip(truths, boxes, strict=True):
            if visible < MIN_VISIBLE:
                continue
            faces += 1
            face = _match(box, tracked)
            if face is None:
                lost += 1
            else:
                errors.append(float(face_error(face.landmarks.points[None], points[None])[0]))
    return Motion(speed, fps, fastest, faces, lost, len(track_ids), float(np.mean(errors)) if errors else float("nan"))


def _match(box: Floats, faces: list[Face]) -> Face | None:
    """Return the face with the largest overlap, None if it is below FOUND_IOU."""
    overlaps = [float(box_iou(box[None], face.box[None])[0, 0]) for face in faces]
    best = int(np.argmax(overlaps)) if overlaps else -1
    return faces[best] if best >= 0 and overlaps[best] >= FOUND_IOU else None


def _step(before: Floats, after: Floats) -> float:
    """Return the displacement of a box's centre, relative to its longer side."""
    displacement = ((after[:2] + after[2:]) - (before[:2] + before[2:])) / 2
    return float(np.hypot(*displacement) / (before[2:] - before[:2]).max())


def report(motions: Sequence[Motion]) -> Report:
    """Return the report; a row per speed."""
    rows = [
        [
            f"{m.speed:g}", f"{100 * m.fastest:.0f}", str(m.faces), str(m.lost), f"{_lost_percent(m):.1f}",
            str(m.numbers), markdown.fixed(m.nme, 2),
        ]
        for m in motions
    ]  # fmt: skip
    head = ("speed", "fastest step, % of the face", "faces in frames", "lost", "lost, %", "track IDs", "NME, %")
    title, plots = f"fast motion, {motions[0].fps:g} frames per second", {"motion.png": partial(plot, motions)}
    return Report(title, [Table(title, head, rows)], [asdict(m) for m in motions], meaning=MEANING, plots=plots)


def _lost_percent(motion: Motion) -> float:
    return 100 * motion.lost / motion.faces if motion.faces else 0.0


def plot(motions: Sequence[Motion], path: Path) -> None:
    """Draw the share of lost frames, and below it the error, over the speed."""
    figure = Figure(figsize=(6, 6), layout="constrained")
    lost, error = figure.subplots(2, 1, sharex=True)
    speeds = [m.speed for m in motions]
    lost.plot(speeds, [_lost_percent(m) for m in motions], "o-")
    for motion in motions:
        text = f"{motion.lost} of {motion.faces}"
        lost.annotate(text, (motion.speed, _lost_percent(motion)), (0, 6), textcoords="offset points", ha="center")
    highest = max(_lost_percent(m) for m in motions)
    lost.set(ylabel="lost, % of frames", ylim=(0, max(1.25 * highest, 1.0)))
    error.plot(speeds, [m.nme for m in motions], "o-")
    error.set(xlabel="speed of the camera", ylabel="NME of the tracked faces, %", xticks=speeds)
    error.margins(x=0.1, y=0.2)
    error.set_ylim(bottom=0)
    for axis in (lost, error):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
