"""JSON lines and CSV: valid against schema.json, numbers as given, unknown as null, files whole or not at all."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from facetrack.errors import OutputError
from facetrack.sinks import CsvSink, Header, JsonLinesSink, record
from facetrack.sinks.csv import COLUMNS
from facetrack.sinks.fields import LEAVES, signals_schema
from facetrack.sinks.jsonl import SCHEMA_FILE
from facetrack.types import (
    AttentionSignals,
    Event,
    EyeSignals,
    EyesSignals,
    Face,
    FatigueSignals,
    Frame,
    GazeSignals,
    Landmarks,
    MouthSignals,
    Pose,
    Signals,
    SmileSignals,
)
from places import REPOSITORY
from write_fields import schema_text

SCHEMA = json.loads(SCHEMA_FILE.read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


TURNED = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""A quarter turn about z: the quaternion is (0, 0, sin 45, cos 45)."""


def frame(index: int = 12, time_s: float = 0.48) -> Frame:
    return Frame(np.zeros((4, 4, 3), np.uint8), time_s=time_s, index=index)


def face(track_id: int = 1, *, known: bool = True) -> Face:
    points = np.stack([np.arange(68) + 0.123456, 100 - np.arange(68) / 3], axis=1).astype(np.float32)
    return Face(
        track_id=track_id,
        box=np.array([0.123456, 77.66, 67.12, 100.0], np.float32),
        landmarks=Landmarks(points, np.linspace(0.5, 2, 68, dtype=np.float32)),
        score=0.98765432,
        pose=Pose(TURNED, np.array([1.26, -20.04, 600.0]), 1.234, -5.678, 0.0) if known else None,
        signals=MEASURED if known else Signals(),
    )


BLINK = Event.completed("blink", 1, 0.36, 0.52, amplitude=0.912345, closing_speed_per_s=8.1, evidence={"fall_s": 0.07})
ALARM = Event("microsleep", 1, "began", 0.1, 1.3, None, amplitude=0.9)
MEASURED = Signals(
    eyes=EyesSignals(EyeSignals(0.91239, 0.31234567, 0.98765, 0.27), EyeSignals(None, 0.299, None), "open"),
    mouth=MouthSignals(aspect_ratio=0.05, yawning=False),
    smile=SmileSignals(prob=0.0),
    gaze=GazeSignals(source="head", quality="coarse"),
    attention=AttentionSignals(distracted=True),
    fatigue=FatigueSignals(
        0.44,
        "tired",
        {"perclos": 0.400004, "microsleeps": 0.0, "long_blinks": 0.0, "yawns": 0.04, "nods": 0.0, "awake": -0.02},
    ),
    perclos_p80_60s=0.12,
)
PARTS = {"perclos": 0.4, "microsleeps": 0.0, "long_blinks": 0.0, "yawns": 0.04, "nods": 0.0, "awake": -0.02}
KNOWN = {
    "eyes": {
        "right": {"openness": 0.9124, "aspect_ratio": 0.3123, "open_prob": 0.9877, "gap": 0.27, "covered_prob": None,
                  "gaze_yaw_deg": None, "gaze_pitch_deg": None, "gaze_sigma_deg": None},
        "left": {"openness": None, "aspect_ratio": 0.299, "open_prob": None, "gap": None, "covered_prob": None,
                 "gaze_yaw_deg": None, "gaze_pitch_deg": None, "gaze_sigma_deg": None},
        "lids": "open",
        "closed_s": None, "blink_rate_per_min": None, "blink_duration_s": None,
    },
    "mouth": {"openness": None, "aspect_ratio": 0.05, "open_prob": None, "speaking": None, "yawning": False},
    "smile": {"prob": 0.0, "smiling": None, "eye_narrowing": None},
    "head": {"yaw_deg": None, "pitch_deg": None, "roll_deg": None},
    "gaze": {
        "yaw_deg": None, "pitch_deg": None, "source": "head", "sigma_deg": None, "quality": "coarse",
        "eyes_yaw_deg": None,
        "eyes_pitch_deg": None, "camera_yaw_deg": None, "camera_pitch_deg": None, "screen_x": None, "screen_y": None,
    },
    "attention": {"on_target": None, "share": None, "distracted": True},
    "fatigue": {"score": 0.44, "level": "tired", "parts": PARTS},
    "perclos_p80_60s": 0.12, "perclos_p70_60s": None, "perclos_p80_180s": None,
    "perclos_unknown_60s": None, "glasses_prob": None, "expression": None, "blendshapes": None,
}  # fmt: skip
"""What MEASURED is in JSON, written by hand."""
HEADER = Header("a.mp4", 640, 480, 29.97, {"landmarks68": "0123456789ab"}, {"smoothing": "medium", "profile": None})


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=lambda name: pytest.fail(name)) for line in path.read_text().splitlines()]


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_record_holds_what_was_measured() -> None:
    line = record(frame(), [face()], [BLINK, ALARM])
    VALIDATOR.validate(line)
    assert (line["frame"], line["time_s"]) == (12, 0.48)
    written = line["faces"][0]
    assert (written["id"], written["score"]) == (1, 0.9877)
    assert written["box"] == [0.12, 77.66, 67.12, 100.0]
    assert written["points"][10] == [10.12, 96.67]
    assert written["sigma"][67] == 2.0
    assert written["visibility"] is None
    assert written["pose"] == {
        "yaw_deg": 1.23, "pitch_deg": -5.68, "roll_deg": 0.0, "translation_mm": [1.3, -20.0, 600.0],
        "quaternion": [0.0, 0.0, 0.70711, 0.70711], "sigma_deg": None,
    }  # fmt: skip
    assert written["signals"] == KNOWN
    assert line["events"] == [
        {"kind": "blink", "id": 1, "phase": "ended", "start_s": 0.36, "since_s": 0.52, "end_s": 0.52,
         "amplitude": 0.9123, "closing_speed_per_s": 8.1, "evidence": {"fall_s": 0.07}},
        {"kind": "microsleep", "id": 1, "phase": "began", "start_s": 0.1, "since_s": 1.3, "end_s": None,
         "amplitude": 0.9, "closing_speed_per_s": None, "evidence": {}},
    ]  # fmt: skip


