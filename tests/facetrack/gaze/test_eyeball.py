"""The eyes' direction in the head, against eyeballs placed in space by hand and seen through a pinhole camera."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.gaze import eyes_in_head
from facetrack.types import EyesReading, Pose

FX, FY, CX, CY = 900.0, 880.0, 330.0, 250.0
CORNERS_MM = np.array([[(-44.6, -0.9, 3.0), (-18.4, 0.9, -3.0)], [(18.4, 0.9, -3.0), (44.6, -0.9, 3.0)]])
"""The head's own, as an average head has them: x to the picture's right, y down, z into the head."""
TURN_MM, UP_MM, OUT_MM, FORWARD_MM = 10.4, 2.5, 0.9, 4.3


def turned(yaw, pitch, roll=0.0):
    """SciPy's rotation with the signs of `Pose`."""
    return Rotation.from_euler("YXZ", [-yaw, -pitch, roll], degrees=True)


def seen(points, pose):
    place = points @ pose.rotation.T + pose.translation_mm
    return (place[:, :2] / place[:, 2:] * (FX, FY) + (CX, CY)).astype(np.float32)


def reading(pose, looks, *, covered=(0.1, 0.1), sigma_px=0.5, shift_px=(0.0, 0.0)):
    """Both eyes of this head as a perfect network reads them. looks: (yaw, pitch) of each in the head."""
    contour, irises = np.zeros((2, 6, 2), np.float32), []
    for side, look in enumerate(looks):
        middle = CORNERS_MM[side].mean(axis=0)
        centre = middle + np.array([(-OUT_MM, OUT_MM)[side], -UP_MM, TURN_MM - FORWARD_MM])
        iris = centre + turned(*look).apply([0.0, 0.0, -TURN_MM])
        contour[side, [0, 3]] = seen(CORNERS_MM[side], pose) + np.float32(shift_px)
        irises.append(seen(iris[None], pose)[0] + np.float32(shift_px))
    ones = np.ones(2, np.float32)
    return EyesReading(
        contour, np.full((2, 6), sigma_px, np.float32), np.array(irises), 5 * ones, sigma_px * ones, 0.3 * ones,
        0.05 * ones, np.full((2, 3), 1 / 3, np.float32), np.array(covered, np.float32),
    )  # fmt: skip


def posed(yaw=0.0, pitch=0.0, roll=0.0, place_mm=(20.0, -30.0, 650.0)):
    return Pose(turned(yaw, pitch, roll).as_matrix(), np.array(place_mm), yaw, pitch, roll)


@pytest.mark.parametrize("head", [(0, 0, 0), (25, -10, 8), (-40, 12, -15)])
@pytest.mark.parametrize("look", [(0, 0), (20, 0), (-20, 0), (0, 12), (0, -18), (15, -10)])
def test_looks_are_found_under_any_head(head, look):
    pose = posed(*head)
    right, left = eyes_in_head(reading(pose, (look, (look[0] - 3, look[1]))), pose, (FX, FY, CX, CY))
    assert (right.yaw_deg, right.pitch_deg) == pytest.approx(look, abs=0.01)
    assert (left.yaw_deg, left.pitch_deg) == pytest.approx((look[0] - 3, look[1]), abs=0.01)


def test_a_place_that_the_pose_has_wrong_changes_nothing():
    pose = posed(10, 5)
    found = eyes_in_head(reading(pose, ((12, 4), (12, 4)), shift_px=(9.0, -6.0)), pose, (FX, FY, CX, CY))
    for eye in found:
        assert (eye.yaw_deg, eye.pitch_deg) == pytest.approx((12, 4), abs=1.0)


def test_sigma_is_that_of_noise_in_the_picture():
    """By a thousand draws of noise on iris and corners, head and eyes straight ahead: within a tenth."""
    rng, pose = np.random.default_rng(0), posed()
    exact = reading(pose, ((0, 0), (0, 0)), sigma_px=0.4)
    angles = []
    for _ in range(1000):
        noisy = reading(pose, ((0, 0), (0, 0)), sigma_px=0.4)
        noisy.iris[:] += rng.normal(0, 0.4, (2, 2))
        noisy.contour[:] += rng.normal(0, 0.4, (2, 6, 2))
        right, _ = eyes_in_head(noisy, pose, (FX, FY, CX, CY))
        angles.append((right.yaw_deg, right.pitch_deg))
    right, _ = eyes_in_head(exact, pose, (FX, FY, CX, CY))
    assert np.std(angles, axis=0) == pytest.approx([right.sigma_deg] * 2, rel=0.1)


def test_unknown_eyes_are_none():
    pose = posed()
    both = reading(pose, ((0, 0), (0, 0)))
    assert eyes_in_head(None, pose, (FX, FY, CX, CY)) == (None, None)
    assert eyes_in_head(both, None, (FX, FY, CX, CY)) == (None, None)
    right, left = eyes_in_head(reading(pose, ((0, 0), (0, 0)), covered=(0.9, math.nan)), pose, (FX, FY, CX, CY))
    assert (right, left) == (None, None)
    both.iris[0] = np.nan
    right, left = eyes_in_head(both, pose, (FX, FY, CX, CY))
    assert right is None
    assert left is not None


def test_an_iris_beside_the_eyeball_looks_to_that_side():
    """An error of the network: the look is the furthest that the sphere allows, and no NaN."""
    pose, found = posed(), reading(posed(), ((0, 0), (0, 0)))
    found.iris[:, 0] += 60.0
    for eye in eyes_in_head(found, pose, (FX, FY, CX, CY)):
        assert 60 < eye.yaw_deg < 120
        assert math.isfinite(eye.pitch_deg)
