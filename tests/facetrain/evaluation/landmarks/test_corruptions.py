"""Corruptions against independent measurements: blobs that must stay under the points, moments of blurred images."""

import cv2
import numpy as np
import pytest

from facetrain.evaluation.landmarks import corruptions
from facetrain.evaluation.landmarks.corruptions import ALL
from facetrain.sample import Sample

CORNERS = np.float32([[60, 50], [140, 50], [60, 150], [140, 150], [80, 90]])
"""The longer side of their box is 100 px, so that 1 % is 1 px."""


def sample(image=None, name="a"):
    image = np.full((220, 200, 3), 128, np.uint8) if image is None else image
    return Sample(name, name, "test", image, CORNERS.copy(), np.ones(len(CORNERS), np.float32))


def dotted():
    """Sample with a blob on every point."""
    image = np.zeros((220, 200, 3), np.float32)
    for x, y in CORNERS.astype(int):
        image[y, x] = 255
    image = cv2.GaussianBlur(image, (0, 0), 3)
    return sample((image / image.max() * 255).astype(np.uint8))


def blob_at(image, point, half=9):
    """Centre of mass of the brightness around a point."""
    x0, y0 = (round(float(v)) - half for v in point)
    part = image[y0 : y0 + 2 * half + 1, x0 : x0 + 2 * half + 1, 0].astype(float)
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    return np.array([x0 + (part * x).sum() / part.sum(), y0 + (part * y).sum() / part.sum()])


def named(name):
    return next(corruption for corruption in ALL if corruption.name == name)


@pytest.mark.parametrize(("name", "amount"), [("turned in the plane", 30), ("face size", 50), ("motion blur", 5)])
def test_points_move_with_the_picture(name, amount):
    corruption, face = named(name), dotted()
    corrupted = corruption.picture(face, amount, corruption.rng(face))
    if name == "face size":
        assert np.ptp(corrupted.points, axis=0).max() == pytest.approx(50, abs=0.5)
    for point in corrupted.points:
        np.testing.assert_allclose(blob_at(corrupted.image, point), point, atol=0.3)


def test_turning_turns_by_the_angle():
    corruption, face = named("turned in the plane"), sample()
    before, after = (p[1] - p[0] for p in (face.points, corruption.picture(face, 30, corruption.rng(face)).points))
    angle = np.degrees(np.arctan2(after[1], after[0]) - np.arctan2(before[1], before[0]))
    assert abs(angle) == pytest.approx(30, abs=1e-3)


def test_a_shifted_box_goes_the_same_way_at_every_amount():
    corruption, face = named("box shifted"), sample()
    moves = [corruption.box(amount, corruption.rng(face)) for amount in (5, 15)]
    lengths = [np.hypot(move.x, move.y) for move in moves]
    assert lengths == pytest.approx([0.05, 0.15])
    assert moves[1].x / moves[0].x == pytest.approx(3)
    assert corruption.box(5, corruption.rng(sample(name="b"))).x != moves[0].x
    assert corruptions.scale_box(0.8, corruption.rng(face)).scale == 0.8


def test_noise_has_its_sigma():
    corrupted = corruptions.gaussian_noise(sample(), 10, np.random.default_rng(0))
    assert corrupted.image.astype(float).std() == pytest.approx(10, rel=0.02)
    assert corrupted.image.astype(float).mean() == pytest.approx(128, abs=0.2)


def test_gamma_by_hand():
    corrupted = corruptions.gamma(sample(np.full((220, 200, 3), 64, np.uint8)), 2, np.random.default_rng(0))
    assert corrupted.image[0, 0].tolist() == [16, 16, 16]  # 255 (64 / 255)^2 = 16.06


def second_moments(kernel):
    """(2, 2) covariance and centre of an image of weights that sum to 1."""
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]]
    centre = np.array([(kernel * x).sum(), (kernel * y).sum()])
    dx, dy = x - centre[0], y - centre[1]
    return np.array([[(kernel * a * b).sum() for b in (dx, dy)] for a in (dx, dy)]), centre


def test_gaussian_blur_has_its_sigma_in_faces():
    image = np.zeros((221, 201, 3), np.uint8)
    image[100:121, 90:111] = 255  # a box of 21 px has a variance of (21^2 - 1) / 12 along each axis
    blurred = corruptions.gaussian_blur(sample(image), 4, np.random.default_rng(0)).image[..., 0].astype(float)
    covariance, centre = second_moments(blurred / blurred.sum())
    np.testing.assert_allclose(centre, [100, 110], atol=0.01)
    np.testing.assert_allclose(np.diag(covariance), (21**2 - 1) / 12 + 4**2, rtol=0.01)


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0])
def test_motion_blur_is_an_even_line(angle):
    """The variance along a uniform line of length L is L^2 / 12, across it only that of the pixel width."""
    kernel = corruptions.line_kernel(20.0, angle)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    covariance, centre = second_moments(kernel.astype(float))
    np.testing.assert_allclose(centre, (kernel.shape[0] - 1) / 2, atol=1e-3)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    assert along @ covariance @ along == pytest.approx(20**2 / 12, rel=0.04)
    assert across @ covariance @ across < 0.3


def test_jpeg_loses_more_at_low_quality():
    noisy = corruptions.gaussian_noise(sample(), 20, np.random.default_rng(0))
    lost = [np.abs(corruptions.jpeg(noisy, q, None).image.astype(int) - noisy.image).mean() for q in (5, 40, 80)]
    assert lost[0] > lost[1] > lost[2] > 0


@pytest.mark.parametrize("corruption", [d for d in ALL if d.picture], ids=lambda d: d.name)
def test_the_same_in_every_run(corruption):
    face = dotted()
    before = face.image.copy()
    one, two = (corruption.picture(face, corruption.amounts[0] or 7, corruption.rng(face)) for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(face.image, before)
