"""Reading of hand-written Kaggle CSV files, conversion of faces to Kaggle's framing, and the submission."""

import csv

import numpy as np
import pytest

from facetrack.errors import DataError
from facetrain.formats.public import kaggle
from facetrain.synth.drawn_heads import read_synthetic

HEADER = (
    "left_eye_center_x,left_eye_center_y,right_eye_center_x,right_eye_center_y,left_eye_inner_corner_x,"
    "left_eye_inner_corner_y,left_eye_outer_corner_x,left_eye_outer_corner_y,right_eye_inner_corner_x,"
    "right_eye_inner_corner_y,right_eye_outer_corner_x,right_eye_outer_corner_y,left_eyebrow_inner_end_x,"
    "left_eyebrow_inner_end_y,left_eyebrow_outer_end_x,left_eyebrow_outer_end_y,right_eyebrow_inner_end_x,"
    "right_eyebrow_inner_end_y,right_eyebrow_outer_end_x,right_eyebrow_outer_end_y,nose_tip_x,nose_tip_y,"
    "mouth_left_corner_x,mouth_left_corner_y,mouth_right_corner_x,mouth_right_corner_y,mouth_center_top_lip_x,"
    "mouth_center_top_lip_y,mouth_center_bottom_lip_x,mouth_center_bottom_lip_y,Image"
)
GREYS = np.arange(9216) % 251


def row(coordinates=None, image=None):
    coordinates = [str(20 + i) for i in range(30)] if coordinates is None else coordinates
    return ",".join([*coordinates, " ".join(map(str, GREYS)) if image is None else image])


def write(path, *rows, header=HEADER):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_points_image_and_missing_cells(tmp_path):
    holes = [str(20 + i) for i in range(30)]
    holes[20] = holes[21] = ""  # nose tip
    holes[2] = ""  # a point with one coordinate is missing
    result = kaggle.read_kaggle(write(tmp_path / "training.csv", row(), row(holes)))
    first, second = result.samples
    assert result.problems == []
    np.testing.assert_array_equal(first.points[0], [20, 21])
    np.testing.assert_array_equal(first.image[..., 0], GREYS.reshape(96, 96))
    assert first.image.shape == (96, 96, 3)
    assert (first.scheme, first.name, first.group) == ("kaggle-15", "1", "1")
    np.testing.assert_array_equal(np.flatnonzero(second.weight == 0), [1, 10])
    assert np.isnan(second.points[[1, 10]]).all()


def test_columns_are_found_by_name(tmp_path):
    names = HEADER.split(",")
    reordered = write(tmp_path / "t.csv", ",".join(reversed(row().split(","))), header=",".join(reversed(names)))
    np.testing.assert_array_equal(kaggle.read_kaggle(reordered).samples[0].points[0], [20, 21])


def test_test_csv_has_no_points(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text("ImageId,Image\n7," + " ".join(map(str, GREYS)) + "\n")
    (sample,) = kaggle.read_kaggle(path).samples
    assert sample.name == "7"
    assert np.isnan(sample.points).all()
    assert not sample.weight.any()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (row(image="1 2 3"), "3 values"),
        (row(image=" ".join(["300"] * 9216)), "300"),
        (row(image=" ".join(["x"] * 9216)), "whole number"),
        (row(["a"] * 30), "'a'"),
        (row([*("20",) * 29, "9999"]), "far outside"),
        ("1,2,3", "ends before"),
    ],
)
def test_bad_rows_are_listed_with_their_line(tmp_path, bad, words):
    result = kaggle.read_kaggle(write(tmp_path / "training.csv", row(), bad, row()))
    assert len(result.samples) == 2
    (problem,) = result.problems
    assert "training.csv:3" in problem
    assert words in problem


def test_a_missing_column_is_named(tmp_path):
    header = HEADER.replace("nose_tip_y,", "")
    with pytest.raises(DataError, match="lacks the column 'nose_tip_y'"):
        kaggle.read_kaggle(write(tmp_path / "training.csv", row(["1"] * 29), header=header))


def test_nothing_usable_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no usable sample"):
        kaggle.read_kaggle(write(tmp_path / "training.csv", row(image="")))
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="is empty"):
        kaggle.read_kaggle(tmp_path / "empty.csv")


def test_written_and_read_again(tmp_path):
    samples = read_synthetic(3, seed=4)
    assert kaggle.write_kaggle(samples, tmp_path / "out" / "training.csv") == []
    again = kaggle.read_kaggle(tmp_path / "out").samples
    for sample, read in zip(samples, again, strict=True):
        framed = kaggle.as_kaggle(sample)
        np.testing.assert_array_equal(read.image, framed.image)
        np.testing.assert_allclose(read.points, framed.points, atol=1e-4)
        assert 25 < np.linalg.norm(read.points[0] - read.points[1]) < 50  # eye distance; Kaggle's mean is 36
        assert kaggle.as_kaggle(read) is read


def test_framing_keeps_points_on_their_pixels():
    """Check that a bright spot at the nose tip of a black image stays under the point."""
    (sample,) = [s for s in read_synthetic(8, seed=1) if s.name.startswith("head")][:1]
    sample.image[:] = 0
    x, y = np.rint(sample.points[30]).astype(int)
    sample.points[30] = x, y
    sample.image[y - 1 : y + 2, x - 1 : x + 2] = 255
    framed = kaggle.as_kaggle(sample)
    rows, columns = np.nonzero(framed.image[..., 0] > 60)
    np.testing.assert_allclose([columns.mean(), rows.mean()], framed.points[10], atol=0.6)


def test_submission(tmp_path):
    lookup = tmp_path / "IdLookupTable.csv"
    lookup.write_text("RowId,ImageId,FeatureName,Location\n1,1,left_eye_center_x,\n2,1,left_eye_center_y,\n"
                      "3,2,mouth_center_bottom_lip_y,\n")  # fmt: skip
    points = np.arange(30, dtype=float).reshape(15, 2)
    predicted = {"1": points - 0.5, "2": points + 90}
    kaggle.write_submission(predicted, lookup, tmp_path / "submission.csv")
    with (tmp_path / "submission.csv").open() as file:
        assert list(csv.reader(file)) == [["RowId", "Location"], ["1", "0.0000"], ["2", "0.5000"], ["3", "96.0000"]]
    with pytest.raises(DataError, match="image 2"):
        kaggle.write_submission({"1": points}, lookup, tmp_path / "s.csv")
    with pytest.raises(DataError, match="nan"):
        kaggle.write_submission({"1": points * np.nan, "2": points}, lookup, tmp_path / "s.csv")


def test_samples_without_points_are_refused(tmp_path):
    from dataclasses import replace

    bare = replace(read_synthetic(1)[0], scheme="")
    with pytest.raises(DataError, match="none of the 1"):
        kaggle.write_kaggle([bare], tmp_path / "training.csv")
    assert not (tmp_path / "training.csv").exists()
