"""`facetrack video`: face tracking on video files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetrack.batch.inputs import expand
from facetrack.cli.console import progress_bar
from facetrack.cli.options import (
    Overwrite,
    Records,
    Tracking,
    input_option,
    output_option,
    takes,
    takes_tracking,
)  # fmt: skip
from facetrack.cli.shell.common import console as open_console
from facetrack.cli.shell.files import Planned, each, plan
from facetrack.errors import OutputError, SourceError
from facetrack.loops.recorded import annotated_video, follow
from facetrack.sinks.inputs import check_outputs
from facetrack.stopping import Stopped

if TYPE_CHECKING:
    from rich.console import Console

    from facetrack.capture import ImageFiles, VideoFile
    from facetrack.drawing.choice import Drawing
    from facetrack.loops.section import Section
    from facetrack.sinks.sink import RecordSink
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Face, Image

ENDINGS = {"out": "_faces.mp4", "json": ".jsonl", "csv": ".csv", "events": "_events.csv"}
"""Names of the files in a folder of outputs, after the name of the input."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which frames are followed, and how fast those are that have no times of their own."""

    start: Annotated[float, input_option(min=0, help="Begin at this time of the video.", metavar="SECONDS")] = 0.0
    end: Annotated[float | None, input_option(min=0, help="End before this time.", metavar="SECONDS")] = None
    every: Annotated[int, input_option(min=1, help="Follow every Nth frame.", metavar="N")] = 1
    fps: Annotated[
        float | None,
        input_option(min=0.01, max=1000, help="Take a folder of images for frames of a video at this rate."),
    ] = None

    def open(self, path: Path) -> VideoFile | ImageFiles | Section:
        """Open a video. Raises SourceError, also for images without a rate."""
        from facetrack.capture import ImageFiles, open_video
        from facetrack.loops.section import Section

        if self.end is not None and self.end <= self.start:
            raise SourceError(f"--end is {self.end:g} s, --start {self.start:g} s; give an end after the start.")
        opened = open_video(path) if self.fps is None else open_video(path, image_fps=self.fps)
        if isinstance(opened, ImageFiles) and self.fps is None:
            what = f"holds {opened.n_frames} images" if path.is_dir() else "is an image"
            raise SourceError(
                f"{path} {what}, no video; use `facetrack image {path}`, or give the rate of its frames, --fps 25."
            )
        if (self.start, self.end, self.every) == (0.0, None, 1):
            return opened
        try:
            return Section(opened, self.start, self.end, self.every)
        except BaseException:
            opened.close()
            raise


@dataclass(frozen=True, slots=True)
class Look:
    """What the annotated video shows."""

    draw: Annotated[
        str, output_option(help="What is drawn, with commas between.", metavar="points,signals,axes,gaze|none")
    ] = "points,signals,axes,gaze"
    blur_faces: Annotated[
        bool, output_option("--blur-faces", help="Blur the faces that are found (--draw none: nothing else).")
    ] = False

    def drawing(self) -> Drawing:
        """Return what is drawn. Raises FacetrackError."""
        from facetrack.drawing.choice import Drawing

        return Drawing.of(self.draw)

    def blurred(self, image: Image, faces: Sequence[Face]) -> Image:
        """Return one picture with its faces blurred, where that was asked for."""
        from facetrack.drawing.blurring import blur_faces

        return blur_faces(image, [face.box.tolist() for face in faces]) if self.blur_faces else image


@takes_tracking()
@takes("part", Part)
@takes("look", Look)
@takes("records", Records)
def video(
    tracking: Tracking,
    part: Part,
    look: Look,
    records: Records,
    sources: Annotated[
        list[Path],
        typer.Argument(help="Videos, or patterns such as '*.mp4'.", metavar="VIDEO...", rich_help_panel="Input"),
    ],
    out: Annotated[
        str | None,
        output_option("--out", "-o", help="Annotated video, .mp4, .mov or .mkv, or a folder. [VIDEO_faces.mp4]",
                      metavar="FILE|FOLDER/"),
    ] = None,
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Track the faces of videos; writes annotated videos, JSON lines, tables, or any of them.

    An annotated video has the frames, timestamps, size and audio of its input. Without any output named it is
    VIDEO_faces.mp4 in the current folder. Each output may be a folder, such as results/, with a file per video.
    """
    drawing, console = look.drawing(), open_console()
    say = partial(console.print, markup=False, soft_wrap=True)
    wanted = {"out": out, **records.targets}
    if out is None and look != Look() and any(records.files):
        raise OutputError("--draw and --blur-faces are for the annotated video; give --out, too")
    files = expand(sources)
    jobs = plan(files, wanted, ENDINGS, default="out")
    named = [path for job in jobs for path in job.named]
    check_outputs(named, [path for job in jobs for path in job.chosen], (*files, *tracking.files), overwrite)
    run = Run(tracking, part, drawing, look.blur_faces, records, console)
    failed = each(jobs, run, say)
    if failed:
        say(f"facetrack: {failed} of {len(jobs)} videos failed")
        raise typer.Exit(OutputError.exit_code)


class Run:
    """One video after the other through one tracker, whose networks are opened once."""

    def __init__(
        self, tracking: Tracking, part: Part, drawing: Drawing, blur: bool, records: Records, console: Console
    ) -> None:
        self._tracking, self._part, self._drawing, self._blur = tracking, part, drawing, blur
        self._records, self._console = records, console
        self._tracker: FaceTracker | None = None

    def __call__(self, job: Planned) -> None:
        """Follow one video and write its outputs. Raises FacetrackError, Stopped."""
        say = partial(self._console.print, markup=False, soft_wrap=True)
        inputs = (job.source, *self._tracking.files)
        targets: dict[str, Any] = {name: job.paths.get(name) for name in self._records.targets}
        wanted = replace(self._records, **targets)
        records: list[RecordSink] = []
        try:
            with ExitStack() as stack:
                source = self._part.open(job.source)
                frames: VideoFile | ImageFiles | Section = stack.enter_context(source)  # type: ignore[assignment]
                pictures = None
                if "out" in job.paths:
                    pictures = stack.enter_context(annotated_video(Path(job.paths["out"]), frames, job.source))
                records += [stack.enter_context(sink) for _, sink in wanted.open(inputs)]
                tracker = self._fresh_tracker()
                with progress_bar(self._console) as progress:
                    followed = follow(frames, tracker, pictures, records, progress, self._drawing, self._blur)
        except Stopped:
            kept = [str(sink.kept) for sink in records if sink.kept is not None]
            say(f"stopped in {job.source}: " + (f"kept {', '.join(kept)}" if kept else "nothing of it is kept"))
            raise
        say(followed.summary())
        for path in job.paths.values():
            if path != "-":
                say(f"wrote {path}")

    def _fresh_tracker(self) -> FaceTracker:
        if self._tracker is None:
            self._tracker = self._tracking.tracker()
        self._tracker.reset()
        return self._tracker
