"""Ground truth of a clip of several people, and its file: JSON lines beside the video.

The first line is the header: {"kind": "facetrack crowd truth", "fps": 30.0, "size": [640, 480], "seed": 1, "scenes":
[{"name": "crossing", "first": 0, "last": 143}, ...]} with the first and last frame of each scene. Then one line per
frame, in order: {"frame": 0, "faces": [{"id": 1, "box": [x0, y0, x1, y1], "visible": 0.98, "present": true, "points":
[[x, y], ... 68]}, ...]}. A person has one id in the whole clip. A face wholly outside the frame is in no line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facetrack.errors import DataError
from facetrack.geometry import points_box
from facetrack.topology import N_POINTS
from facetrack.types import Floats

KIND = "facetrack crowd truth"
PRESENT_SHARE = 0.5
"""Visible share from which a face counts as present."""
PRESENT_YAW_DEG = 60.0
"""Yaw beyond which a face need not be tracked: 300-W has hardly any labels there (its faces end near profile)."""
PROFILE_YAW_DEG = 90.0
"""The same in the clip of turning heads: until there one eye is seen."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceTruth:
    """Ground truth of one face in one frame.

    points: (68, 2) float32 px, also where occluded or outside the frame.
    visible: 0..1, share of the points' hull inside the frame, not occluded and not turned away.
    present: whether a tracker must report the face; others it may report.
    """

    person: int
    points: Floats
    visible: float
    present: bool

    @property
    def box(self) -> Floats:
        """Bounding box (4,) of the points, as the tracker reports it."""
        return points_box(self.points)


@dataclass(frozen=True, slots=True)
class Span:
    """Frame range of a scene, `last` included."""

    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class ClipTruth:
    """Ground truth of a clip.

    frames: the faces of each frame.
    """

    fps: float
    size: tuple[int, int]
    seed: int
    scenes: tuple[Span, ...]
    frames: Sequence[tuple[FaceTruth, ...]]


def header_line(fps: float, size: tuple[int, int], seed: int, scenes: Sequence[Span]) -> str:
    spans = [{"name": scene.name, "first": scene.first, "last": scene.last} for scene in scenes]
    return json.dumps({"kind": KIND, "fps": fps, "size": list(size), "seed": seed, "scenes": spans}) + "\n"


def frame_line(index: int, faces: Sequence[FaceTruth]) -> str:
    rows = [
        {
            "id": face.person,
            "box": np.round(face.box.astype(float), 2).tolist(),
            "visible": round(face.visible, 3),
            "present": face.present,
            "points": np.round(face.points.astype(float), 2).tolist(),
        }
        for face in faces
    ]
    return json.dumps({"frame": index, "faces": rows}) + "\n"


def read_truth(path: Path) -> ClipTruth:
    """Read a ground-truth file. Raises DataError where it is missing, of another kind, or lacks a frame."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if not lines or lines[0].get("kind") != KIND:
            raise DataError(f"{path}: no ground truth of a crowd; give the .jsonl that `facetrack data crowd` wrote")
        head, rows = lines[0], lines[1:]
        scenes = tuple(Span(str(s["name"]), int(s["first"]), int(s["last"])) for s in head["scenes"])
        frames = [tuple(_face(face) for face in row["faces"]) for row in rows]
        order = [int(row["frame"]) for row in rows]
        truth = ClipTruth(float(head["fps"]), _size(head["size"]), int(head["seed"]), scenes, frames)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: expected the ground truth of a crowd, got {error!r}; make the clip again") from error
    expected = [index for scene in scenes for index in range(scene.first, scene.last + 1)]
    if order != expected:
        raise DataError(f"{path}: holds {len(order)} of the {len(expected)} frames of its scenes; make the clip again")
    return truth


def _face(row: dict[str, Any]) -> FaceTruth:
    points = np.array(row["points"], np.float32)
    if points.shape != (N_POINTS, 2) or not np.isfinite(points).all():
        raise ValueError(f"face {row['id']} has points of shape {points.shape}, expected 68 finite points")
    return FaceTruth(int(row["id"]), points, float(row["visible"]), bool(row["present"]))


def _size(size: Sequence[int]) -> tuple[int, int]:
    width, height = size
    return int(width), int(height)