def test_a_record_names_the_picture_of_a_folder() -> None:
    assert "image" not in record(frame(), [])
    line = record(Frame(np.zeros((4, 4, 3), np.uint8), time_s=0.0, index=0, name="b.png"), [])
    VALIDATOR.validate(line)
    assert line["image"] == "b.png"


def test_visibility_and_the_pose_uncertainty_are_written_where_they_are_known() -> None:
    seen = face()
    marks = replace(seen.landmarks, visibility=np.linspace(0, 1, 68, dtype=np.float32))
    known = replace(seen, landmarks=marks, pose=replace(seen.pose, sigma_deg=(1.234, 2.0, 0.5)))
    line = record(frame(), [known])
    VALIDATOR.validate(line)
    assert line["faces"][0]["visibility"][67] == 1.0
    assert line["faces"][0]["pose"]["sigma_deg"] == [1.23, 2.0, 0.5]


def test_the_schema_describes_every_field() -> None:
    described = {name: set(part["properties"]) for name, part in SCHEMA["$defs"].items()}
    line = record(Frame(np.zeros((4, 4, 3), np.uint8), time_s=0.0, index=0, name="b.png"), [face()], [BLINK])
    assert described["frame"] == set(line)
    assert described["face"] == set(line["faces"][0])
    assert described["pose"] == set(line["faces"][0]["pose"])
    assert described["event"] == set(line["events"][0])
    assert described["header"] == set(HEADER.to_json())
    # After a change of facetrack.types.signals: python tests/support/write_fields.py.
    assert SCHEMA["$defs"]["signals"] == signals_schema()
    assert SCHEMA_FILE.read_text() == schema_text()


def test_unknown_is_null_and_never_nan() -> None:
    odd = face(known=False)
    odd.landmarks.points[3] = (math.nan, math.inf)
    odd.landmarks.sigma[5] = math.nan
    line = record(frame(), [odd])
    VALIDATOR.validate(line)
    json.dumps(line, allow_nan=False)
    written = line["faces"][0]
    assert written["points"][3] == [None, None]
    assert written["points"][4] == [4.12, 98.67]
    assert written["sigma"][5] is None
    assert written["pose"] is None
    assert {value for leaf in LEAVES for _, value in leaf.cells(written["signals"])} == {None}


