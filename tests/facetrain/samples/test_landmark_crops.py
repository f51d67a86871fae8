"""Labels of augmented landmark crops, compared with blobs drawn at the points before the augmentation."""

import numpy as np
import pytest

from facetrack import topology
from facetrain.augment.webcam import AugmentOptions, colour_jitter, occlude
from facetrain.sample import Sample
from facetrain.samples.landmark_crops import CropOptions, LandmarkCrops, TruthCrops

GEOMETRY_ONLY = AugmentOptions(blink=0, light=0, grey=0, blur=0, noise=0, jpeg=0, low_resolution=0, occlusion=0)
MARKED = (topology.RIGHT_EYE_OUTER, topology.LEFT_EYE_OUTER, topology.CHIN)


def sample():
    """Return a black image with one soft blob per marked point, each in its own channel."""
    rng = np.random.default_rng(0)
    points = rng.uniform(110, 190, (68, 2)).astype(np.float32)
    for i, (x, y) in zip(MARKED, ((120, 125), (180, 125), (150, 185)), strict=True):
        points[i] = x, y
    y, x = np.mgrid[:300, :300]
    image = np.stack([255 * np.exp(-((x - points[i, 0]) ** 2 + (y - points[i, 1]) ** 2) / 18) for i in MARKED], axis=2)
    return Sample("a_1.png", "a", "test", image.astype(np.uint8), points, np.ones(68, np.float32))


def centre_of(channel):
    weights = channel.astype(float)
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def crops(**options):
    return LandmarkCrops([sample()], [], CropOptions(negatives=0, augment=GEOMETRY_ONLY, **options))


def test_labels_follow_every_shift_turn_scale_and_flip():
    dataset = crops()
    flipped = 0
    for epoch in range(40):
        dataset.set_epoch(epoch)
        item = dataset[0]
        channels = [centre_of(item["crop"].numpy()[..., c]) for c in range(3)]
        # The channels identify the blobs: in a mirrored crop the labels of the eyes must be swapped.
        (ax, ay), (bx, by) = channels[1] - channels[0], channels[2] - channels[0]
        mirrored = ax * by - ay * bx < 0
        flipped += mirrored
        order = (1, 0, 2) if mirrored else (0, 1, 2)
        for marked, channel in zip(MARKED, order, strict=True):
            np.testing.assert_allclose(item["points"][marked].numpy(), channels[channel], atol=0.35)
    assert 8 < flipped < 32


def test_an_item_depends_on_seed_epoch_and_index_alone():
    first, second = crops(), crops()
    for dataset in (first, second):
        dataset.set_epoch(3)
    assert (first[0]["crop"] == second[0]["crop"]).all()
    second.set_epoch(4)
    assert (first[0]["points"] != second[0]["points"]).any()


def test_negatives_have_no_points_and_no_presence():
    dataset = LandmarkCrops([sample()], [np.full((90, 120, 3), 9, np.uint8)], CropOptions(negatives=1.0))
    for epoch in range(20):
        dataset.set_epoch(epoch)
        item = dataset[0]
        assert float(item["presence"]) == 0
        assert float(item["weight"].sum()) == 0


def test_repeats_multiply_a_source():
    assert len(LandmarkCrops([sample()], [], CropOptions(repeats={"test": 5}))) == 5


def test_truth_crops_are_centred():
    item = TruthCrops([sample()], CropOptions())[0]
    points = item["points"].numpy()
    np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, 55.5, atol=1e-3)
    assert np.ptp(points, axis=0).max() == pytest.approx(112 / 1.3, abs=1e-3)


def test_light_and_occlusion_keep_type_and_size():
    rng = np.random.default_rng(0)
    image = np.full((112, 112, 3), 128, np.uint8)
    for change in (occlude, colour_jitter):
        for _ in range(20):
            out = change(image, rng)
            assert out.shape == image.shape
            assert out.dtype == np.uint8
    assert (image == 128).all()
