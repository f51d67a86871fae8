"""The look that a network gives relative to the line of sight, against looks placed in space by SciPy."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.facetrack.gaze.test_eyeball import CX, CY, FX, FY, posed, reading, turned

from facetrack.gaze import eyes_in_head, sight_axes


def along_sight(pose, look, corners):
    """x, y of the look in axes whose z goes through the middle of the corners' pixels, x level: cross products."""
    u, v = corners.mean(axis=0)
    z = np.array([(u - CX) / FX, (v - CY) / FY, 1.0])
    z /= np.linalg.norm(z)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    gaze = pose.rotation @ turned(*look).apply([0.0, 0.0, -1.0])
    return np.array([gaze @ x, gaze @ np.cross(z, x)], np.float32)


@pytest.mark.parametrize("head", [(0, 0, 0), (25, -10, 8), (-40, 12, -15)])
@pytest.mark.parametrize("look", [(0, 0), (20, 0), (-20, 0), (0, 12), (0, -18), (15, -10)])
def test_the_networks_look_is_turned_into_the_head_and_goes_before_the_iris(head, look):
    pose = posed(*head, place_mm=(120.0, -90.0, 500.0))
    both = reading(pose, ((0, 0), (0, 0)))
    gaze = np.stack([along_sight(pose, look, corners[[0, 3]]) for corners in both.contour])
    found = eyes_in_head(replace(both, gaze=gaze, gaze_sigma=np.full(2, 0.1, np.float32)), pose, (FX, FY, CX, CY))
    for eye in found:
        assert (eye.yaw_deg, eye.pitch_deg) == pytest.approx(look, abs=0.01)
        assert eye.sigma_deg >= math.degrees(0.1)


def test_a_look_beyond_the_unit_circle_is_to_the_side():
    pose = posed(place_mm=(0.0, 0.0, 600.0))
    both = replace(reading(pose, ((0, 0), (0, 0))), gaze=np.full((2, 2), 1.5, np.float32))
    for eye in eyes_in_head(both, pose, (FX, FY, CX, CY)):
        assert math.isfinite(eye.yaw_deg)
        assert -60 < eye.pitch_deg < -30


def test_axes_of_sight_are_a_rotation_that_takes_the_place_to_z():
    place = np.array([0.4, -0.3, 2.0])
    axes = sight_axes(place)
    assert axes @ place == pytest.approx([0, 0, np.linalg.norm(place)])
    assert axes @ axes.T == pytest.approx(np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1)
    assert axes[0, 1] == pytest.approx(0)