def test_a_line_without_what_came_after_schema_1_is_valid() -> None:
    """Files by earlier versions lack the signals that were added since."""
    line = record(frame(), [face()], [BLINK])
    signals = line["faces"][0]["signals"]
    for leaf in LEAVES:
        group = signals
        for name in leaf.path[:-1]:
            group = group[name]
        if not leaf.was:
            del group[leaf.path[-1]]
    VALIDATOR.validate(line)


def test_the_schema_refuses_what_it_should() -> None:
    good = record(frame(), [face()], [BLINK])
    for corrupt in (
        lambda line: line.update(schema=2),
        lambda line: line["events"][0].update(phase="over"),
        lambda line: line["events"][0].update(end_s=None),
        lambda line: line["faces"][0]["pose"]["quaternion"].pop(),
        lambda line: line.pop("events"),
        lambda line: line["faces"][0]["points"].pop(),
        lambda line: line["faces"][0].update(id=0),
        lambda line: line["faces"][0]["pose"].pop("yaw_deg"),
        lambda line: line["events"][0].update(start_s=None),
        lambda line: line["faces"][0]["signals"].update(perclos_p80_60s=1.2),
        lambda line: line["faces"][0]["signals"]["mouth"].update(yawning=0.3),
        lambda line: line["faces"][0]["signals"]["fatigue"].update(level="asleep"),
        lambda line: line["faces"][0]["signals"].pop("eyes"),
    ):
        corrupted = json.loads(json.dumps(good))
        corrupt(corrupted)
        assert not VALIDATOR.is_valid(corrupted)


