"""Image files as a source: natural order, EXIF orientation, file names in any script, invalid files."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from facetrack.capture import ImageFiles, open_video, read_image
from facetrack.capture.images import natural_key
from facetrack.errors import SourceError


def write_image(path: Path, value: int = 100, size: tuple[int, int] = (60, 40)) -> Path:
    data = cv2.imencode(path.suffix, np.full((size[1], size[0], 3), value, np.uint8))[1]
    path.write_bytes(data.tobytes())
    return path


def exif_jpeg(path: Path, orientation: int) -> Path:
    """Write a 60x40 jpeg, white in its stored top left quarter, with an EXIF orientation tag (TIFF tag 0x0112)."""
    image = np.zeros((40, 60, 3), np.uint8)
    image[:20, :30] = 255
    data = cv2.imencode(".jpg", image)[1].tobytes()
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    segment = b"Exif\0\0" + tiff
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:])
    return path


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        write_image(tmp_path / f"frame_{number}.png", value=number * 10)
    (tmp_path / "notes.txt").write_text("not a picture")
    write_image(tmp_path / ".hidden.png")
    with open_video(tmp_path) as source:
        frames = list(source)
    assert (source.n_frames, source.fps, source.size, source.live) == (3, 25.0, (60, 40), False)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 20, 100]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.08])


def test_the_frame_rate_of_images_can_be_given(tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / f"{number}.jpg")
    assert [frame.time_s for frame in open_video(tmp_path, image_fps=10)] == pytest.approx([0, 0.1, 0.2])


def test_a_single_image_is_a_source_of_one_frame(tmp_path: Path) -> None:
    frames = list(open_video(write_image(tmp_path / "photo.JPG")))
    assert len(frames) == 1
    assert frames[0].image.shape == (40, 60, 3)


def test_images_keep_their_own_sizes(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png", size=(60, 40))
    write_image(tmp_path / "2.png", size=(30, 50))
    source = ImageFiles(tmp_path)
    assert source.size == (60, 40)
    assert [frame.image.shape for frame in source] == [(40, 60, 3), (50, 30, 3)]


def test_names_in_any_script_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "лица 顔 ü"
    folder.mkdir()
    assert read_image(write_image(folder / "é 写真.png", value=7))[0, 0, 0] == 7


@pytest.mark.parametrize(("orientation", "white"), [(1, (5, 5)), (3, (35, 55)), (6, (5, 35)), (8, (55, 5))])
def test_exif_orientation_is_obeyed(tmp_path: Path, orientation: int, white: tuple[int, int]) -> None:
    """Oracle: `white`, row and column of the white quarter's outer corner (EXIF 2.3, table of tag 0x0112)."""
    image = read_image(exif_jpeg(tmp_path / "phone.jpg", orientation))
    assert image.shape[:2] == ((40, 60) if orientation in (1, 3) else (60, 40))
    assert image[white].min() > 200
    assert image.mean() == pytest.approx(255 / 4, abs=3)


def test_grey_deep_and_transparent_images_become_bgr(tmp_path: Path) -> None:
    for name, image in {
        "grey.png": np.full((8, 8), 50, np.uint8),
        "deep.png": np.full((8, 8, 3), 50 * 257, np.uint16),
        "clear.png": np.full((8, 8, 4), 50, np.uint8),
    }.items():
        (tmp_path / name).write_bytes(cv2.imencode(".png", image)[1].tobytes())
        read = read_image(tmp_path / name)
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, np.full((8, 8, 3), 50))


def test_files_that_are_no_images_are_reported(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    for name, words in {
        "text.jpg": "not an image",
        "empty.png": "not an image",
        "none.jpg": "does not exist",
    }.items():
        with pytest.raises(SourceError, match=words):
            read_image(tmp_path / name)
    with pytest.raises(SourceError, match="cannot be read"):
        read_image(tmp_path)


def test_a_broken_image_in_a_folder_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"broken")
    with pytest.raises(SourceError, match=r"2\.png"):
        list(open_video(tmp_path))


def test_natural_key_handles_mixed_names() -> None:
    names = ["b10", "a", "10", "B9", "a2b", "a2"]
    assert sorted(names, key=natural_key) == ["10", "a", "a2", "a2b", "B9", "b10"]
