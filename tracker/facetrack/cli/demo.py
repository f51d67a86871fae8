"""`facetrack demo`: the whole tracker on a clip that it makes itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.video import progress_bar
from facetrack.loops.recorded import RunTotals
from facetrack.tracking.build import make_tracker, tracker_options

if TYPE_CHECKING:
    from rich.progress import Progress

    from facetrack.demo_clip.clip import FaceTruth, SyntheticClip
    from facetrack.sinks import VideoSink
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Face, Image

SHEET_FRAMES = 12


def demo(
    out: Annotated[Path, typer.Option(help="Folder for demo.mp4 and demo.png.")] = Path(),
    seconds: Annotated[float, typer.Option(min=1, help="Length of the clip.")] = 10.0,
    faces: Annotated[int, typer.Option(min=1, max=2, help="How many faces it shows.")] = 1,
) -> None:
    """Follow a face in a generated clip whose truth is known: writes demo.mp4 and a contact sheet, demo.png.

    The clip is a virtual camera moving over a photograph (NASA, public domain) whose lids and lips are moved by
    warping.
    """
    from contextlib import ExitStack

    from rich.console import Console

    from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
    from facetrack.drawing.faces import contact_sheet
    from facetrack.sinks import ImageSink, VideoSink

    console = Console(stderr=True)
    clip = SyntheticClip(ClipOptions(duration_s=seconds, faces=faces))
    video_path, sheet_path = out / "demo.mp4", out / "demo.png"
    with ExitStack() as stack:
        sheet = stack.enter_context(ImageSink(sheet_path))
        video = stack.enter_context(VideoSink(video_path, clip.options.size, fps=clip.options.fps))
        tracker = make_tracker(None, tracker_options(), 1)
        with progress_bar(console) as progress:
            shown = Demo(clip)
            shown.run(tracker, video, progress)
        sheet.write(contact_sheet(shown.pictures, columns=4, cell_width=400, titles=shown.titles))
    console.print(shown.summary())
    console.print(f"wrote {video_path.resolve()}\nwrote {sheet_path.resolve()}", highlight=False, soft_wrap=True)


class Demo:
    """The clip through the tracker, compared with its truth on the way."""

    def __init__(self, clip: SyntheticClip) -> None:
        self.clip = clip
        self.followed = RunTotals()
        self.pictures: list[Image] = []
        self.titles: list[str] = []
        self.errors: list[float] = []

    def run(self, tracker: FaceTracker, video: VideoSink, progress: Progress) -> None:
        from facetrack.drawing.faces import draw_faces

        every = max(1, len(self.clip) // SHEET_FRAMES)
        bar = progress.add_task("following", total=len(self.clip))
        for frame, truth in self.clip:
            started = time.perf_counter()
            faces = tracker.update(frame)
            self.followed.count(faces, time.perf_counter() - started)
            self.errors += [error_percent(faces, face) for face in truth if faces]
            picture = draw_faces(frame.image, faces)
            video.write(picture, frame.time_s)
            if frame.index % every == every // 2 and len(self.pictures) < SHEET_FRAMES:
                self.pictures.append(picture)
                self.titles.append(f"{frame.time_s:.1f} s")
            progress.advance(bar)

    def summary(self) -> str:
        import numpy as np

        text = self.followed.summary()
        if self.errors:
            text += f"\nmean distance from the known points: {np.mean(self.errors):.1f} % of the eye distance"
        return text


def error_percent(faces: list[Face], truth: FaceTruth) -> float:
    """Mean distance of the nearest face's points from the true ones, in % of the outer eye corners' distance."""
    import numpy as np

    from facetrack.topology import EYE_OUTER_CORNERS

    right, left = truth.points[list(EYE_OUTER_CORNERS)]
    distances = [np.linalg.norm(face.landmarks.points - truth.points, axis=1).mean() for face in faces]
    return float(100 * min(distances) / np.linalg.norm(left - right))