def test_one_line_per_frame_also_without_a_face(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with JsonLinesSink(path) as sink:
        for index in range(5):
            sink.write(frame(index, index / 25), [face(), face(2, known=False)] if index % 2 else [])
    lines = read_lines(path)
    for line in lines:
        VALIDATOR.validate(line)
    header, *lines = lines
    assert (header["schema"], header["width"], header["height"]) == (2, 4, 4)
    assert [line["frame"] for line in lines] == list(range(5))
    assert [len(line["faces"]) for line in lines] == [0, 2, 0, 2, 0]
    assert b"\r" not in path.read_bytes()


def test_csv_rows_agree_with_the_record(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with CsvSink(path) as sink:
        sink.write(frame(0, 0.0), [])
        sink.write(frame(1, 0.04), [face(1), face(2, known=False)], [BLINK, ALARM])
    rows = read_rows(path)
    assert [(row["frame"], row["id"]) for row in rows] == [("0", ""), ("1", "1"), ("1", "2")]
    written = record(frame(1, 0.04), [face(1)])["faces"][0]
    assert [[float(rows[1][f"px_{i}"]), float(rows[1][f"py_{i}"])] for i in range(68)] == written["points"]
    assert [float(rows[1][f"sigma_{i}"]) for i in range(68)] == written["sigma"]
    assert [float(rows[1][name]) for name in ("box_x0", "box_y0", "box_x1", "box_y1")] == written["box"]
    some = (rows[1]["pose_yaw_deg"], rows[1]["eyes_right_aspect_ratio"], rows[1]["score"])
    assert some == ("1.23", "0.3123", "0.9877")
    assert rows[1]["events"] == "blink 0.360-0.520 amplitude=0.9123 closing_speed_per_s=8.1 fall_s=0.07"
    yes_no = (rows[1]["mouth_yawning"], rows[1]["attention_distracted"], rows[1]["mouth_speaking"])
    assert yes_no == ("0", "1", "")
    parts = (rows[1]["fatigue_parts_perclos"], rows[1]["fatigue_parts_yawns"], rows[1]["fatigue_parts_nods"])
    assert (rows[1]["fatigue_level"], *parts) == ("tired", "0.4", "0.04", "0.0")
    assert (rows[1]["pose_translation_mm_z"], rows[1]["pose_quaternion_w"]) == ("600.0", "0.70711")
    assert (rows[2]["pose_yaw_deg"], rows[2]["mouth_aspect_ratio"], rows[2]["events"]) == ("", "", "")
    assert all(value == "" for name, value in rows[0].items() if name not in ("frame", "time_s"))


def test_csv_header_is_unique_and_constant(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "out.csv"):
        pass
    header = (tmp_path / "out.csv").read_text().strip().split(",")
    assert tuple(header) == COLUMNS
    signals = sum(len(leaf.columns) for leaf in LEAVES)
    assert len(set(header)) == len(header) == 9 + 13 + signals + 1 + 4 * 68  # frame and box, pose, events, points


def test_csv_keeps_the_event_of_a_face_that_is_gone(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "out.csv") as sink:
        sink.write(frame(3, 0.12), [face(2)], [BLINK, Event.completed("yawn", 1, 0.0, 0.5)])
    rows = read_rows(tmp_path / "out.csv")
    assert [(row["id"], row["events"], row["score"]) for row in rows] == [
        ("2", "", "0.9877"),
        ("1", "blink 0.360-0.520 amplitude=0.9123 closing_speed_per_s=8.1 fall_s=0.07; yawn 0.000-0.500", ""),
    ]


@pytest.mark.parametrize("sink_class", [JsonLinesSink, CsvSink])
def test_an_exception_leaves_nothing_behind(tmp_path: Path, sink_class: type) -> None:
    with pytest.raises(ValueError, match="stop"), sink_class(tmp_path / "out.txt") as sink:
        sink.write(frame(), [face()])
        raise ValueError("stop")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sink_class", [JsonLinesSink, CsvSink])
def test_a_file_appears_whole(tmp_path: Path, sink_class: type) -> None:
    target = tmp_path / "out.txt"
    target.write_text("the old one")
    with sink_class(target) as sink:
        sink.write(frame(), [face()])
        assert target.read_text() == "the old one"
        sink.close()
    assert "the old one" not in target.read_text()
    assert len(target.read_text()) > 500
    assert [file.name for file in tmp_path.iterdir()] == ["out.txt"]


def test_a_link_is_followed_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    with JsonLinesSink(tmp_path / "link.jsonl") as sink:
        sink.write(frame(), [])
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len(read_lines(tmp_path / "real.jsonl")) == 2


@pytest.mark.parametrize("sink_class", [JsonLinesSink, CsvSink])
def test_what_cannot_be_written_is_said_at_once(tmp_path: Path, sink_class: type) -> None:
    (tmp_path / "in.mp4").write_bytes(b"")
    for name, words in {"": "is a folder", "no/out.x": "does not exist", "in.mp4": "is the input itself"}.items():
        with pytest.raises(OutputError, match=words):
            sink_class(tmp_path / name, source=tmp_path / "in.mp4")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        JsonLinesSink(tmp_path / "out.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said() -> None:
    with pytest.raises(OutputError, match="free some space"), JsonLinesSink("/dev/full") as sink:
        sink.write(frame(), [])


def test_standard_output_gets_every_line_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonLinesSink("-") as sink:
        sink.write(frame(), [])
        header, line = map(json.loads, capsys.readouterr().out.splitlines())
        assert (header["schema"], line["frame"]) == (2, 12)
    sys.stdout.write("still open")
    assert capsys.readouterr().out == "still open"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_closed_pipe_ends_quietly() -> None:
    code = (
        "import numpy as np\nfrom facetrack.sinks import JsonLinesSink\nfrom facetrack.types import Frame\n"
        "image = np.zeros((2, 2, 3), np.uint8)\nn = 0\n"
        "with JsonLinesSink('-') as sink:\n"
        "    while not sink.closed and n < 200_000:\n"
        "        sink.write(Frame(image, time_s=n / 25, index=n), [])\n        n += 1\n"
        "assert n < 200_000\n"
    )
    folder = REPOSITORY / "tracker"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["schema"] == 2
        process.stdout.close()
        complaint = process.stderr.read()
    assert (process.returncode, complaint) == (0, b"")
