"""`facetrack demo`: the whole tracker on a synthetic clip, compared with the ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.console import progress_bar
from facetrack.cli.options import Overwrite, Tracking
from facetrack.cli.shell.common import console as open_console
from facetrack.loops.recorded import RunTotals
from facetrack.sinks.inputs import check_outputs

if TYPE_CHECKING:
    from rich.progress import Progress

    from facetrack.demo_clip.clip import FaceTruth, SyntheticClip
    from facetrack.sinks import AnimationSink, VideoSink
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Face, Image

SHEET_FRAMES = 12


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for demo.mp4 and demo.png.")] = Path(),
    seconds: Annotated[float, typer.Option(min=1, help="Duration of the clip.")] = 10.0,
    faces: Annotated[int, typer.Option(min=1, max=2, help="Number of faces in the clip.")] = 1,
    overwrite: Overwrite = False,
    animation: Annotated[Path | None, typer.Option(help="Write a small animated .gif, too.")] = None,
) -> None:
    """Track a face in a synthetic clip with ground truth; writes demo.mp4 and a contact sheet, demo.png.

    The clip is a virtual camera moving over a photograph (NASA, public domain) whose eyelids and lips are animated by
    warping.
    """
    from contextlib import ExitStack

    from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
    from facetrack.drawing.faces import contact_sheet
    from facetrack.sinks import AnimationSink, ImageSink, VideoSink

    console = open_console()
    clip = SyntheticClip(ClipOptions(duration_s=seconds, faces=faces))
    video_path, sheet_path = out / "demo.mp4", out / "demo.png"
    check_outputs((animation,), (video_path, sheet_path), overwrite=overwrite)
    with ExitStack() as stack:
        sheet = stack.enter_context(ImageSink(sheet_path))
        pictures: list[VideoSink | AnimationSink] = [
            stack.enter_context(VideoSink(video_path, clip.options.size, fps=clip.options.fps))
        ]
        if animation is not None:
            pictures.append(stack.enter_context(AnimationSink(animation)))
        tracker = Tracking(engine="onnx").tracker()
        with progress_bar(console) as progress:
            run = Demo(clip)
            run.run(tracker, pictures, progress)
        sheet.write(contact_sheet(run.images, columns=4, cell_width=400, titles=run.titles))
    console.print(run.summary())
    for path in filter(None, (video_path, sheet_path, animation)):
        console.print(f"wrote {path.resolve()}", soft_wrap=True)


class Demo:
    """Run of the tracker on the clip: totals, landmark errors, and images for the contact sheet."""

    def __init__(self, clip: SyntheticClip) -> None:
        self.clip = clip
        self.totals = RunTotals()
        self.images: list[Image] = []
        self.titles: list[str] = []
        self.errors: list[float] = []

    def run(self, tracker: FaceTracker, pictures: list[VideoSink | AnimationSink], progress: Progress) -> None:
        from facetrack.drawing.signals import SignalOverlay

        every = max(1, len(self.clip) // SHEET_FRAMES)
        overlay = SignalOverlay()
        bar = progress.add_task("following", total=len(self.clip))
        for frame, truth in self.clip:
            faces = self.totals.update(tracker, frame)
            self.errors += [error_percent(faces, face) for face in truth if faces]
            annotated = overlay.annotated(frame.image, faces, tracker.events, frame.time_s)
            for sink in pictures:
                sink.write(annotated, frame.time_s)
            if frame.index % every == every // 2 and len(self.images) < SHEET_FRAMES:
                self.images.append(annotated)
                self.titles.append(f"{frame.time_s:.1f} s")
            progress.advance(bar)

    def summary(self) -> str:
        import numpy as np

        text = self.totals.summary()
        if self.errors:
            text += f"\nmean landmark error: {np.mean(self.errors):.1f} % of the inter-ocular distance"
        return text


def error_percent(faces: list[Face], truth: FaceTruth) -> float:
    """Return the nearest face's mean error, in % of the inter-ocular distance (between the outer eye corners)."""
    import numpy as np

    from facetrack.topology import EYE_OUTER_CORNERS

    right, left = truth.points[list(EYE_OUTER_CORNERS)]
    distances = [np.linalg.norm(face.landmarks.points - truth.points, axis=1).mean() for face in faces]
    return float(100 * min(distances) / np.linalg.norm(left - right))
