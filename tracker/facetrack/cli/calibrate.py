"""`facetrack calibrate`: learn one person's levels of open and closed eyes, smile and frontal gaze; save a profile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.options import Tracking, takes_tracking
from facetrack.errors import DisplayError, FacetrackError
from facetrack.sinks.inputs import check_outputs
from facetrack.stopping import Stopped

if TYPE_CHECKING:
    from rich.console import Console

    from facetrack.loops.window import Window
    from facetrack.signals.calibration import Calibration
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Face, Frame, Image


@takes_tracking("model", "detector", "detector_model", "threads", "engine", "provider", "fov", max_faces=1)
def calibrate(
    tracking: Tracking,
    out: Annotated[Path, typer.Option(help="Output file of the profile (.json).")],
    camera: Annotated[str, typer.Option(help="A camera's index or device path, or a stream's URL.")] = "0",
    video: Annotated[Path | None, typer.Option(help="Calibrate from this video of one person instead.")] = None,
    window: Annotated[bool, typer.Option(help="Also show the instructions in a window.")] = True,
    gaze: Annotated[
        bool, typer.Option("--gaze", help="Calibrate the gaze by five points on the screen instead.")
    ] = False,
) -> None:
    """Calibrate to one person in ten seconds; writes a profile for --profile of live and video.

    With a camera, instructions are shown: look at the camera, close the eyes, smile, turn the head. A video needs no
    schedule: all levels it shows are learnt; the others are learnt later, during tracking. Of several faces the largest
    is used.

    With --gaze five points are shown on the whole screen, 2.2 s each: look at each. What the file of --out holds
    already is kept. A video must show a person who looked at these points, from the first frame with the face on.
    """
    from rich.console import Console

    from facetrack.capture import open_source, open_video
    from facetrack.signals.calibration import missing
    from facetrack.signals.profile import Profile

    console = Console(stderr=True)
    check_outputs((out,), inputs=(camera, video, *tracking.files))
    if gaze:
        _calibrate_gaze(tracking, out, camera, video, window)
        console.print(f"wrote {out}", highlight=False, soft_wrap=True)
        return
    known_gaze = Profile.load(out).gaze if out.is_file() else None  # of --gaze, in the head's own axes
    with ExitStack() as stack:
        tracker = tracking.tracker()
        if video is not None:
            recording: Iterable[Frame] = stack.enter_context(open_video(video))
            profile = watch(recording, tracker, None).profile()
        else:
            source = stack.enter_context(open_source(camera))
            guide = Guide(console, _window(stack) if window else None)
            profile = watch(source, tracker, guide).profile()
    profile = replace(profile, camera=tracker.options.camera, gaze=known_gaze)
    profile.save(out)
    for line in missing(profile):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"wrote {out}", highlight=False, soft_wrap=True)


def _calibrate_gaze(tracking: Tracking, out: Path, camera: str, video: Path | None, window: bool) -> None:
    """Add the gaze to the profile at `out`, or begin one there."""
    from facetrack.capture import open_source, open_video
    from facetrack.cli.shell.gaze_points import watch_points
    from facetrack.loops.window import Window
    from facetrack.signals.profile import NO_PROFILE, Profile

    base = Profile.load(out) if out.is_file() else NO_PROFILE
    if video is None and not window:
        raise FacetrackError("--gaze shows its points on the screen, got --no-window; leave it out, or give --video")
    with ExitStack() as stack:
        tracker = tracking.tracker()
        if tracker.options.camera is not None:
            base = replace(base, camera=tracker.options.camera)
        elif base.camera is not None:
            tracker.camera = base.camera
        if video is not None:
            points = watch_points(stack.enter_context(open_video(video)), tracker, None)
        else:
            source = stack.enter_context(open_source(camera))
            shown = stack.enter_context(Window("facetrack calibrate --gaze", full_screen=True))
            points = watch_points(source, tracker, shown)
    points.profile(base).save(out)


def watch(frames: Iterable[Frame], tracker: FaceTracker, guide: Guide | None) -> Calibration:
    """Track the frames, until the guide ends if there is one, and return the calibration of the longest-tracked face.

    guide: None for a video.
    """
    from facetrack.loops.steps import results
    from facetrack.signals.calibration import Calibration

    found: dict[int, Calibration] = {}
    for result in results(frames, tracker, live=guide is not None):
        for face in result.faces:
            found.setdefault(face.track_id, Calibration()).add(result.frame.time_s, face.signals, face.pose)
        if guide is not None and not guide.go_on(result.frame, result.faces):
            break
    return max(found.values(), key=lambda calibration: calibration.known_s, default=Calibration())


class Guide:
    """Instructions on the console and in the window, step by step; the time starts with the first frame with a face."""

    def __init__(self, console: Console, window: Window | None) -> None:
        self._console, self._window = console, window
        self._start_s: float | None = None
        self._announced_step = -1

    def go_on(self, frame: Frame, faces: Sequence[Face]) -> bool:
        """Show the instruction due after this frame; returns False after the last step."""
        from facetrack.signals.calibration import STEPS, step_at

        if self._start_s is None and faces:
            self._start_s = frame.time_s
        step = -1 if self._start_s is None else step_at(frame.time_s - self._start_s)
        if step is None:
            return False
        if step != self._announced_step:
            self._announced_step = step
            self._console.print(f"{step + 1}/{len(STEPS)}: {STEPS[step][1]}", highlight=False)
        return self._window is None or self._show(frame.image, step)

    def _show(self, image: Image, step: int) -> bool:
        from facetrack.drawing.faces import text_size_px, write_text
        from facetrack.signals.calibration import STEPS

        assert self._window is not None
        # Mirrored, as users expect of their own image.
        canvas = image[:, ::-1].copy()
        text = "waiting for a face" if step < 0 else f"{step + 1}/{len(STEPS)}: {STEPS[step][1]}"
        size_px = text_size_px(canvas)
        write_text(canvas, text, (int(size_px), int(2 * size_px)), size_px, (255, 255, 255))
        key = self._window.show(canvas)
        if key in ("q", "esc") or self._window.closed:
            raise Stopped
        return True


def _window(stack: ExitStack) -> Window | None:
    """Open the window; None without a display, as the terminal shows all instructions."""
    from facetrack.loops.window import Window

    try:
        return stack.enter_context(Window("facetrack calibrate"))
    except DisplayError:
        return None
