"""Readers of XML, JSON, .mat and TFRecord, on files that independent code writes."""

import json
import struct
import sys

import cv2
import numpy as np
import pytest
import scipy.io

from facetrack.errors import DataError, MissingExtraError
from facetrain.formats.public import coco, cofw, dlib_xml, tfrecord

SIZE = (100, 140)


def write_image(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
    cv2.imwrite(str(path), image)
    return image


def parts(count, missing=()):
    return "".join(
        f"<part name='{i:02d}' x='{20 + i % 10 * 8}' y='{20 + i // 10 * 7}'/>" for i in range(count) if i not in missing
    )


def dlib_text(*boxes, file="faces/a.png"):
    inside = "".join(f"<box top='1' left='2' width='3' height='4'{extra}>{body}</box>" for body, extra in boxes)
    return f"<?xml version='1.0'?><dataset><images><image file='{file}'>{inside}</image></images></dataset>"


def test_dlib(tmp_path):
    image = write_image(tmp_path / "faces" / "a.png")
    text = dlib_text((parts(68), ""), (parts(68, missing=(5,)), ""), (parts(3), " ignore='1'"))
    (tmp_path / "train.xml").write_text(text)
    result = dlib_xml.read_dlib(tmp_path / "train.xml", trim=False)
    first, second = result.samples
    np.testing.assert_array_equal(first.points[12], [36, 27])
    np.testing.assert_array_equal(first.image, image)
    assert (first.name, first.group, first.scheme) == ("faces/a.png#0", "faces/a.png", "300w-68")
    np.testing.assert_array_equal(np.flatnonzero(second.weight == 0), [5])
    assert "box 1" in result.problems[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<dataset>\n<images>", "train.xml:2"),
        ("<dataset/>", "imglab"),
        (dlib_text((parts(68), ""), file="none.png"), "none.png"),
        (dlib_text((parts(68) + "<part name='chin' x='1' y='2'/>", "")), "'chin'"),
        (dlib_text((parts(68).replace("x='20'", "x='left'"), "")), "part 0"),
    ],
)
def test_bad_dlib(tmp_path, text, words):
    write_image(tmp_path / "faces" / "a.png")
    (tmp_path / "train.xml").write_text(text)
    with pytest.raises(DataError, match=words):
        dlib_xml.read_dlib(tmp_path / "train.xml")


def coco_content(keypoints, **annotation):
    return {
        "images": [{"id": 3, "file_name": "a.png"}],
        "annotations": [{"id": 9, "image_id": 3, "keypoints": keypoints, **annotation}],
    }


def test_coco_visibility(tmp_path):
    image = write_image(tmp_path / "images" / "a.png")
    keypoints = [v for i in range(15) for v in (10 + i, 20 + i, 2)]
    keypoints[0:3] = [0, 0, 0]  # not labelled
    keypoints[5] = 1  # occluded
    (tmp_path / "k.json").write_text(json.dumps(coco_content(keypoints, attributes={"smile": 1})))
    (sample,) = coco.read_coco(tmp_path / "k.json", trim=False).samples
    assert sample.scheme == "kaggle-15"
    np.testing.assert_array_equal(sample.points[1], [11, 21])
    assert np.isnan(sample.points[0]).all()
    np.testing.assert_array_equal(sample.weight, [0, *[1] * 14])
    np.testing.assert_array_equal(sample.visible, [False, False, *[True] * 13])
    np.testing.assert_array_equal(sample.image, image)
    assert sample.attributes == {"smile": 1}


