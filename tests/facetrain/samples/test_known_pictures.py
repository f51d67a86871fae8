"""Pictures that the bundled networks were trained on, found by name or by bytes."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from facetrain.formats.picture_hashes import hashes_in
from facetrain.samples import known_pictures as known

HELEN = ["helen_train: HELEN, 870 photographs labelled by hand in the 300-W scheme (research only)"]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = {
        "helen_train": np.array([zlib.crc32(b"100032540_1")], np.uint32),
        "lfpw_train": np.array([zlib.crc32(b"pixels")], np.uint32),
    }
    monkeypatch.setattr(known, "known_hashes", lambda: hashes)


def test_a_unique_name_counts_whatever_the_bytes(table: None, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "100032540_1.png").write_bytes(b"stored anew")
    (tmp_path / "mine.jpg").write_bytes(b"something")
    (tmp_path / "mine.pts").write_bytes(b"points")
    pictures = list(hashes_in(tmp_path))
    assert len(pictures) == 2
    assert known.known_pictures(pictures, HELEN) == {"a/100032540_1.png": "helen_train"}


def test_a_common_name_counts_by_its_bytes(table: None, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr("image_0001.jpg", b"pixels")
        archive.writestr("image_0002.jpg", b"others")
    pictures = list(hashes_in(tmp_path / "pack"))
    assert known.known_pictures(pictures, ["lfpw_train: LFPW"]) == {"image_0001.jpg": "lfpw_train"}
    assert known.known_pictures(pictures, HELEN) == {}  # another network's data


def test_labels_of_another_network_name_the_same_pictures(table: None) -> None:
    pictures = [("100032540_1.jpg", zlib.crc32(b"100032540_1"))]
    assert known.known_pictures(pictures, ["helen_self: pseudo-labels"]) == {"100032540_1.jpg": "helen_train"}


def test_what_is_no_folder_and_no_pack_has_no_pictures(tmp_path: Path) -> None:
    assert list(hashes_in(Path("synthetic:24"))) == []
    (tmp_path / "labels.csv").write_text("file")
    assert list(hashes_in(tmp_path / "labels.csv")) == []


@pytest.mark.data
@pytest.mark.parametrize(("pack", "share"), [("helen_train", 1.0), ("helen_test", 0.0), ("aflw2000", 0.0)])
def test_the_bundled_table_knows_the_training_packs_alone(pack: str, share: float) -> None:
    from places import DATA

    pictures = list(hashes_in(DATA / pack))
    lines = [f"{name}: of the table" for name in known.known_hashes()]
    assert len(known.known_pictures(pictures, lines)) == share * len(pictures)


def test_files_that_cannot_be_read_and_files_that_are_no_pictures_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"no zip file")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "mine.jpg").write_bytes(b"something")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("labels.csv", b"x, y")
        archive.writestr("other.jpg", b"others")
    assert list(hashes_in(tmp_path)) == [("mine.jpg", zlib.crc32(b"something")), ("other.jpg", zlib.crc32(b"others"))]
