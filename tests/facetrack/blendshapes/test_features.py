"""The features of the blendshape network do not depend on where and how the head is held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facetrack.angles import rotation_from_deg
from facetrack.blendshapes.features import MAX_TURN_DEG, N_FEATURES, features, mirrored
from facetrack.head_model import HEAD_MODEL_MM
from facetrack.sinks.avatar.mirror import mirrored_face
from facetrack.types import Face, Landmarks, Pose, Signals
from facetrack.types.signals import EyeSignals, EyesSignals, MouthSignals, SmileSignals

SIGNALS = Signals(
    EyesSignals(EyeSignals(0.9, 0.3, 0.8, 0.25, 0.0, 12.0, -5.0), EyeSignals(0.2, 0.3, 0.1, 0.05, 0.0, 6.0, -5.0)),
    MouthSignals(0.4, 0.3, 0.5),
    SmileSignals(0.7),
)


def face_at(yaw: float, pitch: float, roll: float, moved_mm: np.ndarray | None = None, scale: float = 2.0) -> Face:
    """Return a face whose points are an orthographic view of the average head, px."""
    rotation = rotation_from_deg(yaw, pitch, roll)
    head = HEAD_MODEL_MM if moved_mm is None else HEAD_MODEL_MM + moved_mm
    points = (scale * (head @ rotation.T)[:, :2] + (320.0, 240.0)).astype(np.float32)
    pose = Pose(rotation, np.array((0.0, 0.0, 600.0)), yaw, pitch, roll)
    marks = Landmarks(points, np.ones(68, np.float32))
    return Face(1, np.array((200, 100, 440, 380), np.float32), marks, 1.0, pose, SIGNALS)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (25, 0, 0), (-20, 15, 30), (10, -20, -60)])
def test_points_are_those_of_the_head_in_its_own_axes(yaw: float, pitch: float, roll: float) -> None:
    """Points on the average head's own depths come back in its axes; the oracle is the model itself, in cm."""
    seen = features(face_at(yaw, pitch, roll))
    ahead = features(face_at(0, 0, 0, scale=0.7))
    assert seen is not None
    assert ahead is not None
    rigid = [36, 39, 42, 45]
    wanted = HEAD_MODEL_MM[:, :2] / 10.0
    got, base = seen[:136].reshape(68, 2), ahead[:136].reshape(68, 2)
    np.testing.assert_allclose(base - base[rigid].mean(0), wanted - wanted[rigid].mean(0), atol=0.12)
    np.testing.assert_allclose(got, base, atol=0.05)


def test_a_raised_left_brow_moves_the_left_brow_alone() -> None:
    moved = np.zeros((68, 3))
    moved[22:27, 1] = -5.0  # 5 mm up; 22 to 26 are the person's left brow
    still, raised = features(face_at(10, 5, 20)), features(face_at(10, 5, 20, moved))
    assert still is not None
    assert raised is not None
    change = (raised - still)[:136].reshape(68, 2)
    assert change[22:27, 1] == pytest.approx(-0.5, abs=0.03)
    assert np.abs(np.delete(change, range(22, 27), axis=0)).max() < 1e-3


def test_the_features_of_the_mirror_image_are_the_mirrored_features() -> None:
    """Left is the person's left: the mirrored face is built by the senders' own code, not by the features'."""
    face = face_at(15, -8, 12)
    seen, other = features(face), features(mirrored_face(face, 640))
    assert seen is not None
    assert other is not None
    np.testing.assert_allclose(mirrored(seen[None])[0], other, atol=2e-3)
    assert not np.allclose(seen, other, atol=0.05)


def test_a_face_that_is_turned_away_or_has_no_pose_has_none() -> None:
    assert features(face_at(MAX_TURN_DEG + 5, 0, 0)) is None
    assert features(replace(face_at(0, 0, 0), pose=None)) is None


def test_unknown_eyes_are_not_a_number() -> None:
    seen = features(replace(face_at(0, 0, 0), signals=Signals()))
    assert seen is not None
    assert seen.shape == (N_FEATURES,)
    assert np.isnan(seen[139:]).all()
    assert np.isfinite(seen[:139]).all()
