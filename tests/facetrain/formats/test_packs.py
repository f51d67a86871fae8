"""Reading of packs that the test writes."""

import zipfile

import cv2
import numpy as np
import pytest

from facetrack.errors import DataError
from facetrain.formats import packs


def write_pack(folder, name, count=4, size=(200, 260), key="points", n_points=68):
    """Write a pack of images with a bright pixel at every point, and return the points."""
    rng = np.random.default_rng(0)
    names, points = [f"Some_One_{i}.png" for i in range(count)], []
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        for file in names:
            face = rng.uniform(60, 130, (n_points, 2)).round()
            image = np.zeros((*size, 3), np.uint8)
            image[face[:, 1].astype(int), face[:, 0].astype(int)] = 255
            archive.writestr(file, cv2.imencode(".png", image)[1].tobytes())
            points.append(face)
    np.savez(folder / f"{name}.npz", names=np.array(names), **{key: np.array(points, np.float32)})
    return points


def test_round_trip(tmp_path):
    points = write_pack(tmp_path, "helen_train")
    samples = packs.read_landmark_pack(tmp_path, "helen_train", trim=False)
    assert [s.name for s in samples] == [f"Some_One_{i}.png" for i in range(4)]
    np.testing.assert_array_equal(samples[2].points, points[2])
    assert samples[0].group == "Some_One"
    assert samples[0].weight.min() == 1


def test_trimming_keeps_points_on_their_pixels(tmp_path):
    write_pack(tmp_path, "helen_train")
    for sample in packs.read_landmark_pack(tmp_path, "helen_train"):
        assert max(sample.image.shape[:2]) < 200
        columns, rows = sample.points.T.astype(int)
        assert (sample.image[rows, columns] == 255).all()


def test_split_is_by_person_and_stable(tmp_path):
    from facetrain.sample import Sample

    image, points, ones = np.zeros((4, 4, 3), np.uint8), np.zeros((68, 2), np.float32), np.ones(68, np.float32)
    samples = [Sample(f"P{i}_{j}.jpg", f"P{i}", "x", image, points, ones) for i in range(200) for j in range(3)]
    kept, held_out = packs.split(samples, 0.1)
    assert {s.group for s in kept}.isdisjoint({s.group for s in held_out})
    assert 0.03 < len(held_out) / len(samples) < 0.2
    assert [s.name for s in packs.split(samples[::-1], 0.1)[1]] == [s.name for s in held_out][::-1]


def test_a_missing_pack_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="helen_train"):
        packs.read_landmark_pack(tmp_path, "helen_train")


def test_an_image_that_does_not_decode_is_named(tmp_path):
    write_pack(tmp_path, "helen_train")
    with zipfile.ZipFile(tmp_path / "helen_train.zip", "a") as archive:
        archive.writestr("broken_1.png", b"no image")
    with pytest.raises(DataError, match=r"broken_1\.png"):
        packs.read_landmark_pack(tmp_path, "helen_train")


def test_labels_without_the_array_are_named(tmp_path):
    write_pack(tmp_path, "helen_train", key="corners")
    with pytest.raises(DataError, match="'points'"):
        packs.read_landmark_pack(tmp_path, "helen_train")