def test_coco_wholebody_face(tmp_path):
    write_image(tmp_path / "a.png")
    content = coco_content([])
    content["annotations"][0] = {"image_id": 3, "face_kpts": [v for i in range(68) for v in (30 + i, 40, 0.9)]}
    (tmp_path / "k.json").write_text(json.dumps(content))
    (sample,) = coco.read_coco(tmp_path / "k.json").samples
    assert sample.scheme == "300w-68"
    assert sample.visible is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{\n\n,", "k.json:3"),
        ("[]", "'annotations'"),
        (json.dumps(coco_content([1, 2])), "multiple of three"),
        (json.dumps(coco_content([1, 2, 0])), "not one of its keypoints"),
        (json.dumps(coco_content(["a", 2, 2])), "not all numbers"),
        (json.dumps(coco_content([1, 2, 2], image_id=4)), "image_id 4"),
        (json.dumps(coco_content([1, 2, 2])), r"no image a\.png"),
        (json.dumps({"images": [], "annotations": ["x"]}), "an object"),
    ],
)
def test_bad_coco(tmp_path, content, words):
    (tmp_path / "k.json").write_text(content)
    with pytest.raises(DataError, match=words):
        coco.read_coco(tmp_path / "k.json")


def cofw_mat(path, shapes, names=("IsTr", "phisTr"), grey=False):
    rgb = np.random.default_rng(1).integers(0, 256, (len(shapes), *SIZE, 3), np.uint8)
    cells = np.empty((len(shapes), 1), object)
    for index, image in enumerate(rgb):
        cells[index, 0] = image[..., 0] if grey else image
    scipy.io.savemat(path, {names[0]: cells, names[1]: np.array(shapes, float)})
    return rgb


def cofw_shape(occluded=()):
    return [*(31.0 + i for i in range(29)), *(41.0 + i for i in range(29)), *(float(i in occluded) for i in range(29))]


def test_cofw_is_one_based_and_rgb(tmp_path):
    rgb = cofw_mat(tmp_path / "COFW_train_color.mat", [cofw_shape(), cofw_shape((4, 7))])
    _, second = cofw.read_cofw(tmp_path / "COFW_train_color.mat", trim=False).samples
    np.testing.assert_array_equal(second.points[3], [33, 43])
    np.testing.assert_array_equal(second.image, rgb[1][..., ::-1])
    np.testing.assert_array_equal(np.flatnonzero(~second.visible), [4, 7])
    assert second.weight.min() == 1
    assert second.scheme == "cofw-29"


def test_cofw68(tmp_path):
    cofw_mat(tmp_path / "COFW_test_color.mat", [cofw_shape()], ("IsT", "phisT"), grey=True)
    (tmp_path / "test_annotations").mkdir()
    points = np.stack([np.arange(68) + 21.0, np.arange(68) + 11.0], axis=1)
    scipy.io.savemat(tmp_path / "test_annotations" / "1_points.mat", {"Points": points, "Occ": np.eye(1, 68, 2).T})
    result = cofw.read_cofw(tmp_path / "COFW_test_color.mat", tmp_path / "test_annotations", trim=False)
    (sample,) = result.samples
    np.testing.assert_array_equal(sample.points, points - 1)
    np.testing.assert_array_equal(np.flatnonzero(~sample.visible), [2])
    assert sample.scheme == "300w-68"


def test_bad_mat_files(tmp_path):
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"other": 1})
    with pytest.raises(DataError, match="expected IsTr"):
        cofw.read_cofw(path)
    path.write_text("no mat at all, but long enough to look at it")
    with pytest.raises(DataError, match=r"no \.mat file"):
        cofw.read_cofw(path)
    with pytest.raises(DataError, match="cannot be read"):
        cofw.read_cofw(tmp_path / "none.mat")
    cofw_mat(path, [cofw_shape()[:50]])
    with pytest.raises(DataError, match="50 numbers"):
        cofw.read_cofw(path)


