"""Synthetic eye closure: the lid's pixels and points move alike, and nothing else moves."""

import numpy as np
import pytest

from facetrack import topology
from facetrain.augment.eyelids import CLOSED_TRAVEL, blink, close_eye

UPPER, LOWER = (37, 38), (41, 40)


def face(roll_deg=0.0):
    """Return a grey image and the points of a face; only eyes and brows are meaningful."""
    points = np.full((topology.N_POINTS, 2), 60.0)
    for first, x in ((36, 30.0), (42, 80.0)):
        points[first : first + 6] = [[x, 60], [x + 8, 54], [x + 16, 54], [x + 24, 60], [x + 16, 66], [x + 8, 66]]
        points[17 if first == 36 else 22 : 22 if first == 36 else 27] = [[x + 6 * i, 40] for i in range(5)]
    angle = np.deg2rad(roll_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (points - 64) @ turn.T + 64
    return np.full((128, 128, 3), 90, np.uint8), points.astype(np.float32)


def brightest(image):
    grey = image[..., 0].astype(float) - 90
    rows, columns = np.nonzero(grey > 40)
    weight = grey[rows, columns]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("roll_deg", [0.0, 25.0])
@pytest.mark.parametrize("closure", [0.3, 1.0])
def test_the_lid_in_the_image_moves_with_its_point(roll_deg, closure):
    image, points = face(roll_deg)
    column, row = points[37].round().astype(int)
    image[row - 1 : row + 2, column - 1 : column + 2] = 250
    closed, moved = close_eye(image, points, 0, closure)
    # The lid covers the dot's lower half, which lay on the eye: only the upper half moves.
    assert np.linalg.norm(brightest(closed) - moved[37]) < 2.5
    assert np.linalg.norm(moved[37] - points[37]) > 2.0


def test_a_full_closure_brings_the_lids_together_and_leaves_the_rest():
    image, points = face()
    closed, moved = close_eye(image, points, 0, 1.0)
    gap, open_gap = moved[list(LOWER)] - moved[list(UPPER)], points[list(LOWER)] - points[list(UPPER)]
    np.testing.assert_allclose(gap, (1 - CLOSED_TRAVEL) * open_gap, atol=1e-4)
    others = [i for i in range(topology.N_POINTS) if i not in UPPER]
    np.testing.assert_array_equal(moved[others], points[others])
    np.testing.assert_array_equal(closed[:, 78:], image[:, 78:])


def test_no_closure_changes_nothing():
    image, points = face()
    image[:] = np.random.default_rng(0).integers(0, 255, image.shape, np.uint8)
    closed, moved = close_eye(image, points, 1, 0.0)
    np.testing.assert_allclose(moved, points, atol=1e-5)
    assert np.abs(closed.astype(int) - image).max() <= 1


def test_unknown_or_tiny_eyes_stay():
    image, points = face()
    points[36] = np.nan
    same, moved = close_eye(image, points, 0, 1.0)
    assert same is image
    np.testing.assert_array_equal(moved, points)
    rng = np.random.default_rng(3)
    blink(image, points * 0.02, rng)  # an eye of half a pixel at the image corner
