"""Readers of text labels beside images: .pts, WFLW, MTFL, on hand-written files."""

import cv2
import numpy as np
import pytest

from facetrack.errors import DataError
from facetrain.formats.public import mtfl, pts, wflw

SIZE = (120, 160)


def write_image(path, seed=0):
    """Write a losslessly stored image of random pixels, different for each seed, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
    cv2.imwrite(str(path), image)
    return image


def grid(count):
    """Return `count` points inside the image, at least 1 px apart."""
    return [(20 + i % 10 * 8, 20 + i // 10 * 7.5) for i in range(count)]


def pts_text(points, header=True):
    rows = "\n".join(f"{x} {y}" for x, y in points)
    return f"version: 1\nn_points:  {len(points)}\n{{\n{rows}\n}}\n" if header else rows + "\n"


@pytest.mark.parametrize("header", [True, False])
def test_pts_are_one_based(tmp_path, header):
    image = write_image(tmp_path / "a" / "face_1.png")
    (tmp_path / "a" / "face_1.pts").write_text(pts_text(grid(68), header))
    (sample,) = pts.read_pts_folder(tmp_path, trim=False).samples
    np.testing.assert_array_equal(sample.points, np.array(grid(68), np.float32) - 1)
    np.testing.assert_array_equal(sample.image, image)
    assert (sample.name, sample.scheme, sample.group) == ("a/face_1.png", "300w-68", "a/face_1.png")
    assert sample.weight.min() == 1


def test_pts_written_and_read_again(tmp_path):
    points = np.array(grid(68), np.float32) + 0.25
    pts.write_pts(tmp_path / "x.pts", points)
    np.testing.assert_allclose(pts.read_pts(tmp_path / "x.pts"), points, atol=1e-4)
    assert (tmp_path / "x.pts").read_text().splitlines()[3] == "21.2500 21.2500"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (pts_text(grid(68)).replace("20 20", "20 x", 1), "bad.pts:4"),
        (pts_text(grid(68)).replace("n_points:  68", "n_points:  67"), "expected 67"),
        (pts_text(grid(68)).replace("}", ""), "closing brace"),
        ("1 2 3\n4 5 6\n", "bad.pts:1"),
        (pts_text([(5000, 5000)] * 68), "far outside"),
        (pts_text([("nan", "nan")] * 68), "not one of its 68"),
        ("", "0 points"),
    ],
)
def test_a_bad_pts_is_listed_and_the_rest_read(tmp_path, text, words):
    for name in ("good", "bad"):
        write_image(tmp_path / f"{name}.png")
    (tmp_path / "good.pts").write_text(pts_text(grid(68)))
    (tmp_path / "bad.pts").write_text(text)
    result = pts.read_pts_folder(tmp_path)
    assert len(result.samples) == 1
    (problem,) = result.problems
    assert words in problem
    assert "bad.pts" in problem


def test_a_nan_coordinate_is_missing_and_listed(tmp_path):
    write_image(tmp_path / "f.png")
    points = grid(68)
    points[3] = ("nan", 5)
    (tmp_path / "f.pts").write_text(pts_text(points))
    result = pts.read_pts_folder(tmp_path)
    assert "1 of its points" in result.problems[0]
    np.testing.assert_array_equal(np.flatnonzero(result.samples[0].weight == 0), [3])
    assert np.isnan(result.samples[0].points[3]).all()


def test_a_label_without_an_image_and_binary_noise(tmp_path):
    (tmp_path / "alone.pts").write_text(pts_text(grid(68)))
    with pytest.raises(DataError, match="no image of the same name"):
        pts.read_pts_folder(tmp_path)
    (tmp_path / "alone.pts").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="as text"):
        pts.read_pts(tmp_path / "alone.pts")


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="empty folder"):
        pts.read_pts_folder(tmp_path)


def test_trimming_keeps_points_on_their_pixels(tmp_path):
    image = np.zeros((900, 1200, 3), np.uint8)
    points = [(600 + i % 10 * 8, 400 + i // 10 * 7) for i in range(68)]
    for x, y in points:
        image[y, x] = 255
    cv2.imwrite(str(tmp_path / "f.png"), image)
    (tmp_path / "f.pts").write_text(pts_text([(x + 1, y + 1) for x, y in points]))
    result = pts.read_pts_folder(tmp_path)
    (sample,) = result.samples
    assert max(sample.image.shape) < 200
    columns, rows = sample.points.astype(int).T
    assert (sample.image[rows, columns] == 255).all()
    assert result.sizes_px == [72]


def wflw_line(file="0--Parade/a.png", attributes=(1, 0, 1, 0, 1, 0), points=None):
    coordinates = [f"{v}" for point in points or grid(98) for v in point]
    extra = ["10", "10", "150", "110", *map(str, attributes)] if attributes else []
    return " ".join([*coordinates, *extra, file])


def test_wflw_attributes_and_points(tmp_path):
    image = write_image(tmp_path / "WFLW_images" / "0--Parade" / "a.png")
    path = tmp_path / "WFLW_annotations" / "list" / "list_98pt_rect_attr_train.txt"
    path.parent.mkdir(parents=True)
    path.write_text(wflw_line() + "\n" + wflw_line(attributes=()) + "\n")
    first, second = wflw.read_wflw(path, trim=False).samples
    np.testing.assert_array_equal(first.points, np.array(grid(98), np.float32))
    np.testing.assert_array_equal(first.image, image)
    assert first.attributes == {
        "large_pose": 1, "expression": 0, "illumination": 1, "make_up": 0, "occlusion": 1, "blur": 0,
    }  # fmt: skip
    assert second.attributes == {}
    assert (first.scheme, first.group) == ("wflw-98", second.group)
    assert first.name != second.name


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 2 3 a.png", "4 fields"),
        (wflw_line().replace("20 20", "20 ?", 1), "'?.0'"),
        (wflw_line(file="nowhere.png"), "nowhere.png"),
        (wflw_line(points=[(900, 900)] * 98), "far outside"),
    ],
)
def test_bad_wflw_lines(tmp_path, line, words):
    write_image(tmp_path / "0--Parade" / "a.png")
    path = tmp_path / "list.txt"
    path.write_text(f"{wflw_line()}\n{line}\n")
    result = wflw.read_wflw(path)
    assert len(result.samples) == 1
    assert words in result.problems[0]


MTFL = "lfw_5590\\A_B_0001.png 41.0 61.0 51.0 43.5 60.0 51.0 52.0 61.0 71.0 72.0 2 1 2 4"


def test_mtfl_text(tmp_path):
    image = write_image(tmp_path / "lfw_5590" / "A_B_0001.png")
    (tmp_path / "testing.txt").write_text(f" {MTFL}\n\n")
    (sample,) = mtfl.read_mtfl_text(tmp_path / "testing.txt", trim=False).samples
    np.testing.assert_array_equal(sample.points, [(40, 50), (60, 51), (50, 60), (42.5, 70), (59, 71)])
    np.testing.assert_array_equal(sample.image, image)
    assert sample.attributes == {"male": 0, "smile": 1, "glasses": 0, "pose_bin": 4, "split": "testing"}
    assert (sample.scheme, sample.group) == ("five", "A_B")


@pytest.mark.parametrize(
    ("line", "words"), [(MTFL.replace(" 2 4", " 3 4"), "glasses is 3"), (MTFL + " 1", "15 numbers"), ("x.png", "0 num")]
)
def test_bad_mtfl_lines(tmp_path, line, words):
    write_image(tmp_path / "lfw_5590" / "A_B_0001.png")
    (tmp_path / "training.txt").write_text(f"{MTFL}\n{line}\n")
    result = mtfl.read_mtfl_text(tmp_path / "training.txt")
    assert len(result.samples) == 1
    assert "training.txt:2" in result.problems[0]
    assert words in result.problems[0]
