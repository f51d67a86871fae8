"""What the blendshape network sees of a face: its points in the head's own axes, its attitude, eyes and mouth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facetrack.head_model import HEAD_MODEL_MM, RIGID_MODEL_MM
from facetrack.topology import FLIP, N_POINTS, RIGID
from facetrack.types import Face, Floats

Array = NDArray[np.float64]

MAX_TURN_DEG = 40.0
"""Turned or tilted further, the far half of the face is foreshortened by more than it moves: nothing is said."""
_RIGID = np.array(RIGID)
_MODEL = RIGID_MODEL_MM - RIGID_MODEL_MM.mean(axis=0)
_DEPTH = HEAD_MODEL_MM[:, 2:] - RIGID_MODEL_MM[:, 2].mean()
_SCALES = np.array((*(2 * (1.0, 1.0, 5.0, 0.05, 0.05)), 1.0, 1.0, 1.0), np.float32)
"""Of openness, the network's reading of it, gap, yaw and pitch of each eye, then of what is known of the mouth."""
N_FEATURES = 2 * N_POINTS + 3 + len(_SCALES)
_POSE, _EYES = 2 * N_POINTS, 2 * N_POINTS + 3
_PER_EYE = 5
_MOUTH = _EYES + 2 * _PER_EYE
UNIT_MM = 10.0


def features(face: Face) -> Floats | None:
    """Return (N_FEATURES,) numbers of about one; None without a pose, or turned by more than MAX_TURN_DEG.

    The points are de-rotated by weak perspective (POS; DeMenthon and Davis, 1995), each at the depth that
    the average head has there: x to the person's left and y down, in UNIT_MM. What is unknown of eyes and mouth is NaN.
    """
    pose = face.pose
    if pose is None or not max(abs(pose.yaw_deg), abs(pose.pitch_deg)) <= MAX_TURN_DEG:
        return None
    points = face.landmarks.points
    rows = pose.rotation[:2]
    seen = points.take(_RIGID, axis=0)
    centre = np.add.reduce(seen, axis=0) / len(_RIGID)
    flat = _MODEL @ rows.T
    off = seen - centre
    scale = float(np.vdot(off, flat)) / float(np.vdot(flat, flat))
    if not scale > 1e-6:
        return None
    (a, b), (c, d) = rows[:, :2].tolist()
    turn = scale * UNIT_MM * (a * d - b * c)
    out = np.empty(N_FEATURES, np.float32)
    seen = points - centre - _DEPTH * (scale * rows[:, 2])
    out[:_POSE] = (seen @ np.array(((d / turn, -c / turn), (-b / turn, a / turn)))).ravel()
    out[_POSE:_EYES] = pose.yaw_deg / 20.0, pose.pitch_deg / 20.0, pose.roll_deg / 20.0
    signals = face.signals
    right, left, mouth = signals.eyes.right, signals.eyes.left, signals.mouth
    known = (
        right.openness, right.open_prob, right.gap, right.gaze_yaw_deg, right.gaze_pitch_deg,
        left.openness, left.open_prob, left.gap, left.gaze_yaw_deg, left.gaze_pitch_deg,
        mouth.openness, mouth.open_prob, signals.smile.prob,
    )  # fmt: skip
    out[_EYES:] = [math.nan if value is None else value for value in known]
    out[_EYES:] *= _SCALES
    return out if math.isfinite(centre[0] + centre[1]) else None


def mirrored(rows: Floats) -> Floats:
    """Return the (N, N_FEATURES) features of the mirror images of faces."""
    out = rows.copy()
    points = rows[:, :_POSE].reshape(-1, N_POINTS, 2)[:, FLIP]
    out[:, :_POSE] = (points * np.array((-1, 1), np.float32)).reshape(len(rows), _POSE)
    out[:, _POSE] *= -1
    out[:, _POSE + 2] *= -1
    half = _PER_EYE
    out[:, _EYES : _EYES + half], out[:, _EYES + half : _MOUTH] = (
        rows[:, _EYES + half : _MOUTH], rows[:, _EYES : _EYES + half],
    )  # fmt: skip
    out[:, [_EYES + 3, _EYES + half + 3]] *= -1
    return out
