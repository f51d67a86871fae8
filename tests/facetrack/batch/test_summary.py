"""Totals of a person and their table, worked out by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from facetrack.batch.inputs import Video
from facetrack.batch.manifest import DONE, FAILED, Entry, Manifest
from facetrack.batch.persons import COLUMNS, Held, TotalsSink
from facetrack.batch.summary import write_summary
from facetrack.types import Event, Face, Frame, Landmarks
from made_signals import signals_with

IMAGE = np.zeros((4, 4, 3), np.uint8)


def test_a_state_holds_until_the_next_frame_but_not_over_a_gap():
    held = Held()
    for time_s, state in [(0.0, True), (0.1, True), (0.2, False), (0.3, None), (0.4, True), (0.9, True), (1.0, False)]:
        held.add(time_s, state)
    # True 0-.2, False .2-.3, unknown .3-.4, .4-.9 is a gap, True .9-1.0
    assert held.known_s == pytest.approx(0.4)
    assert held.true_s == pytest.approx(0.3)


def face(track_id, **signals):
    landmarks = Landmarks(np.zeros((68, 2), np.float32), np.ones(68, np.float32))
    return Face(track_id, np.zeros(4, np.float32), landmarks, 0.9, None, signals_with(**signals))


def test_totals_by_hand():
    sink = TotalsSink()
    for index in range(301):  # 30 s at 10 frames/s
        known = {"eyes_right_openness": 1.0, "smile_smiling": index < 60, "perclos_p80_60s": 0.1 + 0.2 * (index == 9)}
        faces = [face(1, **known)]
        if index < 100:
            faces.append(face(2))
        events = (Event.completed("blink", 1, 1.0, 1.2), Event("smile", 1, "began", 1.0, 1.1, None))
        sink.write(Frame(IMAGE, time_s=index / 10, index=index), faces, events if index in (20, 40, 60) else ())
    first, second = sink.totals()
    assert set(first) == set(second) == set(COLUMNS)
    expected = {
        "id": 1, "first_s": 0.0, "last_s": 30.0, "seen_s": 30.0, "eyes_known_s": 30.0, "mouth_known_s": 0.0,
        "blink_count": 3, "blink_per_min": 6.0, "blink_mean_s": 0.2, "smile_count": 0, "smile_per_min": None,
        "smiling_share": 0.2, "on_target_share": None, "perclos_p80_60s_max": 0.3, "perclos_p80_60s_mean": 0.1007,
    }  # fmt: skip
    assert {name: first[name] for name in expected} == pytest.approx(expected)
    assert (second["seen_s"], second["eyes_known_s"], second["blink_per_min"]) == (9.9, 0.0, None)


def write_manifest(folder: Path) -> list[Video]:
    videos = [
        Video(Path("/v/a.mp4"), "a", ({"path": "a.mp4", "id": "s1"}, {"path": "a.mp4", "id": "s2"})),
        Video(Path("/v/b.mp4"), "b", ({"path": "b.mp4", "id": "s3"},)),
        Video(Path("/v/c.mp4"), "c"),
    ]
    with Manifest(folder) as manifest:
        persons = ({"id": 1, "seen_s": 2.5}, {"id": 2, "seen_s": 1.0, "smiling_share": None})
        manifest.append(Entry("/v/a.mp4", "a", "o", "1", DONE, frames=9, faces=2, persons=persons))
        manifest.append(Entry("/v/b.mp4", "b", "o", "1", FAILED, "it is broken"))
    return videos


def test_rows_of_the_list_are_joined_to_each_person(tmp_path):
    assert write_summary(tmp_path, write_manifest(tmp_path)) == [tmp_path / "summary.csv"]
    with (tmp_path / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = ("path", "list_id", "video", "status", "error", "id", "seen_s")
    assert [tuple(row[name] for name in wanted) for row in rows] == [
        ("a.mp4", "s1", "/v/a.mp4", "done", "", "1", "2.5"),
        ("a.mp4", "s1", "/v/a.mp4", "done", "", "2", "1.0"),
        ("a.mp4", "s2", "/v/a.mp4", "done", "", "1", "2.5"),
        ("a.mp4", "s2", "/v/a.mp4", "done", "", "2", "1.0"),
        ("b.mp4", "s3", "/v/b.mp4", "failed", "it is broken", "", ""),
        ("", "", "/v/c.mp4", "", "", "", ""),
    ]


def test_parquet_holds_the_same_with_types(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_summary(tmp_path, write_manifest(tmp_path), parquet=True)
    table = parquet.read_table(tmp_path / "summary.parquet")
    assert table.column("id").to_pylist() == [1, 2, 1, 2, None, None]
    assert table.column("seen_s").to_pylist() == [2.5, 1.0, 2.5, 1.0, None, None]
    assert str(table.schema.field("smiling_share").type) == "double"
    assert table.column("list_id").to_pylist() == ["s1", "s1", "s2", "s2", "s3", None]
