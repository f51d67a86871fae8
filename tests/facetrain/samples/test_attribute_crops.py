"""Training data of the attribute heads: pasted photographs, and labels with NaN where uncertain."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack import topology
from facetrack.geometry import CropBox, crop_matrix, transform
from facetrack.modelfile import ATTRIBUTES
from facetrack.pose import RIGID_MODEL_MM
from facetrain.sample import Sample
from facetrain.samples import patches
from facetrain.samples.attribute_crops import AttributeCropOptions, AttributeCrops, Photographs, pasted_items
from facetrain.samples.attribute_labels import labels_of, mouth_open, pose_deg, smile_trust
from facetrain.samples.attribute_sources import split_three_ways

SIDE = 300
MOUTH, SMILE = ATTRIBUTES.index("mouth_open"), ATTRIBUTES.index("smile")


def points_of(yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0):
    """Project a face of 200 px orthographically: rigid points of the head model, the others approximate."""
    flat = np.zeros((68, 3))
    flat[list(topology.JAW)] = [[65 * np.sin(a), 10 + 70 * np.cos(a), 60] for a in np.linspace(-2, 2, 17)]
    for brow, x in ((topology.RIGHT_BROW, -45), (topology.LEFT_BROW, 15)):
        flat[list(brow)] = [[x + 8 * i, -22, 0] for i in range(5)]
    for eye, x in ((topology.RIGHT_EYE, -31.5), (topology.LEFT_EYE, 31.5)):
        flat[list(eye)] = [[x + 13 * np.cos(a), -6 * np.sin(a), 0] for a in np.deg2rad([180, 120, 60, 0, 300, 240])]
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


def marked_mouth(value=255):
    """Return a 72 x 60 photograph of a mouth with marked corners: the first blue, the second red."""
    patch = np.full((60, 72, 3), 120, np.uint8)
    for (x, y), channel in zip(patches.MOUTHS.corners(patch), (0, 2), strict=True):
        patch[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3, channel] = value
    return patch


def centre_of(image, channel):
    extra = np.clip(image[..., channel].astype(float) - 150, 0, None)
    rows, columns = np.indices(extra.shape)
    return np.array([(columns * extra).sum(), (rows * extra).sum()]) / extra.sum()


@pytest.mark.parametrize("roll_deg", [0.0, 25.0])
def test_a_pasted_mouth_has_its_corners_on_the_faces(roll_deg):
    points = points_of(roll_deg=roll_deg)
    image = face().image
    image[..., 1] += 20  # not grey: in a grey image the photograph is pasted in grey
    frame = dataclasses.replace(patches.MOUTHS, **patches.NO_JITTER)
    pasted = patches.paste_patch(image, points, marked_mouth(), frame, np.random.default_rng(0))
    first, second = points[patches.CORNERS]
    np.testing.assert_allclose(centre_of(pasted, 0), first, atol=1.0)
    np.testing.assert_allclose(centre_of(pasted, 2), second, atol=1.0)
    far = np.linalg.norm(np.indices((SIDE, SIDE))[::-1].T - (first + second) / 2, axis=2).T > 80
    np.testing.assert_array_equal(pasted[far], image[far])


def test_a_dark_photograph_takes_the_brightness_of_the_skin_around():
    image, points = face().image, points_of()
    patch = np.full((60, 72, 3), 40, np.uint8)
    pasted = patches.paste_patch(image, points, patch, patches.MOUTHS, np.random.default_rng(0))
    assert np.abs(pasted.astype(int) - 120).max() <= 4


def test_labels_are_nan_where_they_are_missing():
    assert [mouth_open(x) for x in (0.0, 0.2, 0.5)] == pytest.approx([0.0, 0.5, 1.0])
    values = labels_of(face("mtfl_self", smile=1.0))
    np.testing.assert_equal(
        dict(zip(ATTRIBUTES, values.tolist(), strict=True)), {"mouth_open": np.nan, "smile": 1.0, "glasses": np.nan}
    )
    assert labels_of(face(emotion="happiness"))[SMILE] == 1
    assert np.isnan(labels_of(face(emotion="surprise"))[SMILE])


def test_smile_weights_follow_the_label_origin():
    trust = [smile_trust(face(source, **given)) for source, given in (
        ("genki4k", {"smile": 1.0}), ("expressions_self", {"emotion": "neutral"}),
        ("expressions", {"emotion": "neutral"}), ("mtfl_self", {"smile": 0.0}),
    )]  # fmt: skip
    assert trust[0] == 1
    assert trust[0] > trust[1] == trust[2] > trust[3] > 0


def test_angles_follow_the_crop():
    """Compare with SciPy: in a crop turned clockwise by 20 degrees, a head is turned anticlockwise by as much."""
    rotation = Rotation.from_euler("YXZ", [-25, -10, 15], degrees=True)
    expected = (Rotation.from_euler("z", -20, degrees=True) * rotation).as_euler("YXZ", degrees=True) * [-1, -1, 1]
    points = transform(points_of(25, 10, 15), crop_matrix(CropBox(150, 150, 300, np.deg2rad(20)), 300))
    np.testing.assert_allclose(pose_deg(points, 300), expected, atol=4)


def test_an_item_has_the_label_of_a_pasted_mouth_and_no_smile():
    mouths = [face("mouths", mouth_open=float(k)) for k in range(2)]
    crops = AttributeCrops([face(smile=1.0)] * 6, Photographs(mouths), AttributeCropOptions(mouths=1.0))
    items = [crops[i] for i in range(6)]
    values = np.stack([item["attributes"].numpy() for item in items])
    assert set(values[:, MOUTH].tolist()) == {0.0, 1.0}
    assert np.isnan(values[:, MOUTH + 1 :]).all()
    assert (items[0]["crop"].numpy() == crops[0]["crop"].numpy()).all()
    assert items[0]["crop"].shape == (112, 112, 3)


@pytest.mark.parametrize("points", [points_of(40), points_of() / 6])
def test_no_mouth_is_pasted_into_a_turned_or_a_small_face(points):
    mouths = [face("mouths", mouth_open=float(k)) for k in range(2)]
    crops = AttributeCrops(
        [face("mtfl_self", points, smile=1.0)] * 4, Photographs(mouths), AttributeCropOptions(mouths=1.0)
    )
    for index in range(4):
        np.testing.assert_equal(crops[index]["attributes"].numpy(), np.array([np.nan, 1, np.nan], np.float32))


def test_faces_are_repeated_by_the_recipe():
    options = AttributeCropOptions(repeats={"mtfl_self": 3})
    crops = AttributeCrops([face("mtfl_self"), face()], Photographs([]), options)
    assert [sample.source for sample in crops.samples] == ["mtfl_self"] * 3 + ["helen_train"]


def test_pasted_items_label_the_photograph_alone():
    mouth = Sample(
        "m.jpg", "m", "mouths", marked_mouth(), np.zeros((0, 2)), np.zeros(0), "", attributes={"mouth_open": 0.0}
    )
    items = pasted_items([mouth] * 3, [face(smile=1.0)], AttributeCropOptions())
    values = np.stack([item["attributes"].numpy() for item in items])
    assert len(items) == 3
    np.testing.assert_equal(values, np.array([[0.0, np.nan, np.nan]] * 3))


def test_photographs_are_split_by_name():
    samples = [Sample(f"{k}.jpg", "", "mouths", marked_mouth(), np.zeros((0, 2)), np.zeros(0), "") for k in range(500)]
    parts, again = split_three_ways(samples), split_three_ways(samples[::-1])
    assert {k: {s.name for s in v} for k, v in parts.items()} == {k: {s.name for s in v} for k, v in again.items()}
    assert sum(map(len, parts.values())) == 500
    assert 70 < len(parts["test"]) < 130
    assert 25 < len(parts["validation"]) < 80
