"""The shell of `facetrack calibrate --gaze`: shows the points, feeds the frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from facetrack.signals.gaze_points import POINTS, GazePoints, point_at
from facetrack.stopping import Stopped

if TYPE_CHECKING:
    from facetrack.loops.window import Window
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Frame, Image

CANVAS_PX = (1280, 720)
"""Size of the picture of a point, which fills the screen."""
DOT_PX, COLOUR = 14, (80, 220, 255)


def watch_points(frames: Iterable[Frame], tracker: FaceTracker, window: Window | None) -> GazePoints:
    """Track the frames until the last point was shown; returns what the longest-seen face did.

    The first point appears with the first frame with a face. window: None for a video.
    """
    from facetrack.loops.steps import results

    found: dict[int, GazePoints] = {}
    start_s: float | None = None
    for result in results(frames, tracker, live=window is not None):
        if start_s is None and result.faces:
            start_s = result.frame.time_s
        since_s = None if start_s is None else result.frame.time_s - start_s
        if since_s is not None:
            for face in result.faces:
                found.setdefault(face.track_id, GazePoints()).add(since_s, face.signals, face.pose)
        index = None if since_s is None else point_at(since_s)
        if since_s is not None and index is None:
            break
        if window is not None:
            _show(window, index)
    return max(found.values(), key=lambda points: points.known_s, default=GazePoints())


def point_picture(index: int | None) -> Image:
    """Return the (H, W, 3) picture that fills the screen: a point, or what to do before a face is seen."""
    import cv2

    from facetrack.drawing.faces import write_text

    width, height = CANVAS_PX
    canvas = np.zeros((height, width, 3), np.uint8)
    if index is None:
        write_text(canvas, "waiting for a face: then look at each point", (60, height // 2), 28, (255, 255, 255))
    else:
        x, y = POINTS[index]
        cv2.circle(canvas, (round(x * (width - 1)), round(y * (height - 1))), DOT_PX, COLOUR, -1, cv2.LINE_AA)
    return canvas


def _show(window: Window, index: int | None) -> None:
    if window.show(point_picture(index)) in ("q", "esc") or window.closed:
        raise Stopped
