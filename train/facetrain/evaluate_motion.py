"""Counts the frames in which a fast face is lost: a virtual camera (`facetrack.synthetic`) sweeps over a photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from facetrack.geometry import box_iou, points_box
from facetrack.synthetic import ClipOptions, SyntheticClip
from facetrack.types import Face, Floats, Frame
from facetrain.metrics import face_error

SPEEDS = (1.0, 2.0, 3.0, 4.0, 6.0)
"""Of the camera, over that of `facetrack demo`."""
FOUND_IOU = 0.5
SEEN = 0.5
"""Share of the points that must be in the picture for the face to count."""
Clip = Iterable[tuple[Frame, Sequence[tuple[Floats, float]]]]
"""Frames with (points (68, 2) px, share of them that can be seen) of each face."""
Follow = Callable[[Frame], list[Face]]


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


def measure(clip: Clip, follow: Follow, speed: float, fps: float) -> Motion:
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
            if seen < SEEN:
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
