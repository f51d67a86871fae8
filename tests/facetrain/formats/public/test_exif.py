"""Labels beside pictures with EXIF orientation; oracle: a dot in the picture that the labels point at."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest

from facetrack.errors import DataError
from facetrain.formats.labelled_pictures import read_labelled
from facetrain.formats.public.coco import read_coco
from facetrain.formats.public.dlib_xml import read_dlib
from facetrain.formats.public.mtfl import read_mtfl_text
from facetrain.formats.public.pts import read_pts_folder, write_pts
from facetrain.formats.public.wflw import read_wflw
from facetrain.formats.reading import ReadResult

WIDTH, HEIGHT = 120, 80
"""Of the stored picture, px."""
LABELS = np.array([[20.0, 10.0], [90, 15], [60, 40], [30, 66], [100, 70]], np.float32)
"""Five points in the stored picture, 0-based px."""
TURNED = [1, 3, 6, 8]
"""EXIF orientations without mirroring: upright, upside down, and the two quarter turns."""


def stored_picture() -> np.ndarray:
    """Return a grey ramp with a bright dot at each label."""
    ramp = np.linspace(10, 70, WIDTH, dtype=np.float32)[None] + np.linspace(0, 40, HEIGHT, dtype=np.float32)[:, None]
    image = np.repeat(ramp.astype(np.uint8)[..., None], 3, axis=2)
    for x, y in LABELS.astype(int):
        cv2.circle(image, (int(x), int(y)), 3, (255, 255, 255), -1)
    return image


def write_picture(path: Path, orientation: int) -> Path:
    """Write a JPEG with EXIF's tag 274 (CIPA DC-008, 4.6.4)."""
    encoded = cv2.imencode(".jpg", stored_picture(), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)
    segment = b"Exif\0\0" + tiff
    path.write_bytes(encoded[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + encoded[2:])
    return path


def assert_points_hit_the_dots(result: ReadResult, upright: bool) -> None:
    (sample,) = result.samples
    assert sample.image.shape[:2] == ((HEIGHT, WIDTH) if upright else (WIDTH, HEIGHT))
    for x, y in np.round(sample.points).astype(int):
        assert sample.image[y - 1 : y + 2, x - 1 : x + 2].min() > 200


def as_dlib(folder: Path) -> Path:
    root = ET.Element("dataset")
    box = ET.SubElement(ET.SubElement(ET.SubElement(root, "images"), "image", file="a.jpg"), "box")
    for index, (x, y) in enumerate(LABELS):
        ET.SubElement(box, "part", name=f"{index:02}", x=str(x), y=str(y))
    ET.ElementTree(root).write(folder / "a.xml")
    return folder / "a.xml"


def as_coco(folder: Path, labels: np.ndarray = LABELS, **size: int) -> Path:
    keypoints = [float(value) for x, y in labels for value in (x, y, 2)]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", **size}],
        "annotations": [{"image_id": 1, "keypoints": keypoints}],
    }
    (folder / "a.json").write_text(json.dumps(content))
    return folder / "a.json"


def as_mtfl(folder: Path) -> Path:
    values = [*(LABELS[:, 0] + 1), *(LABELS[:, 1] + 1), 1, 1, 1, 3]
    (folder / "training.txt").write_text("a.jpg " + " ".join(map(str, values)) + "\n")
    return folder / "training.txt"


def as_wflw(folder: Path) -> Path:
    points = np.repeat(LABELS, 20, axis=0)[:98]
    (folder / "list_98pt.txt").write_text(" ".join(map(str, points.ravel())) + " a.jpg\n")
    return folder / "list_98pt.txt"


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["dlib", "pts", "mtfl", "wflw", "coco", "coco without a size"])
def test_labels_of_the_stored_picture_turn_with_it(tmp_path: Path, kind: str, orientation: int) -> None:
    write_picture(tmp_path / "a.jpg", orientation)
    if kind == "dlib":
        result = read_dlib(as_dlib(tmp_path), trim=False)
    elif kind == "pts":
        write_pts(tmp_path / "a.pts", LABELS)
        result = read_pts_folder(tmp_path, trim=False)
    elif kind == "mtfl":
        result = read_mtfl_text(as_mtfl(tmp_path), trim=False)
    elif kind == "wflw":
        result = read_wflw(as_wflw(tmp_path), trim=False)
    elif kind == "coco":
        result = read_coco(as_coco(tmp_path, width=WIDTH, height=HEIGHT), trim=False)
    else:
        result = read_coco(as_coco(tmp_path), trim=False)
    assert result.problems == []
    assert_points_hit_the_dots(result, upright=orientation in (1, 3))


def test_coco_with_the_size_of_the_upright_picture_has_labels_of_that(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", 6)  # shown turned clockwise: (x, y) of the stored goes to (HEIGHT - 1 - y, x)
    upright = np.stack([HEIGHT - 1 - LABELS[:, 1], LABELS[:, 0]], axis=1)
    path = as_coco(tmp_path, upright, width=HEIGHT, height=WIDTH)
    assert_points_hit_the_dots(read_coco(path, trim=False), upright=False)


def test_a_size_that_fits_neither_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", 6)
    with pytest.raises(DataError, match=r"is 120x80 px, but its label file says 640x480"):
        read_coco(as_coco(tmp_path, width=640, height=480))


def test_points_that_only_fit_the_upright_picture_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", 6)
    upright = np.stack([HEIGHT - 1 - LABELS[:, 1], LABELS[:, 0]], axis=1)
    write_pts(tmp_path / "a.pts", upright)
    with pytest.raises(DataError, match=r"fit the picture turned by EXIF \(80x120\), .*stored one \(120x80\)"):
        read_pts_folder(tmp_path)


@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_a_mirrored_picture_is_refused(tmp_path: Path, orientation: int) -> None:
    with pytest.raises(DataError, match="left and right are unclear"):
        read_labelled(write_picture(tmp_path / "a.jpg", orientation))
