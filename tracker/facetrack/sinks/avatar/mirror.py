"""The mirror image of a face: what a person expects of an avatar that faces them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facetrack.sinks.avatar.head import Array
from facetrack.topology import FLIP
from facetrack.types import Face, Pose, Signals
from facetrack.types.signals import OTHER_SIDE

_SIDES = np.array((-1.0, 1.0, 1.0))


def mirrored_face(face: Face, width_px: int) -> Face:
    """Return the face as a camera with a mirrored picture would see it. width_px: of the picture."""
    marks = face.landmarks
    points = marks.points[FLIP] * np.array((-1, 1), np.float32) + np.array((width_px - 1, 0), np.float32)
    visibility = None if marks.visibility is None else marks.visibility[FLIP]
    x0, y0, x1, y1 = face.box.tolist()
    return replace(
        face,
        box=np.array((width_px - 1 - x1, y0, width_px - 1 - x0, y1), np.float32),
        landmarks=replace(marks, points=points, sigma=marks.sigma[FLIP], visibility=visibility),
        pose=None if face.pose is None else mirrored_pose(face.pose),
        signals=_mirrored_signals(face.signals),
    )


def mirrored_pose(pose: Pose) -> Pose:
    """Return the pose of the mirrored head: turned and tilted to the other side."""
    rotation = pose.rotation * np.outer(_SIDES, _SIDES)
    return replace(
        pose, rotation=rotation, translation_mm=mirrored_mm(pose.translation_mm), yaw_deg=-pose.yaw_deg,
        roll_deg=-pose.roll_deg,
    )  # fmt: skip


def mirrored_mm(place_mm: Array) -> Array:
    """(3,) mm, mirrored."""
    return place_mm * _SIDES


def _mirrored_signals(signals: Signals) -> Signals:
    eyes, head, gaze = signals.eyes, signals.head, signals.gaze
    right, left = (replace(eye, gaze_yaw_deg=_negative(eye.gaze_yaw_deg)) for eye in (eyes.left, eyes.right))
    return replace(
        signals,
        eyes=replace(eyes, right=right, left=left),
        head=replace(head, yaw_deg=_negative(head.yaw_deg), roll_deg=_negative(head.roll_deg)),
        gaze=replace(
            gaze,
            yaw_deg=_negative(gaze.yaw_deg),
            eyes_yaw_deg=_negative(gaze.eyes_yaw_deg),
            camera_yaw_deg=_negative(gaze.camera_yaw_deg),
        ),
        blendshapes=None
        if signals.blendshapes is None
        else {OTHER_SIDE[name]: value for name, value in signals.blendshapes.items()},
    )


def _negative(value: float | None) -> float | None:
    return None if value is None else -value
