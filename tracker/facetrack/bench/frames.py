"""Frames of a measurement, held in memory, so that decoding is not measured."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from facetrack.capture import Source
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.types import Frame, Image

MAX_FRAMES = 120
MAX_BYTES = 256 * 2**20
"""Memory limit of the frames, besides MAX_FRAMES."""
FPS = 30.0


def render_frames(size: tuple[int, int] = (640, 480), count: int = MAX_FRAMES) -> list[Image]:
    """Render the first frames of the synthetic clip; the face's size is in proportion to the frame's width."""
    clip = SyntheticClip(ClipOptions(size=size, fps=FPS, duration_s=max(count, 1) / FPS))
    return [frame.image for frame, _ in islice(clip, _frames_that_fit(size, count))]


def load_frames(source: Source, count: int = MAX_FRAMES) -> list[Image]:
    """Read the first frames of a source, at least one."""
    return [frame.image.copy() for frame in islice(source, _frames_that_fit(source.size, count))]


def _frames_that_fit(size: tuple[int, int], count: int) -> int:
    return max(1, min(count, MAX_BYTES // (3 * size[0] * size[1])))


def loop_frames(images: list[Image], start: int, count: int, fps: float = FPS) -> Iterator[Frame]:
    """Yield frames `start` to `start + count` of an endless loop, forward and backward, so that no motion jumps."""
    order = [*range(len(images)), *range(len(images) - 2, 0, -1)]
    for index in range(start, start + count):
        yield Frame(images[order[index % len(order)]], time_s=index / fps, index=index)
