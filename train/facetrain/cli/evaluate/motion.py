"""`facetrack eval motion`: share of frames in which a fast-moving face is lost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from facetrack.cli.options import Tracking, takes_tracking
from facetrack.errors import DataError
from facetrain.evaluation.tracking import fast_motion
from facetrain.reporting.progress import with_progress

SPEEDS = "1,2,3,4,6"
Speeds = Annotated[
    str, typer.Option(help="Speeds of the camera, as multiples of `facetrack demo`'s; separated by commas.")
]
Fps = Annotated[float, typer.Option(help="Frames per second: half as many make every step twice as long.")]
Seconds = Annotated[float, typer.Option(help="Length of each clip.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same clips.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and motion.png.")]


@takes_tracking("model", "smooth", engine="onnx", max_faces=1)
def motion(
    tracking: Tracking,
    speeds: Speeds = SPEEDS,
    fps: Fps = 30.0,
    seconds: Seconds = 10.0,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Count the frames in which a fast-moving face is lost.

    A virtual camera sweeps over the bundled photograph at each of the speeds; no other data is needed.
    """
    camera_speeds = positive_numbers(speeds)
    if not (0 < fps < math.inf and 0 < seconds < math.inf):
        raise DataError(f"--fps is {fps:g} and --seconds {seconds:g}; expected both above 0, such as 30 and 10")

    tracker = tracking.tracker()
    motions = []
    for speed in with_progress(camera_speeds, "tracking"):
        tracker.reset()
        clip = fast_motion.virtual_camera(speed, fps, seconds, seed)
        motions.append(fast_motion.measure(clip, tracker.update, speed, fps))
    fast_motion.report(motions).output(out)


def positive_numbers(text: str) -> list[float]:
    """Parse numbers above 0 separated by commas, such as `1,2.5`. Raises DataError for anything else."""
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number < math.inf for number in numbers):
        raise DataError(f"--speeds is '{text}'; expected numbers above 0 separated by commas, such as {SPEEDS}")
    return numbers
