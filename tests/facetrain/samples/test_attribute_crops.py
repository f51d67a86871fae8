"""Training data of the attribute heads: pasted photographs, stretched lids, and labels with NaN where uncertain."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack import topology
from facetrack.geometry import CropBox, crop_matrix, transform
from facetrack.modelfile import ATTRIBUTES
from facetrack.pose import RIGID_MODEL_MM
from facetrain.sample import Sample
from facetrain.samples import patches
from facetrain.samples.attribute_crops import (
    AttributeCropOptions,
    AttributeCrops,
    Photographs,
    mirrored,
    pasted_items,
    with_lids,
)
from facetrain.samples.attribute_labels import eyes_open, labels_of, mouth_open, pose_deg, smile_trust, turned_deg
from facetrain.samples.attribute_sources import split_three_ways

SIDE = 300


def points_of(yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0, lids=6.0):
    """Project a face of 200 px orthographically: rigid points of the head model, the others approximate."""
    flat = np.zeros((68, 3))
    flat[list(topology.JAW)] = [[65 * np.sin(a), 10 + 70 * np.cos(a), 60] for a in np.linspace(-2, 2, 17)]
    for brow, x in ((topology.RIGHT_BROW, -45), (topology.LEFT_BROW, 15)):
        flat[list(brow)] = [[x + 8 * i, -22, 0] for i in range(5)]
    for eye, x in ((topology.RIGHT_EYE, -31.5), (topology.LEFT_EYE, 31.5)):
        flat[list(eye)] = [[x + 13 * np.cos(a), -lids * np.sin(a), 0] for a in np.deg2rad([180, 120, 60, 0, 300, 240])]
    for lips, width, height in ((topology.OUTER_LIPS, 25, 10), (topology.INNER_LIPS, 20, 2)):
        angles = np.pi - np.arange(len(lips)) * 2 * np.pi / len(lips)
        flat[list(lips)] = [[width * np.cos(a), 65 - height * np.sin(a), -10] for a in angles]
    flat[list(topology.RIGID)] = RIGID_MODEL_MM
    turn = Rotation.from_euler("YXZ", [-yaw_deg, -pitch_deg, roll_deg], degrees=True).as_matrix()
    rotated = flat @ turn.T
    return ((SIDE - 1) / 2 + 1.5 * rotated[:, :2] - [0, 40]).astype(np.float32)


def face(source="helen_train", points=None, **attributes):
    image = np.full((SIDE, SIDE, 3), 120, np.uint8)
    points = points_of() if points is None else points
    return Sample("a.jpg", "a", source, image, points, np.ones(68, np.float32), attributes=attributes)


def marked_eye(value=255):
    """Return a 72 x 60 eye photograph with marked corners: the first blue, the second red."""
    patch = np.full((60, 72, 3), 120, np.uint8)
    for (x, y), channel in zip(patches.EYES.corners(patch), (0, 2), strict=True):
        patch[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3, channel] = value
    return patch


def centre_of(image, channel):
    extra = np.clip(image[..., channel].astype(float) - 150, 0, None)
    rows, columns = np.indices(extra.shape)
    return np.array([(columns * extra).sum(), (rows * extra).sum()]) / extra.sum()


@pytest.mark.parametrize("roll_deg", [0.0, 25.0])
@pytest.mark.parametrize("feature", ["eye_right_open", "eye_left_open"])
def test_a_pasted_eye_has_its_corners_on_the_faces(feature, roll_deg):
    points = points_of(roll_deg=roll_deg)
    image = face().image
    image[..., 1] += 20  # not grey: in a grey image the photograph is pasted in grey
    frame = patches.PatchFrame(0.14, 0.86, 0.57, **patches.NO_JITTER)
    pasted = patches.paste_patch(image, points, feature, marked_eye(), frame, np.random.default_rng(0))
    first, second = points[list(patches.CORNERS[feature])]
    np.testing.assert_allclose(centre_of(pasted, 0), first, atol=1.0)
    np.testing.assert_allclose(centre_of(pasted, 2), second, atol=1.0)
    far = np.linalg.norm(np.indices((SIDE, SIDE))[::-1].T - (first + second) / 2, axis=2).T > 80
    np.testing.assert_array_equal(pasted[far], image[far])


def test_a_dark_photograph_takes_the_brightness_of_the_skin_around():
    image, points = face().image, points_of()
    patch = np.full((60, 72, 3), 40, np.uint8)
    pasted = patches.paste_patch(image, points, "eye_left_open", patch, patches.EYES, np.random.default_rng(0))
    assert np.abs(pasted.astype(int) - 120).max() <= 4


def test_labels_are_nan_where_points_are_ambiguous():
    # Lids 12 px apart at an eye 26 px wide (in mm: 2 * lids * sin 60 over 26).
    for lids, expected in ((6.0, 1.0), (2.4, np.nan), (0.5, 0.0)):
        np.testing.assert_equal(eyes_open(points_of(lids=lids)), np.array([expected] * 2, np.float32))
    assert [mouth_open(x) for x in (0.0, 0.2, 0.5)] == pytest.approx([0.0, 0.5, 1.0])
    values = labels_of(face("mtfl_self", smile=1.0)).attributes
    np.testing.assert_equal(dict(zip(ATTRIBUTES, values.tolist(), strict=True)), {
        "eye_right_open": np.nan, "eye_left_open": np.nan, "mouth_open": np.nan, "smile": 1.0, "glasses": np.nan,
    })  # fmt: skip
    assert labels_of(face(emotion="happiness")).attributes[3] == 1
    assert np.isnan(labels_of(face(emotion="surprise")).attributes[3])


def test_smile_weights_follow_the_label_origin_also_for_lid_labelled_faces():
    trust = [smile_trust(face(source, **given)) for source, given in (
        ("genki4k", {"smile": 1.0}), ("lids", {"emotion": "neutral"}), ("expressions", {"emotion": "neutral"}),
        ("lids", {"smile": 0.0}), ("mtfl_self", {"smile": 0.0}),
    )]  # fmt: skip
    assert trust[0] == 1
    assert trust[0] > trust[1] == trust[2] > trust[3] == trust[4] > 0


def test_a_stretched_lid_is_labelled_with_the_remaining_opening():
    sample = face()
    values = labels_of(sample).attributes
    labels = [with_lids(sample.image, sample.points, values, np.random.default_rng(k))[1] for k in range(60)]
    assert all(np.isnan(v[4]) and 0 <= np.nanmin(v[:2]) < 0.95 for v in labels)
    assert any(v[0] == 1 > v[1] for v in labels)
    assert any(v[0] == v[1] < 0.1 for v in labels)
    closed = values.copy()
    closed[:2] = np.nan  # an eye with unknown opening stays unknown and unchanged
    image, after = with_lids(sample.image, sample.points, closed, np.random.default_rng(0))
    assert image is sample.image
    assert np.isnan(after[:2]).all()


def test_the_mirror_swaps_eyes_and_turns_yaw_and_roll():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    values, angles = np.array([0.1, 0.9, 0.3, 0.4, 0.5], np.float32), np.array([10, 20, 30], np.float32)
    flipped, swapped, turned = mirrored(image, values, angles)
    np.testing.assert_array_equal(flipped[0, 0], image[0, 1])
    np.testing.assert_allclose(swapped, [0.9, 0.1, 0.3, 0.4, 0.5])
    np.testing.assert_allclose(turned, [-10, 20, -30])
    # The same must follow from the points of a mirrored head.
    points = points_of(20, 10, 5)
    other = points[topology.FLIP].copy()
    other[:, 0] = SIDE - 1 - other[:, 0]
    np.testing.assert_allclose(pose_deg(other, SIDE), pose_deg(points, SIDE) * [-1, 1, -1], atol=0.5)


def test_angles_follow_the_crop():
    """Compare with SciPy: in a crop turned clockwise by 20 degrees, a head is turned anticlockwise by as much."""
    rotation = Rotation.from_euler("YXZ", [-25, -10, 15], degrees=True)
    expected = (Rotation.from_euler("z", -20, degrees=True) * rotation).as_euler("YXZ", degrees=True) * [-1, -1, 1]
    np.testing.assert_allclose(turned_deg(rotation.as_matrix(), np.deg2rad(20)), expected, atol=1e-3)
    points = transform(points_of(25, 10, 15), crop_matrix(CropBox(150, 150, 300, np.deg2rad(20)), 300))
    np.testing.assert_allclose(pose_deg(points, 300), expected, atol=4)


def test_an_item_has_the_labels_of_pasted_features_and_no_smile_under_a_pasted_mouth():
    eyes = [face("eyes", eyes_open=float(k)) for k in range(2)]
    mouths = [face("mouths", mouth_open=1.0)]
    options = AttributeCropOptions(photographs=1.0, lids=0.0, mouths=1.0)
    crops = AttributeCrops([face(smile=1.0)] * 6, Photographs(eyes, mouths), options)
    items = [crops[i] for i in range(6)]
    values = np.stack([item["attributes"].numpy() for item in items])
    assert set(values[:, :2].ravel().tolist()) == {0.0, 1.0}
    assert np.isnan(values[:, 3:]).all()
    assert (items[0]["crop"].numpy() == crops[0]["crop"].numpy()).all()
    assert items[0]["crop"].shape == (112, 112, 3)
    assert np.isfinite(items[0]["pose"].numpy()).all()


def test_pasted_items_label_the_photograph_alone():
    eye = Sample("e.jpg", "e", "eyes", marked_eye(), np.zeros((0, 2)), np.zeros(0), "", attributes={"eyes_open": 0.0})
    items = pasted_items([eye], [face(smile=1.0)], AttributeCropOptions(), each=3)
    values = np.stack([item["attributes"].numpy() for item in items])
    assert len(items) == 3
    assert (np.isfinite(values).sum(axis=1) == 1).all()
    assert np.nansum(values) == 0


def test_photographs_are_split_by_name():
    samples = [Sample(f"{k}.jpg", "", "eyes", marked_eye(), np.zeros((0, 2)), np.zeros(0), "") for k in range(500)]
    parts, again = split_three_ways(samples), split_three_ways(samples[::-1])
    assert {k: {s.name for s in v} for k, v in parts.items()} == {k: {s.name for s in v} for k, v in again.items()}
    assert sum(map(len, parts.values())) == 500
    assert 70 < len(parts["test"]) < 130
    assert 25 < len(parts["validation"]) < 80
