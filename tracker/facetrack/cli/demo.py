"""`facetrack demo`: the whole tracker on a synthetic clip, compared with the ground truth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.console import progress_bar
from facetrack.cli.options import Overwrite, Tracking
from facetrack.cli.shell.common import console as open_console
from facetrack.loops.recorded import RunTotals
from facetrack.sinks.inputs import check_outputs
from facetrack.types.address import typed_command
from facetrack.types.text import counted

if TYPE_CHECKING:
    from rich.progress import Progress

    from facetrack.demo_clip.clip import ClipOptions, FaceTruth, Span, SyntheticClip
    from facetrack.report import ReportSink
    from facetrack.sinks import AnimationSink, VideoSink
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Event, Face, Image

SHEET_FRAMES = 12
PERIOD_S = 10.0
BLINKS, WIDE = ((1.0, 1.2), (1.9, 2.1), (7.0, 7.2), (9.1, 9.3)), ((2.5, 4.9),)
AWAY, COVERED = ((5.3, 5.9),), ((7.7, 8.5),)
"""What happens in the clip, in seconds of each PERIOD_S: blinks, the mouth wide open (a laugh: the photograph smiles,
so no yawn is reported), out of view, behind a board."""
TOLERANCE_S = 0.25
"""An event counts as found where it overlaps its span, extended by this on both sides."""
NEXT = """\
try next:
  facetrack live                 your camera, in a window
  facetrack image PHOTO.jpg      faces of a photograph; a folder works, too
  facetrack video VIDEO.mp4      an annotated video; --json, --csv and --events write what was measured
  facetrack report VIDEO.mp4     timelines and events on one page, as demo.html
  facetrack serve --camera 0     a dashboard in the browser (extra serve)
  facetrack train                a first network of your own, on drawn faces (extra train)
  python -c "import facetrack; help(facetrack)"   and docs/programs.md: twenty short programs"""


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for demo.mp4, demo.png and demo.html.")] = Path(),
    seconds: Annotated[float, typer.Option(min=1, help="Duration of the clip.")] = 10.0,
    faces: Annotated[int, typer.Option(min=1, max=2, help="Number of faces in the clip.")] = 1,
    overwrite: Overwrite = False,
    animation: Annotated[Path | None, typer.Option(help="Write a small animated .gif, too.")] = None,
) -> None:
    """Track a face in a synthetic clip with ground truth; writes a video, a contact sheet and a report.

    demo.mp4, demo.png and demo.html. The clip is a virtual camera moving over a photograph (NASA, public domain) whose
    eyelids and lips are animated by warping. The face blinks, laughs, leaves the picture, returns, and is covered.
    """
    from contextlib import ExitStack

    from facetrack.demo_clip.clip import SyntheticClip
    from facetrack.drawing.faces import contact_sheet
    from facetrack.report import ReportSink
    from facetrack.sinks import AnimationSink, ImageSink, VideoSink

    console = open_console()
    clip = SyntheticClip(clip_options(seconds, faces))
    video_path, sheet_path, page_path = (out / f"demo{ending}" for ending in (".mp4", ".png", ".html"))
    check_outputs((animation,), (video_path, sheet_path, page_path), overwrite=overwrite)
    with ExitStack() as stack:
        sheet = stack.enter_context(ImageSink(sheet_path))
        page = stack.enter_context(ReportSink(page_path, source=video_path, command=typed_command()))
        pictures: list[VideoSink | AnimationSink] = [
            stack.enter_context(VideoSink(video_path, clip.options.size, fps=clip.options.fps))
        ]
        if animation is not None:
            pictures.append(stack.enter_context(AnimationSink(animation)))
        tracker = Tracking(engine="onnx").tracker()
        with progress_bar(console) as progress:
            run = Demo(clip)
            run.run(tracker, pictures, page, progress)
        sheet.write(contact_sheet(run.images, columns=4, cell_width=400, titles=run.titles))
    console.print(run.summary())
    for path in filter(None, (video_path, sheet_path, page_path, animation)):
        console.print(f"wrote {path.resolve()}", soft_wrap=True)
    console.print(f"\n{NEXT}", soft_wrap=True, markup=False)


def clip_options(seconds: float, faces: int) -> ClipOptions:
    """Return the clip's options: what happens in PERIOD_S again and again, as far as it ends within the clip."""
    from facetrack.demo_clip.clip import ClipOptions

    def repeated(spans: tuple[Span, ...]) -> tuple[Span, ...]:
        starts = [PERIOD_S * number for number in range(math.ceil(seconds / PERIOD_S))]
        return tuple((at + start, at + end) for at in starts for start, end in spans if at + end + 0.4 <= seconds)

    return ClipOptions(
        duration_s=seconds, faces=faces, blinks=repeated(BLINKS), yawns=repeated(WIDE), absent=repeated(AWAY),
        covered=repeated(COVERED),
    )  # fmt: skip


class Demo:
    """Run of the tracker on the clip: totals, landmark errors, and images for the contact sheet."""

    def __init__(self, clip: SyntheticClip) -> None:
        self.clip = clip
        self.totals = RunTotals()
        self.images: list[Image] = []
        self.titles: list[str] = []
        self.errors: list[float] = []
        self.events: list[Event] = []

    def run(
        self, tracker: FaceTracker, pictures: list[VideoSink | AnimationSink], page: ReportSink, progress: Progress
    ) -> None:
        from facetrack.drawing.signals import SignalOverlay
        from facetrack.loops.run_header import run_header

        every = max(1, len(self.clip) // SHEET_FRAMES)
        overlay = SignalOverlay()
        bar = progress.add_task("following", total=len(self.clip))
        page.begin(run_header(tracker, "demo.mp4", self.clip.options.size, self.clip.options.fps))
        for frame, truth in self.clip:
            faces = self.totals.update(tracker, frame)
            self.errors += [error_percent(faces, face) for face in truth if faces and face.visible.all()]
            events = (*tracker.events, *(tracker.finish() if frame.index + 1 == len(self.clip) else ()))
            self.events += [event for event in events if event.is_over]
            page.write(frame, faces, events)
            annotated = overlay.annotated(frame.image, faces, events, frame.time_s)
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
        blinks = self.clip.options.blinks
        if blinks:
            text += f"\nblinks found: {sum(map(self._has_blink, blinks))} of {len(blinks)}"
        if self.clip.options.absent:
            text += f"\nout of view and back: {counted(len(self.totals.ids), 'identity', 'identities')}"
        return text

    def _has_blink(self, span: Span) -> bool:
        start_s, end_s = span[0] - TOLERANCE_S, span[1] + TOLERANCE_S
        return any(e.kind == "blink" and e.start_s < end_s and e.until_s > start_s for e in self.events)


def error_percent(faces: list[Face], truth: FaceTruth) -> float:
    """Return the nearest face's mean error, in % of the inter-ocular distance (between the outer eye corners)."""
    import numpy as np

    from facetrack.topology import EYE_OUTER_CORNERS

    right, left = truth.points[list(EYE_OUTER_CORNERS)]
    distances = [np.linalg.norm(face.landmarks.points - truth.points, axis=1).mean() for face in faces]
    return float(100 * min(distances) / np.linalg.norm(left - right))
