"""Crops of turned faces: rotations and points are cut, turned and mirrored together."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack import topology, topology_maps
from facetrack.errors import DataError
from facetrack.types import Floats
from facetrain.augment.webcam import AugmentOptions
from facetrain.sample import Sample
from facetrain.samples.landmark_crops import CropOptions
from facetrain.samples.turned.crops import TurnedCrops, hidden_by, truth_item
from facetrain.samples.turned.held_out import LFPW_COUNT, held_out
from facetrain.samples.turned.sources import TurnedSample

GEOMETRY_ONLY = AugmentOptions(
    rotation_deg=18,
    wide_rotation_deg=60,
    blink=0,
    light=0,
    grey=0,
    blur=0,
    noise=0,
    jpeg=0,
    low_resolution=0,
    occlusion=0,
)


def symmetric_head() -> Floats:
    """(68, 3) points that mirror onto each other by topology.FLIP."""
    points = np.random.default_rng(0).normal(0, 5, (68, 3))
    return ((points + points[topology.FLIP] * [-1, 1, 1]) / 2).astype(np.float32)


def turned_sample(**changes):
    head = symmetric_head()
    rotation = Rotation.from_euler("YXZ", [35, -10, 8], degrees=True).as_matrix().astype(np.float32)
    points = (6 * (head @ rotation.T)[:, :2] + 150).astype(np.float32)
    hand = topology_maps.aflw_from_68() @ points
    hand[list(topology_maps.AFLW_EARS)] = np.nan
    visible = (np.arange(68) % 3 == 0).astype(np.float32)
    sample = Sample("a.png", "a", "test", np.zeros((300, 300, 3), np.uint8), points, np.ones(68, np.float32))
    values = {"sample": sample, "visible": visible, "rotation": rotation, "rotation_weight": 1.0, "hand": hand}
    return TurnedSample(**{**values, **changes})


def test_points_are_the_head_under_the_items_rotation_however_it_was_cut():
    dataset = TurnedCrops([turned_sample()], [], CropOptions(negatives=0, augment=GEOMETRY_ONLY))
    head, mirrored = symmetric_head(), 0
    for epoch in range(30):
        dataset.set_epoch(epoch)
        item = dataset[0]
        rotation, points = item["rotation"].numpy(), item["points"].numpy()
        assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-4)
        seen = (head @ rotation.T)[:, :2]
        seen, centred = seen - seen.mean(axis=0), points - points.mean(axis=0)
        scale = (seen * centred).sum() / (seen**2).sum()
        np.testing.assert_allclose(centred, scale * seen, atol=1e-2)
        weights = topology_maps.aflw_from_68()
        np.testing.assert_allclose((weights @ points)[:6], item["hand"].numpy()[:6], atol=1e-2)
        flipped = item["visible"][1] == 1 if topology.FLIP[1] % 3 == 0 else item["visible"][0] == 0
        mirrored += bool(flipped)
    assert 5 < mirrored < 25


def test_negatives_say_nothing_but_that_no_face_is_there():
    options = CropOptions(negatives=1.0, augment=GEOMETRY_ONLY)
    item = TurnedCrops([turned_sample()], [np.full((90, 90, 3), 7, np.uint8)], options)[0]
    assert float(item["presence"]) == 0
    assert float(item["weight"].sum()) == 0
    assert float(item["rotation_weight"]) == 0
    assert item["visible"].isnan().all()
    assert item["hand"].isnan().all()


def test_a_face_without_points_has_a_rotation_and_no_weight():
    corners = np.float32([(100, 100), (200, 100), (200, 220), (100, 220)])
    sample = Sample("p.jpg", "07", "pointing04", np.zeros((300, 300, 3), np.uint8), corners, np.zeros(68, np.float32))
    turned = turned_sample(sample=sample, has_points=False, hand=np.full((21, 2), np.nan, np.float32))
    for item in (
        TurnedCrops([turned], [], CropOptions(negatives=1.0, augment=GEOMETRY_ONLY))[0],
        truth_item(turned, CropOptions()),
    ):
        assert float(item["weight"].sum()) == 0
        assert float(item["rotation_weight"]) == 1
        assert np.isfinite(item["points"].numpy()).all()


def test_points_under_an_occluder_are_hidden():
    points = np.float32([(2, 3), (8, 3), (np.nan, np.nan)])
    covered = np.zeros((10, 10), bool)
    covered[3, 2] = True
    assert hidden_by(np.float32([1, 1, np.nan]), points, covered)[:2].tolist() == [0, 1]


def samples_of(source, names, groups=None):
    nothing = np.zeros((4, 4, 3), np.uint8)
    groups = groups or names
    return [
        Sample(n, g, source, nothing, np.zeros((68, 2), np.float32), np.ones(68, np.float32))
        for n, g in zip(names, groups, strict=True)
    ]


def test_held_out_parts_hang_on_pack_and_name_alone():
    names = [f"image_{i:04d}.jpg" for i in range(805)]
    lfpw = held_out("lfpw_train", samples_of("lfpw_train", names))
    assert sum(lfpw) == LFPW_COUNT
    again = held_out("lfpw_train", samples_of("lfpw_train", names[::-1]))
    assert again == lfpw[::-1]
    aflw = held_out("aflw21", samples_of("aflw21", names))
    assert 40 < sum(aflw) < 120
    assert aflw != lfpw
    people = held_out("pointing04", samples_of("pointing04", ["a", "b", "c"], ["01", "07", "08"]))
    assert people == [False, True, True]


@pytest.mark.parametrize("source", ["helen_test", "lfpw_test", "aflw2000"])
def test_test_packs_are_refused(source):
    with pytest.raises(DataError, match="test set"):
        held_out(source, samples_of(source, ["a.jpg"]))
