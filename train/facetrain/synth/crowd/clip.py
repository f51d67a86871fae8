"""Assembly of the crowd clip from labelled photographs, backgrounds and, for rotating heads, a head model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import numpy as np

from facetrack.detector.cnn import bundled_detector
from facetrack.errors import DataError, OutputError
from facetrack.sinks.lines import Lines
from facetrack.sinks.video import VideoSink
from facetrack.types import Image
from facetrain.formats.open import read_any
from facetrain.samples.pictures import read_empty_pictures, split_by_group
from facetrain.synth.crowd.compose import CrowdClip
from facetrain.synth.crowd.script import SIZE, Scene
from facetrain.synth.crowd.sprites import HELD_OUT_SHARE, Person, Rendered, select_people
from facetrain.synth.crowd.truth import frame_line, header_line
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.people import random_background
from facetrain.synth.rendering.render import Renderer

Frames = Callable[[Iterable[int]], Iterable[int]]
"""Wraps the frame indices in a progress bar."""


def make_clip(
    scenes: Sequence[Scene], pack: Path, photographs: Sequence[Image], head_model: Path | None, fps: float, seed: int
) -> CrowdClip:
    """Create the clip with people from the pack, each in one role only. Raises DataError where something is missing."""
    people = cast(scenes, pack, head_model, seed)
    return CrowdClip(scenes, people, backgrounds(photographs, len(scenes), seed), fps, seed)


def cast(scenes: Sequence[Scene], pack: Path, head_model: Path | None, seed: int) -> list[Person]:
    """Assign a different person to each role. Raises DataError for a pack with too few, or without head model."""
    roles = list(chain.from_iterable(scene.roles for scene in scenes))
    samples = read_any(pack, trim=False).samples
    cut_out = iter(select_people(samples, bundled_detector(), sum(not role.rendered for role in roles), seed))
    renderer = None if head_model is None else Renderer(load_head_model(head_model))
    people: list[Person] = []
    for number, role in enumerate(roles):
        if not role.rendered:
            people.append(next(cut_out))
        elif renderer is None:
            raise DataError("a scene has rotating heads, which are rendered: give --head-model")
        else:
            people.append(Rendered(renderer, 1000 * seed + number))
    return people


def backgrounds(photographs: Sequence[Image], count: int, seed: int) -> list[Image]:
    """Return a different photograph for each scene; generated blurred rooms where there are too few."""
    rng = np.random.default_rng((seed, 4))
    if len(photographs) >= count:
        return [photographs[int(i)] for i in rng.permutation(len(photographs))[:count]]
    return [random_background(rng, max(SIZE)) for _ in range(count)]


def read_backgrounds(path: Path | None) -> list[Image]:
    """Read the held-out images of a zip, which no recipe trains on. Raises DataError where it cannot be read."""
    if path is None:
        return []
    return [p.decode() for p in split_by_group(read_empty_pictures(path.parent, path.stem), HELD_OUT_SHARE)[1]]


def write_clip(clip: CrowdClip, out: Path, progress: Frames = lambda indices: indices) -> Path:
    """Write the video and its ground truth beside it (NAME.jsonl, see `truth`), and return the latter's path.

    Raises OutputError where they cannot be written; then neither file is left.
    """
    truth_path = out.with_suffix(".jsonl")
    if truth_path == out:
        raise OutputError(f"{out} is the name of the ground-truth file; give a name that ends in .mp4")
    lines = Lines(truth_path)
    with ExitStack() as stack:
        stack.callback(lines.discard)  # does nothing after commit()
        with VideoSink(out, SIZE, fps=clip.fps) as video:
            lines.write(header_line(clip.fps, SIZE, clip.seed, clip.spans))
            for index in progress(range(len(clip))):
                frame, faces = clip.render(index)
                video.write(frame.image, frame.time_s)
                lines.write(frame_line(index, faces))
        lines.commit()
    return truth_path
