"""What is true of a clip of several people, and its file: JSON lines beside the video.

The first line is the header: {"kind": "facetrack crowd truth", "fps": 30.0, "size": [640, 480], "seed": 1, "scenes":
[{"name": "crossing", "first": 0, "last": 143}, ...]} with the first and last frame of each scene. Then one line per
frame, in order: {"frame": 0, "faces": [{"id": 1, "box": [x0, y0, x1, y1], "visible": 0.98, "present": true, "points":
[[x, y], ... 68]}, ...]}. A person has one id in the whole clip. A face wholly outside the picture is in no line.
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
"""At least half of a face must be seen for it to count as there."""
PRESENT_YAW_DEG = 60.0
"""A face turned further may be followed or not: beyond this 300-W has hardly a label (its faces end near profile)."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceTruth:
    """points: (68, 2) float32 px, also where they are hidden or outside. visible: 0..1, how much of the hull of the
    points is in the picture, not covered and not turned away. present: a tracker must have it; otherwise it may."""

    person: int
    points: Floats
    visible: float
    present: bool

    @property
    def box(self) -> Floats:
        """(4,) extent of the points, as the tracker has it."""
        return points_box(self.points)


@dataclass(frozen=True, slots=True)
class Span:
    """A scene's frames, the last one included."""

    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class ClipTruth:
    """frames: the faces of each frame."""

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
    """Raises DataError where the file is missing, is no such file, or lacks a frame of its scenes."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if not lines or lines[0].get("kind") != KIND:
            raise DataError(f"{path}: no truth of a crowd clip; give the .jsonl that `facetrack data crowd` wrote")
        head, rows = lines[0], lines[1:]
        scenes = tuple(Span(str(s["name"]), int(s["first"]), int(s["last"])) for s in head["scenes"])
        frames = [tuple(_face(face) for face in row["faces"]) for row in rows]
        order = [int(row["frame"]) for row in rows]
        truth = ClipTruth(float(head["fps"]), _size(head["size"]), int(head["seed"]), scenes, frames)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: expected the truth of a crowd clip, got {error!r}; make the clip again") from error
    wanted = [index for scene in scenes for index in range(scene.first, scene.last + 1)]
    if order != wanted:
        raise DataError(f"{path}: holds {len(order)} of the {len(wanted)} frames of its scenes; make the clip again")
    return truth


def _face(row: dict[str, Any]) -> FaceTruth:
    points = np.array(row["points"], np.float32)
    if points.shape != (N_POINTS, 2) or not np.isfinite(points).all():
        raise ValueError(f"face {row['id']} has points of shape {points.shape}, expected 68 known ones")
    return FaceTruth(int(row["id"]), points, float(row["visible"]), bool(row["present"]))


def _size(given: Sequence[int]) -> tuple[int, int]:
    width, height = given
    return int(width), int(height)
