"""Head pose against models projected with SciPy's rotations, and its signs against cases built by hand."""

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack import topology
from facetrack.angles import euler_deg, quaternion, rotation_from_quaternion
from facetrack.pose import RIGID_MODEL_MM, head_pose
from facetrack.types import CameraModel
from places import HEAD_MODEL

SIZE = (640, 480)
FOCAL = 320 / np.tan(np.radians(30))
TIP = topology.RIGID.index(topology.NOSE_TIP)


def rotation_of(yaw, pitch, roll):
    """Our signs in SciPy's terms: x right, y down, z away, turning about the moving axes y, x, z."""
    return Rotation.from_euler("YXZ", [-yaw, -pitch, roll], degrees=True).as_matrix()


def project(model, rotation, translation, focal=FOCAL, size=SIZE):
    """(13, 3) mm -> (68, 2) px with the rigid points filled in, by a pinhole camera."""
    in_camera = model @ rotation.T + translation
    points = np.full((68, 2), np.nan)
    centre = (np.array(size) - 1) / 2
    points[list(topology.RIGID)] = focal * in_camera[:, :2] / in_camera[:, 2:] + centre
    return points


def angles(pose):
    return np.array([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])


ALL_TURNS = list(itertools.product(range(-45, 46, 15), range(-30, 31, 15), range(-30, 31, 15)))


def test_a_quaternion_is_scipys():
    by_hand = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    assert quaternion(by_hand) == pytest.approx((np.sqrt(0.5), 0, 0, np.sqrt(0.5)))
    assert quaternion(np.eye(3)) == (0.0, 0.0, 0.0, 1.0)
    half_turns = Rotation.from_rotvec(np.pi * np.eye(3))  # w = 0: each component is the largest once
    for rotation in [*half_turns, *Rotation.random(200, np.random.default_rng(0))]:
        matrix = rotation.as_matrix()
        found = np.array(quaternion(matrix))
        assert np.abs(found @ rotation.as_quat()) == pytest.approx(1)  # scipy: x, y, z, w; either sign is the rotation
        assert found[3] >= -1e-12
        np.testing.assert_allclose(rotation_from_quaternion(*found), matrix, atol=1e-12)
        np.testing.assert_allclose(rotation_from_quaternion(*(3 * found)), matrix, atol=1e-12)


def test_the_default_camera_sees_60_degrees_across_the_longer_side():
    assert CameraModel().intrinsics(SIZE) == pytest.approx((FOCAL, FOCAL, 319.5, 239.5))
    assert CameraModel().intrinsics((480, 640)) == pytest.approx((FOCAL, FOCAL, 239.5, 319.5))


def test_a_field_of_view_is_across_the_width():
    assert CameraModel(fov_deg=90).intrinsics(SIZE)[:2] == pytest.approx((320, 320))
    assert CameraModel(fov_deg=90).intrinsics((480, 640))[:2] == pytest.approx((240, 240))
    assert CameraModel(fov_deg=75).horizontal_fov_deg((1280, 720)) == pytest.approx(75)


def test_intrinsics_hold_for_their_size_and_are_scaled_to_others():
    camera = CameraModel(fx=1000, fy=990, cx=639.5, cy=350, width=1280, height=720)
    assert camera.intrinsics((1280, 720)) == (1000, 990, 639.5, 350)
    # Half the size: the middle of 1280 columns stays the middle of 640; row 350 has its centre 350.5 px from the top.
    assert camera.intrinsics((640, 360)) == pytest.approx((500, 495, 319.5, 174.75))
    assert CameraModel(fx=700).intrinsics(SIZE) == (700, 700, 319.5, 239.5)


def test_intrinsics_of_another_aspect_ratio_and_of_a_camera_turned_upright():
    camera = CameraModel(fx=1000, fy=990, cx=649.5, cy=359.5, width=1280, height=720)
    # A square of 360 is the middle of 640x360: half the scale, the principal point 5 px right of the middle.
    assert camera.intrinsics((360, 360)) == pytest.approx((500, 495, 184.5, 179.5))
    assert camera.intrinsics((720, 1280)) == pytest.approx((990, 1000, 359.5, 639.5))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"fov_deg": 180.0}, "under 180"),
        ({"fov_deg": 0.0}, "above 0"),
        ({"fov_deg": 60.0, "fx": 500.0}, "leave one out"),
        ({"fy": 500.0}, "without fx"),
        ({"fx": float("nan")}, "fx is nan"),
    ],
)
def test_what_is_no_camera_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        CameraModel(**values)


