"""Crop matrices against values worked out by hand and OpenCV's own resampling."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack import topology
from facetrack.geometry import (
    CropBox,
    below_forehead,
    box_iou,
    crop_from_box,
    crop_from_detection,
    crop_from_points,
    crop_matrix,
    crops_from_points,
    cut,
    cut_by,
    face_roll,
    frame_matrices,
    inverse,
    points_box,
    touching,
    transform,
)
from facetrack.head_model import KEYPOINT_MODEL_MM, RIGID_MODEL_MM
from facetrack.types import HeadRotation


def test_upright_crop_by_hand():
    matrix = crop_matrix(CropBox(50, 50, 100), 50)
    # Scale 1/2; the centre of the square falls between the two middle pixels.
    np.testing.assert_allclose(matrix, [[0.5, 0, -0.5], [0, 0.5, -0.5]])
    np.testing.assert_allclose(transform(np.array([[50.0, 50.0], [52.0, 50.0]]), matrix), [[24.5, 24.5], [25.5, 24.5]])


def test_rotated_crop_by_hand():
    # A quarter turn clockwise: down in the image is right in the crop.
    matrix = crop_matrix(CropBox(10, 20, 8, np.pi / 2), 8)
    np.testing.assert_allclose(transform(np.array([[10.0, 22.0]]), matrix), [[5.5, 3.5]], atol=1e-6)
    np.testing.assert_allclose(transform(np.array([[8.0, 20.0]]), matrix), [[3.5, 5.5]], atol=1e-6)


def test_a_crop_of_the_same_size_copies_pixels():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    # A 16 px square centred between pixels 11 and 12 across, 19 and 20 down, covers columns 4..19, rows 12..27.
    np.testing.assert_array_equal(cut(image, CropBox(11.5, 19.5, 16), 16), image[12:28, 4:20])


def test_halving_equals_opencv_resize():
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    ours = cut(image, CropBox(31.5, 31.5, 64), 32)
    np.testing.assert_allclose(ours, cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA), atol=1)


@pytest.mark.parametrize("size", [90.0, 333.0, 700.0])
def test_a_downsampled_crop_agrees_with_its_matrix(size):
    """The centroid of a blob in the crop is where the matrix maps it, whatever the number of halvings."""
    image = np.zeros((900, 900, 3), np.uint8)
    blob = np.array([431.0, 507.0])
    y, x = np.mgrid[:900, :900]
    image[...] = (255 * np.exp(-((x - blob[0]) ** 2 + (y - blob[1]) ** 2) / (2 * (size / 15) ** 2)))[..., None]
    crop = CropBox(440, 500, size, 0.3)
    weights = cut(image, crop, 112)[..., 0].astype(float)
    rows, columns = np.mgrid[:112, :112]
    centre = [(columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()]
    np.testing.assert_allclose(centre, transform(blob[None], crop_matrix(crop, 112))[0], atol=0.12)


def test_a_large_crop_over_the_border_is_black_outside():
    image = np.full((100, 100, 3), 200, np.uint8)
    crop = cut(image, CropBox(0, 0, 400), 100)
    assert crop[:45, :45].max() == 0
    assert crop[52:70, 52:70].min() == 200


def test_the_frame_matrices_invert_the_crop_matrices():
    crops = [CropBox(123, 45, 67, -0.4), CropBox(20, 200, 300, 2.0)]
    points = np.random.default_rng(2).uniform(0, 200, (68, 2))
    back = frame_matrices(crops, 112)
    for crop, matrix in zip(crops, back, strict=True):
        in_crop = transform(points, crop_matrix(crop, 112))
        np.testing.assert_allclose(transform(in_crop, matrix), points, atol=1e-4)
    each = np.stack([transform(points, crop_matrix(crop, 112)) for crop in crops])
    np.testing.assert_allclose(transform(each, back), np.stack([points, points]), atol=1e-4)


def test_iou_by_hand():
    a = np.array([[0, 0, 10, 10]])
    b = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 10, 10]])
    np.testing.assert_allclose(box_iou(a, b), [[50 / 150, 0, 1]])


def face(roll_deg=0.0, centre=(200.0, 150.0)):
    """Return 68 random points, the rigid ones those of a head that faces the camera, rotated clockwise by roll_deg."""
    points = np.random.default_rng(3).uniform(-40, 40, (68, 2))
    points[list(topology.RIGID)] = RIGID_MODEL_MM[:, :2] * 0.5 - [0, 15]
    angle = np.deg2rad(roll_deg)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ rotation.T + centre


@pytest.mark.parametrize("roll_deg", [-120, -30, 0, 45, 170])
def test_roll_and_the_crop_that_follows_it(roll_deg):
    upright = crop_from_points(face(), 1.3)
    rotated = face(roll_deg)
    assert np.rad2deg(face_roll(rotated)) == pytest.approx(roll_deg, abs=1e-4)
    crop = crop_from_points(rotated, 1.3)
    # The points in the crop do not depend on the roll.
    np.testing.assert_allclose(
        transform(rotated, crop_matrix(crop, 112)), transform(face(), crop_matrix(upright, 112)), atol=1e-3
    )


def test_upright_points_and_their_box_give_one_crop():
    from_points, from_box = crop_from_points(face(), 1.3), crop_from_box(points_box(face()), 1.3)
    assert (from_points.x, from_points.y, from_points.size_px) == pytest.approx(
        (from_box.x, from_box.y, from_box.size_px), abs=1e-4
    )


def turned_head(yaw_deg, pitch_deg, roll_deg, model=RIGID_MODEL_MM):
    """Project a model's points from far away: (K, 2) px, turned by the angles of types.Pose."""
    rotation = Rotation.from_euler("YXZ", [-yaw_deg, -pitch_deg, roll_deg], degrees=True).as_matrix()
    return (model @ rotation.T)[:, :2] + [200, 150], rotation


