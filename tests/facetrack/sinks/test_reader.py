"""Files of JSON lines read back: against lines written by hand, and against what a sink was given."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import facetrack
from facetrack.errors import DataError, MissingExtraError
from facetrack.sinks import Header, JsonLinesSink
from facetrack.sinks.fields import FIELDS, LEAVES, docs_table
from facetrack.sinks.header import source_name
from facetrack.sinks.jsonl import SCHEMA_FILE
from facetrack.types import Event, Face, Frame, Landmarks, Pose, Signals
from made_signals import signals_with
from places import REPOSITORY

SCHEMA = json.loads(SCHEMA_FILE.read_text())
HEADER_LINE = (
    '{"schema": 2, "source": "a.mp4", "width": 640, "height": 480, "fps": 30, "networks": {"landmarks68": "0a1b"}, '
    '"options": {"smoothing": "medium"}}'
)
NOD = {"kind": "nod", "id": 3, "phase": "ended", "start_s": 0.1, "since_s": 0.2, "end_s": 0.2}
EMPTY = '{"frame": 0, "time_s": 0.0, "faces": [], "events": []}'


def header_line(**changes: Any) -> str:
    """Make a header in which some values are others."""
    return json.dumps(json.loads(HEADER_LINE) | changes)


def face_line(**changes: Any) -> dict[str, Any]:
    """Make a face as another program might write it: with unknown fields, and a network that gives no sigma."""
    signals = {"eyes": {"right": {"openness": 0.25, "later": 1}, "closed_s": 1.5}, "perclos_p80_60s": 0.5, "later": 2}
    return {
        "id": 3, "box": [1, 2, 3.5, 4], "score": 0.75, "points": [[i, 2 * i] for i in range(68)],
        "sigma": [None] * 68, "visibility": [0.5] * 68, "signals": signals, "later": 3,
        "pose": {"yaw_deg": 90.0, "pitch_deg": 0.0, "roll_deg": 0.0, "translation_mm": [1, 2, 600],
                 "quaternion": [0, -0.70711, 0, 0.70711], "sigma_deg": [1, 2, 3]},
    } | changes  # fmt: skip


def written(folder: Path, *lines: str | dict[str, Any]) -> Path:
    path = folder / "points.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_lines_written_by_hand(tmp_path: Path) -> None:
    event = {"kind": "yawn", "id": 3, "phase": "began", "start_s": 1.0, "since_s": 3.0, "end_s": None,
             "amplitude": 0.8, "closing_speed_per_s": None}  # fmt: skip
    line = {"frame": 7, "time_s": 0.28, "image": "b.png", "faces": [face_line()], "events": [event]}
    found = facetrack.read_jsonl(written(tmp_path, HEADER_LINE, EMPTY, line))
    assert found.header == Header("a.mp4", 640, 480, 30, {"landmarks68": "0a1b"}, {"smoothing": "medium"})
    first, second = found
    assert (first.index, first.time_s, first.faces, first.events, first.image) == (0, 0.0, (), (), None)
    assert (second.index, second.time_s, second.image) == (7, 0.28, "b.png")
    assert second.events == (Event("yawn", 3, "began", 1.0, 3.0, None, 0.8),)
    (face,) = second.faces
    assert (face.track_id, face.score, face.box.tolist()) == (3, 0.75, [1, 2, 3.5, 4])
    assert face.landmarks.points[5].tolist() == [5, 10]
    assert np.isnan(face.landmarks.sigma).all()
    assert face.landmarks.visibility is not None
    assert face.landmarks.visibility[0] == 0.5
    assert face.pose is not None
    # A quarter turn about the upright axis: what points away from the head points to the picture's left.
    np.testing.assert_allclose(face.pose.rotation, [[0, 0, -1], [0, 1, 0], [1, 0, 0]], atol=1e-4)
    assert face.pose.translation_mm.tolist() == [1, 2, 600]
    assert face.pose.sigma_deg == (1, 2, 3)
    assert face.signals == signals_with(eyes_right_openness=0.25, eyes_closed_s=1.5, perclos_p80_60s=0.5)
    assert [record.index for record in found] == [0, 7], "it can be read again"


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rotation = Rotation.from_euler("yxz", [-20, 10, 5], degrees=True).as_matrix()
    points, box = rng.uniform(0, 640, (68, 2)).astype(np.float32), np.float32([1.234, 5.678, 90, 100])
    marks = Landmarks(points, rng.uniform(0.5, 3, 68).astype(np.float32))
    every = {}  # one value in each signal
    for row in FIELDS:
        if row.json.startswith("signals."):
            value: Any = True if row.values == "true, false" else round(float(rng.uniform()), 4)
            if row.csv.endswith("_NAME"):
                value = {"anger": 0.25} if "anger" in row.values else {"yawns": 0.5}
            every[row.csv.removesuffix("_NAME")] = {"gaze_source": "head", "fatigue_level": "tired"}.get(row.csv, value)
    known = signals_with(**every)
    seen = Face(2, box, marks, 0.9876, Pose(rotation, np.array([1.04, 2.0, 700.0]), 20.0, 10.0, 5.0), known)
    events = (Event.completed("blink", 2, 0.1, 0.25, 0.9, 7.5), Event("smile", 2, "began", 0.0, 0.5, None, 0.75))
    with JsonLinesSink(tmp_path / "a.jsonl") as sink:
        sink.begin(Header("x.mp4", 640, 480, 25.0))
        sink.write(
            Frame(np.zeros((480, 640, 3), np.uint8), time_s=0.5, index=12),
            [seen, replace(seen, track_id=3, pose=None)],
            events,
        )
    found = facetrack.read_jsonl(tmp_path / "a.jsonl")
    assert found.header == Header("x.mp4", 640, 480, 25.0)
    (record,) = found
    assert record.events == events
    back, other = record.faces
    assert back.signals == known
    assert len(every) == len(LEAVES)
    np.testing.assert_allclose(back.landmarks.points, points, atol=0.005001)
    np.testing.assert_allclose(back.landmarks.sigma, marks.sigma, atol=0.0005001)
    assert back.landmarks.points.dtype == np.float32
    assert back.pose is not None
    np.testing.assert_allclose(back.pose.rotation, rotation, atol=2e-5)
    np.testing.assert_allclose(back.pose.translation_mm, [1, 2, 700], atol=0.05)
    assert (other.track_id, other.pose, other.landmarks.visibility) == (3, None, None)


def test_a_file_is_read_lazily(tmp_path: Path) -> None:
    """The frame before a broken line is out before that line is looked at."""
    records = iter(facetrack.read_jsonl(written(tmp_path, HEADER_LINE, EMPTY, '{"frame": 1, "tim')))
    assert next(records).index == 0
    with pytest.raises(DataError, match=r"points.jsonl, line 3: got no JSON: '\{\"frame\": 1, \"tim'.*write it again"):
        next(records)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "is empty"),
        (['{"schema": 1, "frame": 0, "time_s": 0, "faces": [], "events": []}'], "schema 1 .* expected schema 2; run"),
        (['{"schema": 3}'], "schema 3, expected .* upgrade facetrack"),
        ([EMPTY], "schema None, expected a header"),
        (["[1, 2]"], "line 1: got '\\[1, 2\\]'"),
        (['{"schema": 2, "source": "a"}'], "line 1: got a header without 'width'"),
        ([header_line(width=10**9)], "line 1: got a header with the width 1000000000, expected 1 to 32766 px"),
        ([header_line(height="480")], "line 1: got a header with the height '480'"),
        ([header_line(fps=math.nan)], "line 1: got a header with nan, expected a finite number"),
        ([header_line(fps=-5)], "line 1: got a header with -5 frames per second"),
    ],
)
def test_what_is_no_file_of_schema_2_is_said_at_once(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        facetrack.read_jsonl(written(tmp_path, *lines))


def test_a_file_that_is_not_there_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        facetrack.read_jsonl(tmp_path / "no.jsonl")
    (tmp_path / "in.mp4").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="no text file"):
        facetrack.read_jsonl(tmp_path / "in.mp4")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"frame": 0, "time_s": 0.0, "faces": []}, "no 'events'"),
        ({"frame": 0, "time_s": 0.0, "faces": [face_line(points=[[1, 2]])], "events": []}, r"shape \(1, 2\)"),
        ({"frame": 0, "time_s": 0.0, "faces": [{"id": 1}], "events": []}, "no 'points'"),
        ({"frame": 0, "time_s": "x", "faces": [], "events": []}, "'x', expected a finite number"),
        ({"frame": 0, "time_s": math.nan, "faces": [], "events": []}, "nan, expected a finite number"),
        ({"frame": 0, "time_s": -1e300, "faces": [], "events": []}, "the time -1e[+]300 s, expected 1e[+]09 s"),
        ({"frame": math.inf, "time_s": 0.0, "faces": [], "events": []}, "infinity"),
        ({"frame": 0, "time_s": 0.0, "faces": [], "events": [NOD | {"start_s": math.inf}]}, "inf, expected a finite"),
        ({"frame": 0, "time_s": 0.0, "faces": [], "events": [NOD | {"end_s": 1e12}]}, "the time 1000000000000.0 s"),
        ({"frame": 0, "time_s": 0.0, "faces": [face_line(box=[0, 0, 1e300, 5])], "events": []}, "infinite coordinates"),
        ({"frame": 0, "time_s": 0.0, "faces": 5, "events": []}, "not iterable"),
    ],
)
def test_a_line_that_is_no_frame_is_named(tmp_path: Path, line: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=f"line 3: got a line that is no frame .*{words}"):
        list(facetrack.read_jsonl(written(tmp_path, HEADER_LINE, EMPTY, line)))


def test_a_data_frame_has_the_columns_of_the_csv(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    blink = {"kind": "blink", "id": 3, "phase": "ended", "start_s": 0.1, "since_s": 0.2, "end_s": 0.2,
             "amplitude": None, "closing_speed_per_s": None}  # fmt: skip
    full = face_line(signals=json.loads(json.dumps(_nested(signals_with(mouth_speaking=True, smile_prob=0.5)))))
    line = {"frame": 7, "time_s": 0.28, "faces": [full], "events": [blink]}
    table = facetrack.read_jsonl(written(tmp_path, HEADER_LINE, EMPTY, line)).to_dataframe()
    assert isinstance(table, pandas.DataFrame)
    assert table["frame"].tolist() == [0, 7]
    assert table["id"].tolist() == [pandas.NA, 3]
    row = table.iloc[1]
    assert (row["smile_prob"], row["mouth_speaking"], row["px_5"], row["py_5"]) == (0.5, True, 5, 10)
    assert row["events"] == "blink 0.100-0.200"
    assert pandas.isna(row["eyes_left_openness"])


def test_broken_numbers_and_nesting_are_named(tmp_path: Path) -> None:
    bent = face_line(pose=face_line()["pose"] | {"quaternion": [0, 0, 0, 0]})
    lines = ({"frame": 1, "time_s": 0.1, "faces": [bent], "events": []}, '{"frame": ' + "[" * 100_000)
    for line in lines:
        with pytest.raises(DataError, match="line 2"):
            list(facetrack.read_jsonl(written(tmp_path, HEADER_LINE, line)))


def test_a_group_of_signals_that_a_file_lacks_is_unknown_in_both_forms(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    older = face_line(signals={"mouth": {"openness": 0.5}})
    recording = facetrack.read_jsonl(
        written(tmp_path, HEADER_LINE, {"frame": 1, "time_s": 0.1, "faces": [older], "events": []})
    )
    assert [face.signals.eyes.left.openness for frame in recording for face in frame.faces] == [None]
    row = recording.to_dataframe().iloc[0]
    assert row["mouth_openness"] == 0.5
    assert row["eyes_left_openness"] is None or row["eyes_left_openness"] != row["eyes_left_openness"]


def test_without_pandas_the_package_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pip install pandas"):
        facetrack.read_jsonl(written(tmp_path, HEADER_LINE)).to_dataframe()


def _nested(value: Any) -> Any:
    if not is_dataclass(value):
        return value
    return {item.name: _nested(getattr(value, item.name)) for item in fields(value)}


def test_the_table_in_the_docs_is_the_one_of_the_code() -> None:
    """After a change of a field: put docs_table() into docs/signals.md."""
    assert docs_table() in (REPOSITORY / "docs/signals.md").read_text()


def test_every_row_of_the_table_is_there_in_python_and_in_the_schema() -> None:
    starts = {"frame": Frame, "face": Face, "event": Event}
    definitions = SCHEMA["$defs"]
    for row in FIELDS:
        kind, *path = row.python.split(".")
        found: Any = starts[kind]
        for name in path:  # through the dataclasses, None left out
            found = _type_of(found, name)
        part = definitions[{"frame": "frame", "face": "face", "event": "event"}[kind]]
        for name in row.json.removeprefix("events.").split("."):
            part = _resolved(part["properties"][name])


def _type_of(owner: Any, name: str) -> Any:
    if isinstance(getattr(owner, name, None), property):
        return None
    hints = get_type_hints(owner)
    return next((part for part in getattr(hints[name], "__args__", ()) if is_dataclass(part)), hints[name])


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    for option in part.get("oneOf", [part]):
        if "$ref" in option:
            return SCHEMA["$defs"][option["$ref"].removeprefix("#/$defs/")]
    return part


def test_the_table_has_every_field_of_the_dataclasses_and_of_schema_1() -> None:
    pythons = {row.python for row in FIELDS}

    def leaves(group: type, path: str) -> set[str]:
        hints = get_type_hints(group)
        inner = {f"{path}.{item.name}": hints[item.name] for item in fields(group)}
        return {name for name, hint in inner.items() if not is_dataclass(hint)}.union(
            *(leaves(hint, name) for name, hint in inner.items() if is_dataclass(hint))
        )

    assert leaves(Signals, "face.signals") <= pythons
    assert {f"event.{item.name}" for item in fields(Event)} <= pythons
    old = """ear_right ear_left mouth_opening eye_right_open eye_left_open mouth_open smile glasses eye_right_openness
    eye_left_openness eyes_closed_s perclos_60 perclos_180 perclos70_60 blink_rate_per_min blink_duration_s fatigue
    fatigue_level fatigue_parts mouth_openness speaking yawning smiling smile_eyes head_yaw_deg head_pitch_deg
    head_roll_deg gaze_yaw_deg gaze_pitch_deg gaze_source on_target attention distracted expression frame time_s id box
    score points sigma pose.yaw_deg pose.pitch_deg pose.roll_deg events.kind events.id events.start_s events.end_s
    events.amplitude events.closing_speed_per_s"""
    assert {row.was for row in FIELDS if row.was} == set(old.split())


def test_the_header_and_its_source_hold_no_secrets_and_no_folders() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(HEADER_LINE))
    assert source_name(Path("videos/in.mp4").resolve()) == "in.mp4"
    assert source_name(Path("frames/")) == "frames"
    assert source_name("0") == "0"
    secret = "rtsp://user:pa@ss@10.0.0.7:554/stream1?token=abc"
    assert source_name(secret) == "rtsp://10.0.0.7:554/stream1"
    assert not re.search("user|pa@ss|abc", source_name(secret))
