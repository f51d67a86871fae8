"""Inputs of a batch: what is searched, listed and named, by folders and lists made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from facetrack.batch.inputs import find_videos
from facetrack.errors import SourceError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = ("b.mp4", "a.MKV", ".hidden.mp4", "notes.txt", "s1/cam.mp4", "s2/cam.mp4")
    for name in ("out/x.mp4", *(f"in/{name}" for name in inside)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def found(folder: Path, *inputs: object) -> dict[str, str]:
    videos = find_videos([str(item) for item in inputs], folder / "out")
    return {video.name: video.path.relative_to(folder).as_posix() for video in videos}


def test_a_folder_is_searched_and_names_keep_its_folders(folder):
    assert found(folder, folder / "in") == {
        "a": "in/a.MKV", "b": "in/b.mp4", "s1/cam": "in/s1/cam.mp4", "s2/cam": "in/s2/cam.mp4"
    }  # fmt: skip


def test_outputs_are_no_inputs(folder):
    assert "out/x.mp4" not in found(folder, folder).values()


def test_a_glob_is_expanded_unless_a_file_has_that_name(folder):
    (folder / "in" / "c[1].mp4").touch()
    assert set(found(folder, folder / "in" / "*.mp4").values()) == {"in/b.mp4", "in/c[1].mp4"}
    assert found(folder, folder / "in" / "c[1].mp4") == {"c[1]": "in/c[1].mp4"}


def test_a_list_counts_from_its_folder_and_may_name_what_is_missing(folder):
    listed = folder / "in" / "list.txt"
    listed.write_text(f"\ufeff# of today\nb.mp4\n\ns1/cam.mp4\n{folder}/in/gone.mp4\n../out/x.mp4\n")
    assert found(folder, listed) == {
        "b": "in/b.mp4", "s1/cam": "in/s1/cam.mp4", "gone": "in/gone.mp4", "x": "out/x.mp4"
    }  # fmt: skip


@pytest.mark.parametrize(("name", "delimiter"), [("t.csv", ","), ("t.csv", ";"), ("t.tsv", "\t")])
def test_a_table_keeps_its_columns(folder, name, delimiter):
    rows = [["subject", "path", "age"], ["ann", "in/b.mp4", "31"], ["bea", "in/a.MKV", ""], ["ann", "in/b.mp4", "32"]]
    table = folder / name
    table.write_text("\n".join(delimiter.join(row) for row in rows))
    videos = find_videos([str(table)], folder / "out")
    assert [video.path.name for video in videos] == ["b.mp4", "a.MKV"]
    assert [row["age"] for row in videos[0].rows] == ["31", "32"]
    assert videos[1].rows == ({"subject": "bea", "path": "in/a.MKV", "age": ""},)


def test_videos_of_one_name_are_named_by_their_paths_too(folder):
    first, second = folder / "in/s1/cam.mp4", folder / "in/s2/cam.mp4"
    names = found(folder, first, second, first)
    assert set(names.values()) == {"in/s1/cam.mp4", "in/s2/cam.mp4"}
    assert all(len(name) == len("cam_12345678") for name in names)
    assert names == found(folder, second, first)


@pytest.mark.parametrize("name", ["summary.mp4", "Manifest.mp4"])
def test_no_video_takes_the_name_of_the_summary_or_the_manifest(folder, name):
    (folder / name).touch()
    (only,) = found(folder, folder / name)
    assert only.startswith(f"{Path(name).stem}_")


def test_outputs_that_differ_by_case_alone_do_not_meet(folder):
    for name in ("in/s1/X.mp4", "in/s2/x.mp4"):
        (folder / name).touch()
    names = found(folder, folder / "in/s1/X.mp4", folder / "in/s2/x.mp4")
    assert len({name.casefold() for name in names}) == 2


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["nowhere.mp4"], "does not exist"),
        (["*.none"], "matches no file"),
        (["empty"], "no video"),
        (["t.csv"], "column"),
    ],
)
def test_wrong_inputs_are_one_sentence(tmp_path, monkeypatch, inputs, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.csv").write_text("file,age\na.mp4,3\n")
    with pytest.raises(SourceError, match=message):
        find_videos(inputs, tmp_path / "out")


def test_shards_part_the_videos_whatever_else_is_listed(folder):
    paths = [folder / "in" / f"v{index}.mp4" for index in range(60)]
    for path in paths:
        path.touch()
    videos = find_videos([str(folder / "in")], folder / "out")
    parts = [[video.path for video in videos if video.in_shard((index, 3))] for index in (1, 2, 3)]
    assert sorted(path for part in parts for path in part) == sorted(video.path for video in videos)
    assert all(8 <= len(part) <= 34 for part in parts)  # 64 thirds: 21.3 +- 3.8
    alone = find_videos([str(paths[7])], folder / "out")[0]
    assert [alone.in_shard((index, 3)) for index in (1, 2, 3)] == [paths[7] in part for part in parts]
