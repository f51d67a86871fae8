"""Rays of the gaze, drawn from the eyes that it was read from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack.angles import direction
from facetrack.topology import LEFT_EYE, RIGHT_EYE
from facetrack.types import Face

RAY_SHARE = 0.7
"""Length of a ray across the line of sight, in sizes of the face; a gaze into the camera is a point."""


def gaze_rays(face: Face, size_px: float) -> list[NDArray[np.floating]]:
    """Return a (2, 2) px line from each eye along the gaze, without perspective; none where the head alone tells it.

    size_px: of the face.
    """
    gaze, eyes = face.signals.gaze, face.signals.eyes
    if gaze.camera_yaw_deg is None or gaze.camera_pitch_deg is None:
        return []
    along = RAY_SHARE * size_px * np.array(direction(gaze.camera_yaw_deg, gaze.camera_pitch_deg)[:2])
    lines = []
    for eye, points in ((eyes.right, RIGHT_EYE), (eyes.left, LEFT_EYE)):
        start = face.landmarks.points[list(points)].mean(axis=0)
        if eye.gaze_yaw_deg is not None and np.isfinite(start).all():
            lines.append(np.stack([start, start + along]))
    return lines