def test_a_new_mat_without_h5py_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "x.mat").write_bytes(bytes(512) + b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(MissingExtraError, match=r"facetrack\[mat\]"):
        cofw.read_cofw(tmp_path / "x.mat")


def test_a_new_mat(tmp_path):
    h5py = pytest.importorskip("h5py")
    rgb = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    with h5py.File(tmp_path / "x.mat", "w", userblock_size=512) as file:
        image = file.create_dataset("#refs#/a", data=rgb.T)
        file.create_dataset("IsTr", data=np.array([[image.ref]], h5py.ref_dtype))
        file.create_dataset("phisTr", data=np.array([cofw_shape((2,))]).T)
    (sample,) = cofw.read_cofw(tmp_path / "x.mat", trim=False).samples
    np.testing.assert_array_equal(sample.image, rgb[..., ::-1])
    np.testing.assert_array_equal(sample.points[3], [33, 43])


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, body):
    """Encode a protobuf field of wire type 2."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def example(values):
    """Encode a tf.train.Example by its .proto.

    features=1, map feature=1 of key=1 value=2; bytes_list=1 float_list=2, each value=1 (floats packed).
    """
    entries = b""
    for key, value in values.items():
        if isinstance(value, bytes):
            feature = field(1, field(1, value))
        else:
            feature = field(2, field(1, struct.pack(f"<{len(value)}f", *value)))
        entries += field(1, field(1, key.encode()) + field(2, feature))
    return field(1, entries)


def shard(path, *records):
    """Write a TFRecord file with zero checksums, which the reader ignores."""
    path.write_bytes(b"".join(struct.pack("<QI", len(r), 0) + r + bytes(4) for r in records))


def test_tfrecord_layouts(tmp_path):
    pytest.importorskip("tfrecord")
    image = write_image(tmp_path / "a.png")
    encoded = (tmp_path / "a.png").read_bytes()
    marks = [0.25, 0.5] * 68
    shard(
        tmp_path / "train-00000.tfrecord",
        example({"image/encoded": encoded, "image/filename": b"a.png", "label/marks": marks, "attribute/smile": [1.0]}),
        example({"image/encoded": encoded, "points": [30.0, 40.0] * 5}),
        example({"image/encoded": encoded, "image/object/keypoint/x": [0.5], "image/object/keypoint/y": [0.5]}),
        example({"image/encoded": encoded, "label/marks": [0.5] * 3}),
        example({"points": [1.0, 2.0]}),
    )
    shard(tmp_path / "validation.tfrecord", example({"image/encoded": encoded, "points": [30.0, 40.0] * 5}))
    result = tfrecord.read_tfrecord(tmp_path, trim=False)
    first, second, third, fourth = result.samples
    np.testing.assert_array_equal(first.points, [(35, 50)] * 68)
    np.testing.assert_array_equal(first.image, image)
    assert first.attributes == {"smile": 1, "split": "train"}
    assert (first.scheme, second.scheme) == ("300w-68", "five")
    np.testing.assert_array_equal(second.points[0], [30, 40])
    np.testing.assert_array_equal(third.points, [(69.5, 49.5)])
    assert fourth.attributes == {"split": "validation"}
    assert ["record 3" in result.problems[0], "record 4" in result.problems[1]] == [True, True]


def test_a_truncated_shard_gives_its_complete_records(tmp_path):
    pytest.importorskip("tfrecord")
    write_image(tmp_path / "a.png")
    record = example({"image/encoded": (tmp_path / "a.png").read_bytes(), "points": [30.0, 40.0] * 5})
    shard(tmp_path / "test.tfrecord", record, record)
    data = (tmp_path / "test.tfrecord").read_bytes()
    (tmp_path / "test.tfrecord").write_bytes(data[:-50])
    result = tfrecord.read_tfrecord(tmp_path / "test.tfrecord")
    assert len(result.samples) == 1
    assert "truncated" in result.problems[0]


def test_tfrecord_without_its_reader_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tfrecord", None)
    monkeypatch.setitem(sys.modules, "tfrecord.reader", None)
    shard(tmp_path / "train.tfrecord", b"")
    with pytest.raises(MissingExtraError, match=r"facetrack\[tfrecord\]"):
        tfrecord.read_tfrecord(tmp_path / "train.tfrecord")
    with pytest.raises(DataError, match="no TFRecord"):
        tfrecord.read_tfrecord(tmp_path / "none")