def axis_deg(rotation):
    """Direction in the image of the head's downward axis, as a clockwise roll: straight down is 0."""
    x, y, _ = rotation @ [0, 1, 0]
    return np.degrees(np.arctan2(-x, y))


@pytest.mark.parametrize("yaw_deg", range(-90, 91, 15))
@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0, 0), (20, 0), (-25, 10), (0, 35), (15, -60)])
def test_roll_is_the_vertical_axis_from_profile_to_profile(yaw_deg, pitch_deg, roll_deg):
    rigid, rotation = turned_head(yaw_deg, pitch_deg, roll_deg)
    points = np.zeros((68, 2))
    points[list(topology.RIGID)] = rigid
    assert np.degrees(face_roll(points)) == pytest.approx(axis_deg(rotation), abs=0.01)
    assert np.degrees(HeadRotation(rotation, np.eye(3)).roll_rad) == pytest.approx(axis_deg(rotation), abs=1e-6)
    keypoints, _ = turned_head(yaw_deg, pitch_deg, roll_deg, KEYPOINT_MODEL_MM)
    crop = crop_from_detection(points_box(keypoints), keypoints, 1.3)
    assert np.degrees(crop.roll_rad) == pytest.approx(axis_deg(rotation), abs=0.01)


def test_roll_does_not_jump_while_a_noisy_head_turns():
    """From profile to profile in steps of half a degree, points off by 2 % of the head: along the eyes it spins."""
    rng, rolls, eyes = np.random.default_rng(0), [], []
    for yaw_deg in np.arange(-90, 90.1, 0.5):
        points = np.zeros((68, 2))
        points[list(topology.RIGID)] = turned_head(yaw_deg, 10, 5)[0] + rng.normal(0, 2, (13, 2))
        rolls.append(np.degrees(face_roll(points)))
        across = points[[topology.LEFT_EYE_OUTER, topology.LEFT_EYE_INNER]].mean(axis=0)
        across -= points[[topology.RIGHT_EYE_OUTER, topology.RIGHT_EYE_INNER]].mean(axis=0)
        eyes.append(np.degrees(np.arctan2(across[1], across[0])))
    assert np.abs(np.diff(rolls)).max() < 10
    assert np.abs(np.diff(eyes)).max() > 45


def test_points_that_define_no_head_are_cropped_upright():
    assert face_roll(np.full((68, 2), 7.0)) == 0.0
    assert face_roll(np.full((68, 2), np.nan)) == 0.0
    box = points_box(face())
    assert crop_from_detection(box, None, 1.3) == crop_from_box(box, 1.3)


def test_a_known_roll_replaces_the_one_of_the_points():
    first, second = crops_from_points(np.stack([face(), face(30)]), 1.3, [0.5, None])
    assert first.roll_rad == 0.5
    assert np.degrees(second.roll_rad) == pytest.approx(30, abs=1e-4)


def test_flip_permutation_is_an_involution_and_swaps_sides():
    np.testing.assert_array_equal(topology.FLIP[topology.FLIP], np.arange(68))
    assert topology.FLIP[topology.RIGHT_EYE_OUTER] == topology.LEFT_EYE_OUTER
    assert topology.FLIP[topology.MOUTH_RIGHT] == topology.MOUTH_LEFT
    assert {int(topology.FLIP[i]) for i in topology.RIGHT_EYE} == set(topology.LEFT_EYE)
    assert topology.FLIP[topology.CHIN] == topology.CHIN


def test_boxes_that_only_share_an_edge_do_not_overlap():
    others = np.array([[5, 5, 15, 15], [10, 0, 20, 10], [2, 2, 3, 3], [30, 0, 40, 10]], np.float32)
    assert touching(np.array([0, 0, 10, 10], np.float32), others).tolist() == [True, False, True, False]
    assert touching(np.array([0, 0, 10, 10], np.float32), others[:0]).tolist() == []


