"""Faces of an average head under any pose, as a camera sees them, and files of JSON lines of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from facetrack.head_model import HEAD_MODEL_MM
from facetrack.sinks import Header, JsonLinesSink
from facetrack.types import Event, Face, Frame, Landmarks, Pose
from made_signals import signals_with

SIZE, FOCAL_PX = (640, 480), 550.0
BLACK = np.zeros((480, 640, 3), np.uint8)
PLACE_MM = (20.0, -10.0, 600.0)
OPEN = {
    "eyes_right_openness": 1.0, "eyes_left_openness": 1.0, "mouth_openness": 0.0, "smile_prob": 0.0,
    "smile_eye_narrowing": 0.0,
}  # fmt: skip
"""Signals of an attentive face at rest."""


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Any:
    """SciPy's rotation from head to camera with the signs of `Pose`."""
    return Rotation.from_euler("YXZ", [-yaw, -pitch, roll], degrees=True)


def posed(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, place_mm: Any = PLACE_MM) -> Pose:
    turned = rotation(yaw, pitch, roll).as_matrix()
    return Pose(turned, np.array(place_mm, np.float64), yaw, pitch, roll)


def made_face(
    pose: Pose | None = None, track_id: int = 1, model: Any = HEAD_MODEL_MM, sigma: float = 1.0, **signals: Any
) -> Face:
    """Return a face whose points are the model's, seen by a camera; signals by their CSV columns, over OPEN."""
    pose = pose or posed()
    seen = model @ pose.rotation.T + pose.translation_mm
    points = seen[:, :2] / seen[:, 2:] * FOCAL_PX + np.array(SIZE) / 2.0
    box = np.concatenate((points.min(axis=0), points.max(axis=0))).astype(np.float32)
    marks = Landmarks(points.astype(np.float32), np.full(68, sigma, np.float32))
    return Face(track_id, box, marks, 0.9, pose, signals_with(**(OPEN | signals)))


def frame(index: int, fps: float = 30.0) -> Frame:
    return Frame(BLACK, time_s=index / fps, index=index)


def nodding(frames: int, lost: range = range(0)) -> list[tuple[Frame, list[Face], tuple[Event, ...]]]:
    """Frames of one face that turns, nods, tilts and blinks; none in those of `lost`, where a smile ends as well."""
    found = []
    for i in range(frames):
        turn = np.sin(i / 7.0)
        pose = posed(20.0 * turn, 10.0 * np.cos(i / 5.0), -8.0 * turn, (30.0 * turn, -5.0, 600.0 + i))
        eye = 0.1 if i % 20 in (8, 9, 10) else 0.9
        face = made_face(pose, eyes_right_openness=eye, eyes_left_openness=eye, mouth_openness=0.5 + 0.4 * turn)
        events = (Event.completed("blink", 1, i / 30 - 0.1, i / 30),) if i % 20 == 11 else ()
        found.append((frame(i), [] if i in lost else [face], events))
    return found


def write_lines(path: Path, frames: list[tuple[Frame, list[Face], tuple[Event, ...]]]) -> Path:
    with JsonLinesSink(path) as sink:
        sink.begin(Header("made.mp4", *SIZE, 30.0))
        for item in frames:
            sink.write(*item)
    return path
