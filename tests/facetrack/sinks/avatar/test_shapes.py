"""Blendshapes that signals carry; names and their orders; the main face; the neutral; the mirror image."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.errors import FacetrackError
from facetrack.sinks.avatar.arkit import LIVE_LINK_SHAPES, pascal, underscored
from facetrack.sinks.avatar.blendshapes import blendshapes
from facetrack.sinks.avatar.choice import FaceChoice
from facetrack.sinks.avatar.looks import eyes_deg
from facetrack.sinks.avatar.measures import measures
from facetrack.sinks.avatar.mirror import mirrored_face
from facetrack.sinks.avatar.neutral import Neutral
from facetrack.types.signals import ARKIT_52
from made_faces import made_face, posed, rotation


def test_the_52_names_in_their_orders():
    assert len(set(ARKIT_52)) == 52
    assert (ARKIT_52[0], ARKIT_52[22], ARKIT_52[43], ARKIT_52[51]) == (
        "browDownLeft", "jawForward", "mouthSmileLeft", "tongueOut",
    )  # fmt: skip
    assert [LIVE_LINK_SHAPES.index(name) for name in ("eyeBlinkRight", "jawOpen", "browInnerUp", "tongueOut")] == [
        7, 17, 43, 51,
    ]  # fmt: skip
    assert [pascal("eyeBlinkLeft"), underscored("eyeBlinkLeft"), underscored("jawLeft"), underscored("jawOpen")] == [
        "EyeBlinkLeft", "eyeBlink_L", "jawLeft", "jawOpen",
    ]  # fmt: skip


def test_signals_are_shapes_and_the_unknown_is_absent():
    face = made_face(
        eyes_right_openness=0.25, eyes_left_openness=None, smile_prob=0.5, smile_eye_narrowing=0.3, mouth_openness=0.6
    )
    found = blendshapes(face)
    assert found == {
        "eyeBlinkRight": 0.75, "mouthSmileLeft": 0.5, "mouthSmileRight": 0.5, "jawOpen": 0.6, "eyeSquintLeft": 0.3,
        "eyeSquintRight": 0.3, "cheekSquintLeft": 0.3, "cheekSquintRight": 0.3,
    }  # fmt: skip
    nothing = dict.fromkeys(("eyes_right_openness", "eyes_left_openness", "smile_prob", "smile_eye_narrowing"))
    assert blendshapes(made_face(mouth_openness=None, **nothing)) == {}
    hidden = made_face(mouth_openness=None)
    assert not any("mouthFrown" in name for name in blendshapes(hidden, measures(hidden), measures(hidden)))


def test_a_still_face_shows_nothing_and_every_value_is_a_share():
    face = made_face()
    found = blendshapes(face, measures(face), measures(face))
    assert all(value == pytest.approx(0.0, abs=1e-6) for value in found.values())
    rng = np.random.default_rng(0)
    for _ in range(50):
        points = face.landmarks.points + rng.normal(0, 6, (68, 2)).astype(np.float32)
        other = type(face)(1, face.box, type(face.landmarks)(points, face.landmarks.sigma), 1, face.pose, face.signals)
        shapes = blendshapes(other, measures(other), measures(face))
        assert set(shapes) <= set(ARKIT_52)
        assert all(0.0 <= value <= 1.0 for value in shapes.values())


def test_looks_come_from_the_eyes_alone():
    angles = {"head_yaw_deg": 0.0, "head_pitch_deg": 0.0, "gaze_yaw_deg": 15.0, "gaze_pitch_deg": 25.0}
    assert not any("Look" in name for name in blendshapes(made_face(gaze_source="head", **angles)))
    found = blendshapes(made_face(gaze_source="eyes", **angles))
    looks = {name: value for name, value in found.items() if "Look" in name and value}
    expected = {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5, "eyeLookUpLeft": 1.0, "eyeLookUpRight": 1.0}
    assert looks == pytest.approx(expected)


def test_looks_are_in_the_axes_of_a_head_that_tilts():
    """By SciPy: a head turned by 15 degrees, raised by 5 and tilted by 30, its eyes 20 aside and 3 down."""
    yaw, pitch = np.radians([20.0, -3.0])
    look = np.array([np.cos(pitch) * np.sin(yaw), -np.sin(pitch), -np.cos(pitch) * np.cos(yaw)])
    right, down, away = Rotation.from_euler("YXZ", [-15.0, -5.0, 30.0], degrees=True).apply(look)
    gaze = np.degrees([np.arctan2(right, -away), np.arcsin(-down)])
    angles = {"head_yaw_deg": 15.0, "head_pitch_deg": 5.0, "head_roll_deg": 30.0}
    face = made_face(gaze_source="eyes", gaze_yaw_deg=gaze[0], gaze_pitch_deg=gaze[1], **angles)
    assert eyes_deg(face) == pytest.approx((20.0, -3.0), abs=0.01)


def test_the_longest_followed_face_is_kept_until_it_is_lost():
    choice = FaceChoice()
    a, b = made_face(track_id=5), made_face(posed(place_mm=(0, 0, 300)), track_id=2)
    frames = [[a], [a, b], [b, a], [b], [a, b], []]
    chosen = [choice.choose(i / 30, faces) for i, faces in enumerate(frames)]
    assert [face and face.track_id for face in chosen] == [5, 5, 5, 2, 2, None]


def test_the_largest_face_and_one_track():
    near, far = made_face(posed(place_mm=(0, 0, 500)), track_id=1), made_face(posed(place_mm=(0, 0, 550)), track_id=2)
    largest = FaceChoice("largest")
    assert largest.choose(0.0, [far]).track_id == 2
    assert largest.choose(0.1, [far, near]).track_id == 2  # a tenth larger is not enough
    assert largest.choose(0.2, [far, made_face(posed(place_mm=(0, 0, 400)), track_id=3)]).track_id == 3
    one = FaceChoice("2")
    assert one.choose(0.0, [near]) is None
    assert one.choose(0.1, [near, far]).track_id == 2


@pytest.mark.parametrize("rule", ["", "0", "-1", "smallest", "1.5"])
def test_other_rules_are_refused(rule):
    with pytest.raises(FacetrackError, match="largest, longest"):
        FaceChoice(rule)


def test_a_neutral_waits_for_a_pose_and_is_taken_once():
    neutral, pose = Neutral(), posed(10, -5, 3)
    neutral.ask()
    assert not neutral.answer(None)
    assert neutral.turned(pose) is pose
    assert neutral.answer(pose)
    assert not neutral.answer(posed(40))
    straight = neutral.turned(pose)
    assert (straight.yaw_deg, straight.pitch_deg, straight.roll_deg) == pytest.approx((0, 0, 0), abs=1e-9)
    np.testing.assert_allclose(neutral.moved_mm(posed(place_mm=(21, -10, 590))), (1, 0, -10))
    relative = (rotation(10, -5, 3).inv() * rotation(30, 0, 0)).as_matrix()
    np.testing.assert_allclose(neutral.turned(posed(30)).rotation, relative, atol=1e-12)


def test_the_mirror_image_is_a_face_turned_the_other_way_and_mirroring_twice_is_nothing():
    face = made_face(posed(20, 10, -5, (50, 0, 600)), eyes_left_openness=0.2)
    mirrored, other = mirrored_face(face, 640), made_face(posed(-20, 10, 5, (-50, 0, 600)))
    np.testing.assert_allclose(mirrored.landmarks.points, other.landmarks.points - [1, 0], atol=1e-3)
    np.testing.assert_allclose(mirrored.box, other.box - [1, 0, 1, 0], atol=1e-3)
    np.testing.assert_allclose(mirrored.pose.rotation, other.pose.rotation, atol=1e-12)
    assert (mirrored.pose.yaw_deg, mirrored.pose.pitch_deg, mirrored.pose.roll_deg) == (-20, 10, 5)
    assert (mirrored.signals.eyes.right.openness, mirrored.signals.eyes.left.openness) == (0.2, 1.0)
    twice = mirrored_face(mirrored, 640)
    np.testing.assert_allclose(twice.landmarks.points, face.landmarks.points, atol=1e-3)
    np.testing.assert_array_equal(twice.pose.rotation, face.pose.rotation)
