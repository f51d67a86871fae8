"""`facetrack eval tracking` and `facetrack eval crowd`: tracking metrics and frame times on generated scenes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from facetrack.capture import VideoFile
from facetrack.cli.options import Model, Tracking, takes_tracking
from facetrack.types import Frame
from facetrain.evaluation.tracking import measure, report, timing
from facetrain.reporting.progress import with_progress
from facetrain.synth.crowd import clip
from facetrain.synth.crowd.truth import read_truth

Pack = Annotated[Path, typer.Argument(help="Labelled faces to cut people from: a pack such as data/helen_train.")]
Backgrounds = Annotated[Path | None, typer.Option(help="A zip of photographs without faces as backgrounds.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and the plots.")]


@takes_tracking("model", "smooth", engine="onnx")
def tracking(
    tracking: Tracking,
    clip: Annotated[Path, typer.Argument(help="A clip made by `facetrack data crowd`.")],
    truth: Annotated[Path, typer.Option(help="The clip's ground truth, the .jsonl beside it.")],
    out: Out = None,
) -> None:
    """Track a clip with known ground truth and score the tracks.

    MOTA, MOTP, ID F1, switches, fragmentations, false positives, misses and landmark error, per scene; re-identified
    returns; every error with its frames.
    """

    ground_truth = read_truth(truth)
    tracker = tracking.tracker()
    faces = [tracker.update(frame) for frame in _frames(clip, "tracking")]
    scored = measure.score(ground_truth, faces)
    report.report(scored, faces, ground_truth, _frames(clip, "drawing"), clip.name).output(out)


def crowd(
    pack: Pack,
    backgrounds: Backgrounds = None,
    model: Model = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same people.")] = 1,
    out: Out = None,
) -> None:
    """Time a 640x480 frame on one thread with 1 to 16 faces: median and 95th percentile, relative to one face."""

    with Console(stderr=True).status("rendering and timing"):
        largest_scene = timing.standing_scene(max(timing.COUNTS))
        people = clip.cast([largest_scene], pack, None, seed)
        background = clip.backgrounds(clip.read_backgrounds(backgrounds), 1, seed)[0]
        tracker = Tracking(model, max_faces=len(people), engine="onnx").tracker()
        timings = timing.measure(people, background, tracker)
    timing.report(timings).output(out)


def _frames(clip: Path, title: str) -> Iterator[Frame]:
    """Yield the clip's frames, with a progress bar on a terminal."""
    with VideoFile(clip) as frames:
        yield from with_progress(frames, title, frames.n_frames)