def test_unequal_focal_lengths_and_a_principal_point_aside():
    rotation, place = rotation_of(12, -7, 4), np.array([60.0, -20.0, 700.0])
    in_camera = RIGID_MODEL_MM @ rotation.T + place
    points = np.zeros((68, 2), np.float32)
    points[list(topology.RIGID)] = in_camera[:, :2] / in_camera[:, 2:] * [900.0, 700.0] + [300.0, 260.0]
    pose = head_pose(points, SIZE, CameraModel(fx=900.0, fy=700.0, cx=300.0, cy=260.0))
    np.testing.assert_allclose(pose.rotation, rotation, atol=2e-3)
    np.testing.assert_allclose(pose.translation_mm, place, rtol=2e-3, atol=1.0)


def test_exact_points_give_the_exact_pose():
    rng = np.random.default_rng(0)
    for turn in ALL_TURNS:
        depth = rng.uniform(250, 1500)
        place = np.array([*(rng.uniform(-0.3, 0.3, 2) * SIZE * depth / FOCAL), depth])
        rotation = rotation_of(*turn)
        pose = head_pose(project(RIGID_MODEL_MM, rotation, place), SIZE)
        assert pose is not None
        np.testing.assert_allclose(angles(pose), turn, atol=0.05)
        np.testing.assert_allclose(pose.rotation, rotation, atol=1e-3)
        np.testing.assert_allclose(pose.translation_mm, place, rtol=2e-3, atol=1.0)


@pytest.mark.parametrize(("noise_px", "mean_deg", "worst_deg"), [(0.5, 0.6, 3.0), (1.0, 1.1, 5.0)])
def test_noise_at_100_px_between_the_eyes(noise_px, mean_deg, worst_deg):
    rng = np.random.default_rng(1)
    depth = 89.2 * FOCAL / 100.0
    errors = []
    for turn in ALL_TURNS:
        points = project(RIGID_MODEL_MM, rotation_of(*turn), [0, 0, depth])
        pose = head_pose(points + rng.normal(0, noise_px, points.shape), SIZE)
        assert pose is not None
        errors.append(np.abs(angles(pose) - turn))
    print(f"{noise_px} px: mean error {np.mean(errors, axis=0).round(2)}, worst {np.max(errors, axis=0).round(2)} deg")
    assert np.mean(errors, axis=0).max() < mean_deg
    assert np.max(errors) < worst_deg


def test_a_still_frontal_face_does_not_flip():
    rng = np.random.default_rng(2)
    points = project(RIGID_MODEL_MM, np.eye(3), [0, 0, 600.0])
    seen = np.array([angles(head_pose(points + rng.normal(0, 0.7, points.shape), SIZE)) for _ in range(200)])
    assert np.abs(seen).max() < 8
    assert np.abs(seen.mean(axis=0)).max() < 0.4


def test_signs_by_hand():
    """The image moves as the words of types.Pose say; each turn small enough to be read off the picture."""
    straight = project(RIGID_MODEL_MM, np.eye(3), [0, 0, 600.0])[list(topology.RIGID)]

    def nudged(shift_tip=(0.0, 0.0), turn_deg=0.0):
        c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
        # In a picture whose y points down, this matrix turns clockwise: right (1, 0) goes to (c, s), down.
        points = (straight - straight.mean(axis=0)) @ np.array([[c, -s], [s, c]]).T + straight.mean(axis=0)
        points[TIP - 1 : TIP + 1] += shift_tip
        full = np.full((68, 2), np.nan)
        full[list(topology.RIGID)] = points
        return head_pose(full, SIZE)

    assert nudged(shift_tip=(6, 0)).yaw_deg > 2
    assert nudged(shift_tip=(-6, 0)).yaw_deg < -2
    assert nudged(shift_tip=(0, -6)).pitch_deg > 2
    assert nudged(shift_tip=(0, 6)).pitch_deg < -2
    assert nudged(turn_deg=20).roll_deg == pytest.approx(20, abs=1)
    assert nudged(turn_deg=-20).roll_deg == pytest.approx(-20, abs=1)


