"""Halving before a crop is cut: which part of the picture, and on which grid, against OpenCV's own averages."""

import cv2
import numpy as np
import pytest

from facetrack.geometry import CropBox, crop_matrix, cut, cut_by


@pytest.mark.parametrize("size_px", [161.0, 239.0, 330.0, 641.0, 900.0])
@pytest.mark.parametrize("by_matrix", [False, True])
@pytest.mark.parametrize("roll_rad", [0.0, 0.7, 1.5])
def test_a_crop_inside_an_even_picture_has_no_edge(size_px, by_matrix, roll_rad):
    """Whatever part of the picture is halved, it reaches one averaged pixel further than the crop on every side."""
    picture = np.full((1500, 1503, 3), 200, np.uint8)
    for shift in np.arange(0, 8, 0.37):
        crop, out = CropBox(740 + shift, 748 - shift, size_px, roll_rad), np.empty((80, 80, 3), np.uint8)
        if by_matrix:
            cut_by(picture, crop_matrix(crop, 80), out)
        else:
            cut(picture, crop, 80, out)
        assert out.min() == out.max() == 200


def test_only_whole_cells_of_a_picture_are_averaged():
    """The halved picture is OpenCV's of its first 640 x 480 pixels: the odd rest may not stretch the grid."""
    picture = np.random.default_rng(4).integers(0, 256, (487, 643, 3), dtype=np.uint8)
    quarter = cv2.resize(picture[:480, :640], (160, 120), interpolation=cv2.INTER_AREA)
    crop = CropBox(601.5, 441.5, 64)  # columns 570 to 633, rows 410 to 473: cells 142.5 to 158.5, 102.5 to 118.5
    expected = cv2.warpAffine(quarter, np.array([[1, 0, -142.5], [0, 1, -102.5]]), (16, 16))
    np.testing.assert_allclose(cut(picture, crop, 16), expected, atol=3)


def test_a_crop_of_twice_the_size_is_averaged_first():
    picture = np.random.default_rng(5).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    half, out = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA), np.empty((80, 80, 3), np.uint8)
    # Pixel i of the half has its centre at 2 i + .5 of the picture: 301.5 is 150.5, 302 is 150.75.
    expected = cv2.warpAffine(half, np.array([[1, 0, 39.5 - 150.5], [0, 1, 39.5 - 107.5]]), (80, 80))
    shifted = CropBox(301.5, 215.5, 160)
    cut_by(picture, crop_matrix(shifted, 80), out)
    np.testing.assert_allclose(out, expected, atol=1)
    off = cv2.warpAffine(half, np.array([[1, 0, 39.5 - 150.75], [0, 1, 39.5 - 107.75]]), (80, 80))
    cut_by(picture, crop_matrix(CropBox(302.0, 216.0, 160), 80), out)
    np.testing.assert_allclose(out, off, atol=1)


def test_a_picture_of_one_averaged_pixel_by_hand():
    """A chessboard of 4 x 4 is grey, 120; the crop's four middle pixels are half a cell off it both ways: 30."""
    picture = np.repeat(240 * (np.indices((4, 4)).sum(axis=0) % 2)[..., None], 3, axis=2).astype(np.uint8)
    assert cut(picture, CropBox(1.5, 1.5, 64), 16)[7:9, 7:9].ravel().tolist() == [30] * 12