@pytest.mark.parametrize("size_px", [60.0, 150.0, 330.0, 700.0])
@pytest.mark.parametrize("roll_rad", [0.0, 0.4])
def test_the_crop_of_a_mirrored_picture_is_the_mirrored_crop(size_px, roll_rad):
    """Pixel centres are integers: x becomes width - 1 - x. The picture's width is whole cells of the reduction."""
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8), (0, 0), 4.0)
    image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
    crop = CropBox(301.3, 215.8, size_px, roll_rad)
    mirrored = CropBox(639 - crop.x, crop.y, size_px, -roll_rad)
    difference = cut(image, crop, 112)[:, ::-1].astype(int) - cut(np.ascontiguousarray(image[:, ::-1]), mirrored, 112)
    step = np.abs(np.diff(cut(image, crop, 112).astype(int), axis=1)).mean()  # what a shift by one pixel would make
    assert np.abs(difference).mean() < 0.05 * step + 0.5


def test_a_box_without_a_size_is_a_pixel_and_overlaps_nothing():
    point = np.array([5.0, 5, 5, 5])
    assert crop_from_box(point, 1.5) == CropBox(5, 5, 1.5)
    assert crop_from_points(np.full((68, 2), 7.0), 1.5, 0.0).size_px == 1.5
    assert box_iou(point[None], np.array([[5.0, 5, 5, 5], [0, 0, 10, 10]])).tolist() == [[0, 0]]


@pytest.mark.parametrize("x", [-900.0, 1500.0])
def test_a_crop_beside_the_picture_is_black(x):
    picture = np.full((480, 640, 3), 200, np.uint8)
    assert cut(picture, CropBox(x, 200, 300), 50).max() == 0
    assert cut(picture, CropBox(200, x, 300), 50).max() == 0


def test_a_forehead_by_hand():
    """A quarter of the box's height, nearly: above where the head is upright, at the side that the hairline is on."""
    box = np.array([[100, 100, 200, 300]], np.float32)
    np.testing.assert_allclose(below_forehead(box), [[100, 148, 200, 300]])
    turned = below_forehead(np.repeat(box, 3, axis=0), np.array([np.pi / 2, -np.pi / 2, np.pi], np.float32))
    np.testing.assert_allclose(turned, [[100, 100, 176, 300], [124, 100, 200, 300], [100, 100, 200, 252]], atol=1e-3)


@pytest.mark.parametrize("mirrored", [1, -1])
@pytest.mark.parametrize("scale", [0.1, 0.7, 3.0])
def test_an_inverse_is_numpys(scale, mirrored):
    matrix = np.array([[0.8, -0.6 * mirrored, 30.0], [0.6, 0.8 * mirrored, -7.0]]) * [[scale, scale, 1]]
    whole = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    np.testing.assert_allclose(inverse(matrix), whole[:2], atol=1e-9)
    np.testing.assert_allclose(inverse(np.stack([matrix, matrix])), [whole[:2]] * 2, atol=1e-9)


@pytest.mark.parametrize(("x", "size_px"), [(301.3, 90.0), (40.0, 330.0), (620.0, 700.0)])
def test_a_crop_by_its_matrix_is_the_crop(x, size_px):
    """Of any shape: the upper half of the square crop is a wide one."""
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8), (0, 0), 4.0)
    crop, wide = CropBox(x, 215.8, size_px, 0.4), np.empty((40, 80, 3), np.uint8)
    cut_by(picture, crop_matrix(crop, 80), wide)
    np.testing.assert_allclose(wide, cut(picture, crop, 80)[:40], atol=1)


def test_a_crop_is_written_where_it_is_asked_for():
    picture, place = np.full((480, 640, 3), 200, np.uint8), np.zeros((50, 50, 3), np.uint8)
    assert cut(picture, CropBox(300, 200, 300), 50, place) is place
    assert place.min() == 200


def test_a_single_point_stays_one():
    moved = transform(np.array([50.0, 52.0]), crop_matrix(CropBox(50, 50, 100), 50))
    assert moved.tolist() == [24.5, 25.5]


def test_overlap_of_boxes_with_unequal_sides_by_hand():
    wide, tall = np.array([[20.0, 40, 50, 50]]), np.array([[10.0, 20, 30, 60]])  # areas 300 and 800; 10 x 10 shared
    assert box_iou(wide, tall)[0, 0] == box_iou(tall, wide)[0, 0] == pytest.approx(0.1)
    others = np.array([[32.0, 25, 70, 55], [15, 62, 25, 90], [29, 59, 70, 90], [2, 25, 8, 55]])
    assert touching(tall[0], others).tolist() == [False, False, True, False]


def test_inverses_of_maps_of_different_scales_are_numpys():
    matrices = np.array([[[0.8, -0.6, 30.0], [0.6, 0.8, -7.0]], [[3.0, 4.0, 1.0], [-4.0, 3.0, 2.0]]])
    whole = [np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2] for matrix in matrices]
    np.testing.assert_allclose(inverse(matrices), whole, atol=1e-12)


def test_rolls_are_those_of_the_points_where_none_is_known_and_as_many_as_the_faces():
    faces = np.stack([face(), face(30), face(-50)])
    rolls = [crop.roll_rad for crop in crops_from_points(faces, 1.3)]
    np.testing.assert_allclose(np.degrees(rolls), [0, 30, -50], atol=1e-4)
    for known in ([0.5], [0.5, None]):
        with pytest.raises(ValueError, match="zip"):
            crops_from_points(faces, 1.3, known)