def test_yaw_moves_the_nose_to_the_pictures_right():
    straight = project(RIGID_MODEL_MM, np.eye(3), [0, 0, 600.0])[topology.NOSE_TIP]
    turned = project(RIGID_MODEL_MM, rotation_of(20, 0, 0), [0, 0, 600.0])[topology.NOSE_TIP]
    raised = project(RIGID_MODEL_MM, rotation_of(0, 20, 0), [0, 0, 600.0])[topology.NOSE_TIP]
    assert turned[0] > straight[0] + 10
    assert raised[1] < straight[1] - 10


def test_euler_angles_do_not_couple():
    rng = np.random.default_rng(3)
    for yaw, pitch, roll in rng.uniform(-80, 80, (100, 3)):
        rotation = rotation_of(yaw, pitch, roll)
        np.testing.assert_allclose(euler_deg(rotation), (yaw, pitch, roll), atol=1e-9)
        looks = rotation @ [0, 0, -1]  # where the nose points: bearing and elevation, whatever the roll
        assert np.degrees(np.arctan2(looks[0], -looks[2])) == pytest.approx(yaw)
        assert np.degrees(np.arcsin(-looks[1])) == pytest.approx(pitch)


def test_focal_length_and_an_upright_picture():
    rotation, place = rotation_of(25, -10, 5), np.array([40.0, -60.0, 700.0])
    pose = head_pose(project(RIGID_MODEL_MM, rotation, place, focal=900.0), SIZE, CameraModel(fx=900.0))
    np.testing.assert_allclose(pose.translation_mm, place, rtol=1e-2)
    upright = project(RIGID_MODEL_MM, rotation, place, size=SIZE[::-1])
    np.testing.assert_allclose(angles(head_pose(upright, SIZE[::-1])), (25, -10, 5), atol=0.05)


def test_what_is_no_head_has_no_pose():
    rng = np.random.default_rng(4)
    assert head_pose(np.full((68, 2), 100.0, np.float32), SIZE) is None
    assert head_pose(np.full((68, 2), np.nan, np.float32), SIZE) is None
    line = np.column_stack([np.arange(68.0), np.arange(68.0)]) * 3
    assert head_pose(line.astype(np.float32), SIZE) is None
    found = [head_pose(rng.uniform(100, 400, (68, 2)).astype(np.float32), SIZE) for _ in range(200)]
    assert sum(pose is not None for pose in found) == 0


@pytest.mark.data
@pytest.mark.skipif(not HEAD_MODEL.exists(), reason="needs ../shared/models/ict_face_model.npz")
def test_other_peoples_heads():
    """Identities of USC's morphable head, whose proportions are not ours: what a stranger's pose may be off by."""
    with np.load(HEAD_MODEL) as ict:
        chosen = ict["landmarks68"][list(topology.RIGID)]
        mean, identity = ict["vertices"][chosen], ict["identity"][:, chosen].astype(np.float64)
    rng = np.random.default_rng(5)
    errors = []
    for _ in range(200):
        shape = mean + np.tensordot(rng.normal(0, 1, len(identity)), identity, axes=1)
        model = shape * [10, -10, -10]  # cm with y up and z towards the viewer -> mm in the camera's axes
        turn = rng.uniform((-45, -30, -30), (45, 30, 30))
        pose = head_pose(project(model - model[:4].mean(axis=0), rotation_of(*turn), [0, 0, 600.0]), SIZE)
        assert pose is not None
        errors.append(angles(pose) - turn)
    mae, bias = np.abs(errors).mean(axis=0), np.mean(errors, axis=0)
    print(f"200 identities: mean abs error {mae.round(2)}, bias {bias.round(2)} deg (yaw, pitch, roll)")
    assert (mae < (2.5, 3.5, 1.0)).all()
    assert np.abs(bias).max() < 2.0
