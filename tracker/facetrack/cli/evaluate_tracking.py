"""`facetrack eval tracking` and `facetrack eval crowd`: the whole tracker on faces whose truth is known."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.options import Model, Smooth, make_tracker, tracker_options
from facetrack.cli.train import need_training
from facetrack.errors import MissingExtraError

if TYPE_CHECKING:
    from rich.console import Console

    from facetrack.types import Frame

Pack = Annotated[Path, typer.Argument(help="Labelled faces to cut people from: a pack such as data/helen_train.")]
Backgrounds = Annotated[Path | None, typer.Option(help="A zip of photographs without faces to put behind.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and the pictures.")]


def tracking(
    clip: Annotated[Path, typer.Argument(help="A clip that `facetrack data crowd` made.")],
    truth: Annotated[Path, typer.Option(help="Its truth, the .jsonl beside it.")],
    model: Model = None,
    smooth: Smooth = "medium",
    out: Out = None,
) -> None:
    """Follow a clip whose truth is known: MOTA, MOTP, ID F1, switches, fragmentations, false positives, misses and the
    points' error, per scene; who kept the number on coming back; what went wrong, with its frames."""
    need_tracking()
    from rich.console import Console

    from facetrain import evaluate_tracking, tracking_report
    from facetrain.crowd.truth import read_truth

    known = read_truth(truth)
    tracker = make_tracker(model, tracker_options(smoothing=smooth), 1)
    faces = [tracker.update(frame) for frame in frames_of(clip, "following")]
    scored = evaluate_tracking.score(known, faces)
    console = Console()
    rows = [[name, *tracking_report.cells(row)] for name, row in scored.rows.items()]
    print_table(console, clip.name, ["scene", *evaluate_tracking.MEANING], rows)
    for line in tracking_report.summary(scored):
        console.print(line, highlight=False)
    if out is not None:
        words = ["facetrack", "eval", "tracking", str(clip), "--truth", str(truth), "--smooth", smooth]
        words += ["--model", str(model)] if model is not None else []
        frames = frames_of(clip, "drawing")
        tracking_report.save(scored, faces, known, frames, out, clip.name, shlex.join([*words, "--out", str(out)]))
        console.print(f"wrote report.md, figures.json and the scenes' sheets to {out}", highlight=False)


def crowd(
    pack: Pack,
    backgrounds: Backgrounds = None,
    model: Model = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same people.")] = 1,
    out: Out = None,
) -> None:
    """Time a frame of 640x480 on one thread with 1 to 16 faces: median and 95 %, beside one face in the same run."""
    need_tracking()
    from rich.console import Console

    from facetrain import crowd_timing
    from facetrain.crowd import clip

    console = Console()
    with Console(stderr=True).status("drawing and timing"):
        most = crowd_timing.standing_scene(max(crowd_timing.COUNTS))
        people = clip.cast([most], pack, None, seed)
        behind = clip.backgrounds(clip.read_backgrounds(backgrounds), 1, seed)[0]
        tracker = make_tracker(model, tracker_options(max_faces=len(people)), 1)
        timings = crowd_timing.measure(people, behind, tracker)
    print_table(console, "frame time", crowd_timing.HEAD, crowd_timing.rows(timings))
    none, per_face = crowd_timing.slope_ms(timings)
    console.print(f"{none:.2f} ms + {per_face:.2f} ms per face", highlight=False)
    if out is not None:
        words = ["facetrack", "eval", "crowd", str(pack), "--seed", str(seed)]
        words += ["--backgrounds", str(backgrounds)] if backgrounds is not None else []
        words += ["--model", str(model)] if model is not None else []
        crowd_timing.save(timings, out, shlex.join([*words, "--out", str(out)]))
        console.print(f"wrote report.md, figures.json and frame_time.png to {out}", highlight=False)


def print_table(console: Console, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column to the left, figures to the right."""
    from rich.table import Table

    table = Table(title=title)
    for column, name in enumerate(head):
        table.add_column(name.replace("_", " "), justify="right" if column else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def frames_of(clip: Path, title: str) -> Iterator[Frame]:
    """The clip's frames, with a bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    from facetrack.capture import VideoFile

    console = Console(stderr=True)
    with VideoFile(clip) as frames:
        shown = not console.is_terminal
        yield from track(frames, title, total=frames.n_frames, console=console, transient=True, disable=shown)


def need_tracking() -> None:
    """Raise MissingExtraError unless the packages of the extra `train` are there."""
    need_training()
    try:
        import motmetrics
    except ImportError as error:
        raise MissingExtraError(
            f"this needs the package {error.name}; install the extra: python -m pip install 'facetrack[train]'"
        ) from error
    del motmetrics
