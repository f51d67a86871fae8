"""CSV with the columns of OpenFace 2.2 (its RecorderCSV.cpp) that facetrack can fill, for scripts that read those."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from facetrack.sinks.csv import CsvSink
from facetrack.topology import N_POINTS
from facetrack.types import Event, Face, Frame, Pose

COLUMNS = (
    *("frame", "face_id", "timestamp", "confidence", "success"),
    *("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"),
    *(f"{axis}_{index}" for axis in "xy" for index in range(N_POINTS)),
)
"""Gaze, eye landmarks, 3-D points, shape parameters and action units are left out, not guessed: scripts that select
columns by name find those that are there."""
_NOTHING = ",".join(["0"] * (len(COLUMNS) - 5))


class OpenFaceCsvSink(CsvSink):
    """One row per face and frame; a frame without a face has one row with success 0 and zeros, as OpenFace writes.

    frame counts from 1, face_id is the track's number less 1. success is 1 with a pose. Positions are those of the
    head's origin midway between the eyes, mm. target, source: as of `CsvSink`. Raises OutputError.
    """

    columns = COLUMNS

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Write one frame's rows; events have no columns there."""
        self._lines.write("".join(f"{row}\n" for row in _rows(frame, faces)))


def _rows(frame: Frame, faces: Sequence[Face]) -> Iterator[str]:
    start = f"{frame.index + 1}"
    if not faces:
        yield f"{start},0,{frame.time_s:.3f},0.00,0,{_NOTHING}"
    for face in faces:
        score = face.score if math.isfinite(face.score) else 0.0
        x_px, y_px = face.landmarks.points.T.tolist()
        points = ",".join(f"{value:.1f}" for value in (*x_px, *y_px))
        place = "0.0,0.0,0.0,0.000,0.000,0.000" if face.pose is None else _place(face.pose)
        success = int(face.pose is not None)
        yield f"{start},{face.track_id - 1},{frame.time_s:.3f},{score:.2f},{success},{place},{points}"


def _place(pose: Pose) -> str:
    angles = ",".join(f"{angle:.3f}" for angle in openface_angles(pose))
    return ",".join(f"{value:.1f}" for value in pose.translation_mm.tolist()) + f",{angles}"


def openface_angles(pose: Pose) -> tuple[float, float, float]:
    """Rx, Ry, Rz in radians of R = Rx Ry Rz in the camera's axes, which is another order than facetrack's."""
    (r00, r01, r02), (_, _, r12), (_, _, r22) = pose.rotation.tolist()
    return math.atan2(-r12, r22), math.asin(max(-1.0, min(1.0, r02))), math.atan2(-r01, r00)
