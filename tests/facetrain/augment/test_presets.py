"""Augmentation presets: points follow the image exactly, disabled augmentations do nothing, recipes select presets."""

from collections import Counter

import cv2
import numpy as np
import pytest

from facetrack import topology
from facetrack.errors import DataError
from facetrack.geometry import points_box
from facetrain.augment import webcam
from facetrain.augment.thirtyfold import CROP_OFFSETS, PIXEL_FILTERS
from facetrain.augment.webcam import AugmentOptions
from facetrain.sample import Sample
from facetrain.samples.landmark_crops import CropOptions, LandmarkCrops
from facetrain.tasks.landmarks import LandmarkRecipe
from facetrain.training import recipe

DOT = topology.RIGHT_EYE_OUTER
SIDE, MARGIN = 112, 1.3


def face(at=(120.0, 125.0)):
    """Return a grey image with one soft dot at point DOT; the 68 points span 100 px around (150, 150)."""
    rng = np.random.default_rng(0)
    points = rng.uniform(110, 190, (68, 2)).astype(np.float32)
    points[0], points[16], points[DOT] = (100, 100), (200, 200), at
    y, x = np.mgrid[:300, :300]
    dot = 60 + 150 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 50)
    return Sample(
        "a.png", "a", "test", np.repeat(dot[..., None], 3, 2).astype(np.uint8), points, np.ones(68, np.float32)
    )


def items(name, count=200, sample=None):
    options = CropOptions(negatives=0, margin=MARGIN, augment=AugmentOptions.preset(name))
    dataset = LandmarkCrops([sample or face()], [], options)
    for epoch in range(count):
        dataset.set_epoch(epoch)
        item = dataset[0]
        yield item["crop"].numpy(), item["points"].numpy()


def dot_centre(crop):
    """Return the centroid of the dot: pixels clearly above the median."""
    weights = np.clip(crop[..., 0].astype(float) - np.median(crop) - 25, 0, None)
    y, x = np.mgrid[: crop.shape[0], : crop.shape[1]]
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


@pytest.mark.parametrize("name", ["none", "flip", "thirtyfold"])
def test_points_move_with_the_image(name):
    for crop, points in items(name, 60):
        # Mirroring swaps left and right points: the dot then is at the mirror partner of DOT.
        both = points[[DOT, int(topology.FLIP[DOT])]]
        np.testing.assert_allclose(np.linalg.norm(both - dot_centre(crop), axis=1).min(), 0, atol=0.3)


def test_thirtyfold_points_are_those_of_opencvs_own_rotation():
    """Compute the crops independently by cv2.getRotationMatrix2D and a resize.

    The image is rotated about the middle of the face, shifted, and scaled to the crop.
    """
    sample = face()
    expected = []
    for offset in CROP_OFFSETS:
        # A crop rotated by roll shows the image rotated by -roll; getRotationMatrix2D counts anticlockwise.
        turn = np.vstack([cv2.getRotationMatrix2D((150, 150), offset.roll_deg, 1.0), [0, 0, 1]])
        turned = cv2.transform(sample.points[None].astype(float), turn[:2])[0]
        box = np.array([turned.min(axis=0), turned.max(axis=0)])
        extent = (box[1] - box[0]).max()
        low = box.mean(axis=0) + np.array([offset.x, offset.y]) * extent - MARGIN * extent / 2
        expected.append((turned - low) * SIDE / (MARGIN * extent) - 0.5)
    hits = Counter(
        int(np.argmin([np.abs(points - one).max() for one in expected])) for _, points in items("thirtyfold", 100)
    )
    assert set(hits) == set(range(6))
    for _, points in items("thirtyfold", 30):
        assert min(np.abs(points - one).max() for one in expected) < 1e-3


def test_thirtyfold_draws_all_thirty_about_equally_often():
    crops = Counter(crop.tobytes() for crop, _ in items("thirtyfold", 900))
    assert len(crops) == len(CROP_OFFSETS) * len(PIXEL_FILTERS) == 30
    assert 10 < min(crops.values()) <= max(crops.values()) < 60  # 30 expected, standard deviation 5.4


def test_the_five_pixel_filters_against_numpy():
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
    same, mean, sharp, motion, bright = (apply(image)[4, 5].astype(float) for apply in PIXEL_FILTERS)
    near = image[3:6, 4:7].astype(float)
    np.testing.assert_array_equal(same, image[4, 5])
    np.testing.assert_allclose(mean, near.mean(axis=(0, 1)), atol=0.51)
    laplacian = near[0, 1] + near[2, 1] + near[1, 0] + near[1, 2] - 4 * near[1, 1]
    np.testing.assert_array_equal(sharp, np.clip(near[1, 1] - laplacian, 0, 255))
    np.testing.assert_allclose(motion, image[4, 2:9].mean(axis=0), atol=0.51)
    np.testing.assert_allclose(bright, 255 * (image[4, 5] / 255.0) ** 0.6, atol=0.51)


def test_none_changes_nothing_and_flip_only_mirrors():
    (first, points), *others = items("none", 10)
    for crop, again in others:
        np.testing.assert_array_equal(crop, first)
        np.testing.assert_array_equal(again, points)
    box = points_box(points)
    np.testing.assert_allclose(box[:2] + box[2:], SIDE - 1, atol=1e-3)  # in the middle
    mirrored = 0
    for crop, _ in items("flip", 20):
        turned = not np.array_equal(crop, first)
        np.testing.assert_array_equal(crop[:, ::-1] if turned else crop, first)
        mirrored += turned
    assert 3 < mirrored < 17


def test_a_recipe_names_a_preset(tmp_path):
    def load(text, *overrides):
        (tmp_path / "r.toml").write_text(text)
        return recipe.load(LandmarkRecipe, tmp_path / "r.toml", overrides).crops.augment

    assert load("") == load('[crops.augment]\npreset = "webcam"') == AugmentOptions()
    none = load('[crops.augment]\npreset = "none"\nflip = 0.5')
    assert none == AugmentOptions.preset("flip")
    # On the command line it replaces the section of the file; later keys override it.
    chosen = load("[crops.augment]\nblur = 0.9", "crops.augment.preset=thirtyfold", "crops.augment.grey=1")
    assert (chosen.thirtyfold, chosen.blur, chosen.grey) == (True, 0, 1)
    # The run's recipe.toml has the resolved values instead of the preset's name.
    whole = LandmarkRecipe(crops=CropOptions(augment=chosen))
    assert load(recipe.dump(whole)) == chosen
    with pytest.raises(
        DataError, match="no augmentation preset 'rain'; expected one of webcam, none, flip, thirtyfold"
    ):
        load('[crops.augment]\npreset = "rain"')


def test_webcam_crops_are_unchanged():
    """Check crops from before the introduction of presets, so that trainings stay reproducible."""
    for seed, expected in (
        (3, (158.91676272738363, 148.92516303272305, 145.79661329769573, -0.4134170894898563)),
        (7, (157.4408476307534, 143.45797038431039, 127.37659925677634, 0.0625691190619562)),
    ):
        crop = webcam.random_crop(face().points, MARGIN, np.random.default_rng(seed), AugmentOptions())
        np.testing.assert_allclose((crop.x, crop.y, crop.size_px, crop.roll_rad), expected, rtol=1e-6)
