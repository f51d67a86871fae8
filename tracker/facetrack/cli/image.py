"""`facetrack image`: faces in one image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrack.cli.options import Json, Overwrite, Tracking, takes_tracking
from facetrack.sinks.inputs import check_outputs

DETECTOR_PX = 640
"""Detector resolution, twice that of a video: there are no further frames, and latency does not matter."""


@takes_tracking(
    "model", "detector", "detector_model", "max_faces", "threads", "engine", "provider", "fov", max_faces=64
)
def image(
    tracking: Tracking,
    photo: Annotated[Path, typer.Argument(help="An image.")],
    out: Annotated[
        Path | None, typer.Option(help="Annotated image; by default PHOTO_faces.png in the current folder.")
    ] = None,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Detect the faces in one image, draw their landmarks, and print their boxes and head poses."""
    from rich.console import Console

    from facetrack.capture import read_image
    from facetrack.drawing.faces import draw_faces
    from facetrack.loops.run_header import run_header
    from facetrack.sinks import ImageSink, JsonLinesSink
    from facetrack.types import Frame

    console = Console(stderr=True)
    named, inputs = (json, out), (photo, *tracking.files)
    if out is None and json is None:
        out = Path(f"{photo.stem}_faces.png")
    check_outputs(named, () if out in named else (out,), inputs, overwrite)
    frame = Frame(read_image(photo), time_s=0.0, index=0)
    tracker = tracking.tracker(DETECTOR_PX, smoothing="off", confirmations=1, single=True)
    faces = tracker.update(frame)
    if json is not None:
        with JsonLinesSink(json, source=inputs) as sink:
            sink.begin(run_header(tracker, photo, (frame.image.shape[1], frame.image.shape[0]), None))
            sink.write(frame, faces)
    if out is not None:
        with ImageSink(out, source=inputs) as picture:
            picture.write(draw_faces(frame.image, faces))
    for face in faces:
        where = (
            f"yaw {face.pose.yaw_deg:+.0f}, pitch {face.pose.pitch_deg:+.0f}, roll {face.pose.roll_deg:+.0f} deg"
            if face.pose
            else "pose unknown"
        )
        console.print(
            f"face {face.track_id}: box {[round(float(v)) for v in face.box]}, score {face.score:.2f}, {where}",
            highlight=False,
        )
    console.print(
        f"{len(faces)} face{'s' if len(faces) != 1 else ''} found" + (f"; wrote {out}" if out else ""), highlight=False
    )
