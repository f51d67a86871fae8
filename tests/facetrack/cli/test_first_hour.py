"""What people type first: several videos, a part of one, folders of pictures, blurred faces, an events table, help.

The networks are staged: what is tried here is what the commands make of their results.
"""

import csv
import json
import os
import re
import sys

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.cli.options import Tracking
from facetrack.cli.shell.sentences import with_options
from facetrack.errors import FacetrackError
from poses import pose
from staged import Stage, actor

FRAMES, FPS = 24, 24
COMMANDS = (
    "live", "video", "image", "report", "replay", "demo", "calibrate", "bench", "doctor", "info", "devices", "neutral"
)  # fmt: skip
FACE = 160, 160, 240, 240
"""Where the staged face is, px."""


def write_clip(path, frames, size=(640, 480)):
    """Write a still picture over which a white square moves."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    noise = cv2.GaussianBlur(noise, (0, 0), 1.5)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(frames):
            image, left = noise.copy(), 20 * (index % 24)
            image[-30:, left : left + 20] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with two equal clips, a and b, and a folder of pictures."""
    folder = tmp_path_factory.mktemp("first")
    write_clip(folder / "a.mp4", FRAMES)
    (folder / "b.mp4").write_bytes((folder / "a.mp4").read_bytes())
    (folder / "pictures").mkdir()
    for name in ("p0.jpg", "p1.jpg"):
        cv2.imwrite(str(folder / "pictures" / name), np.full((480, 640, 3), 90, np.uint8))
    return folder


@pytest.fixture(autouse=True)
def stage(monkeypatch):
    """Stage a smiling face for every tracker of the command line."""
    stage = Stage()
    stage.attributes = {"smile": 0.9}
    stage.cast(ann=actor(200, 200))
    monkeypatch.setattr("facetrack.tracking.tracker.fused_pose", lambda *_: pose())
    alone = ("confirmations",)
    monkeypatch.setattr(
        Tracking, "tracker", lambda *_, **o: stage.tracker(False, **{n: o[n] for n in alone if n in o})
    )  # fmt: skip
    return stage


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)


def read(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()][1:]


@pytest.mark.parametrize("columns", [80, 100])
def test_help_is_one_screen_in_panels(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    for command in ((), *((name,) for name in COMMANDS)):
        said = run(*command, "-h").output
        assert len(said.splitlines()) <= 50, command
        assert max(map(len, said.splitlines())) <= columns, command
        assert not re.search(r"<\w+|\{\w+\}|\[default", said), command
    said = run("video", "-h").output
    assert [name for name in ("Input", "Output", "Tracking", "Engine", "Options") if f"\n{name}:" in said][:2] == [
        "Input", "Output"
    ]  # fmt: skip
    for words in ("-o, --out", "-q, --quiet", "-v, --verbose", "-h, --help"):
        assert words in said
    assert "off|low|medium|high" in run("video", "--help-all").output


def test_help_all_explains_what_help_only_names():
    short, whole = run("live", "-h").output, run("live", "--help-all").output
    assert "--vmc" in short
    assert "VMC protocol" not in short
    assert "VMC protocol" in whole


def test_videos_by_a_pattern_into_a_folder_and_one_alone_by_its_name(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("video", f"{folder}/?.mp4", "-o", "new/out/", "--events", "new/out/")
    assert done.exit_code == 0, done.output
    out = tmp_path / "new/out"
    assert sorted(p.name for p in out.iterdir()) == ["a_events.csv", "a_faces.mp4", "b_events.csv", "b_faces.mp4"]
    first, second = ((out / f"{name}_events.csv").read_text() for name in "ab")
    assert first == second  # nothing of the first video is left in the tracker
    (row,) = csv.DictReader(first.splitlines())
    assert (row["id"], row["kind"]) == ("1", "smile")
    assert float(row["duration_s"]) == pytest.approx(float(row["end_s"]) - float(row["start_s"]), abs=1e-5)
    with pytest.raises(FacetrackError, match=r"a_faces\.mp4 is there already.*--overwrite"):
        run("video", folder / "a.mp4", folder / "b.mp4", "-o", "new/out/")
    assert run("video", folder / "a.mp4", "-q", "--every", "6").output == ""
    assert len(read(tmp_path / "a_faces.mp4")) == FRAMES // 6


def test_a_part_keeps_the_times_and_what_is_drawn_is_chosen(folder, tmp_path):
    done = run(
        "video", folder / "a.mp4", "--start", "0.25", "--end", "0.76", "--every", "2", "--json", tmp_path / "p.jsonl",
        "--out", tmp_path / "p.mp4", "--draw", "none",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    wanted = range(6, 19, 2)  # 0.25 s is frame 6 of 24 a second, 0.76 s comes after frame 18
    assert [line["frame"] for line in lines(tmp_path / "p.jsonl")] == list(wanted)
    assert [line["time_s"] for line in lines(tmp_path / "p.jsonl")] == pytest.approx(
        [i / FPS for i in wanted], abs=1e-4
    )
    for picture, index in zip(read(tmp_path / "p.mp4"), wanted, strict=True):
        white = np.flatnonzero(picture[-20:-10].mean(axis=(0, 2)) > 225)
        assert white.mean() == pytest.approx(20 * index + 9.5, abs=3)


def test_faces_are_blurred_from_the_first_frame_on(folder, tmp_path):
    done = run("video", folder / "a.mp4", "--blur-faces", "--draw", "none", "-o", tmp_path / "b.mp4", "--end", "0.4")
    assert done.exit_code == 0, done.output
    source, blurred = read(folder / "a.mp4"), read(tmp_path / "b.mp4")
    assert len(blurred) == 10  # frame 10 comes after .4 s
    x0, y0, x1, y1 = FACE
    for index, picture in enumerate(blurred):  # also the first ones, in which the face is not yet confirmed
        inside = [image[y0:y1, x0:x1].astype(float).std() for image in (picture, source[index])]
        outside = [image[300:400, 400:500].astype(float).std() for image in (picture, source[index])]
        assert inside[0] < 0.4 * inside[1], index
        assert outside[0] > 0.8 * outside[1]


def test_pictures_are_images_and_no_video(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("image", folder / "pictures").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "pictures_faces").iterdir()) == ["p0_faces.png", "p1_faces.png"]
    done = run("image", folder / "pictures" / "p0.jpg", folder / "pictures", "--json", "p.jsonl")
    assert done.exit_code == 0, done.output
    assert "1 face found" in done.output
    found = [(line["frame"], line["image"], len(line["faces"])) for line in lines(tmp_path / "p.jsonl")]
    assert found == [(0, "p0.jpg", 1), (1, "p0.jpg", 1), (2, "p1.jpg", 1)]
    with pytest.raises(FacetrackError, match=r"holds 2 images, no video; use `facetrack image .*--fps 25"):
        run("video", folder / "pictures")
    assert run("video", folder / "pictures", "--fps", "25", "--csv", "v.csv").exit_code == 0
    assert len((tmp_path / "v.csv").read_text().splitlines()) == 3


def test_one_of_several_that_fails_does_not_stop_the_others(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.mp4").write_text("no video")
    done = run("video", "broken.mp4", folder / "a.mp4", "--csv", "out/", "--end", "0.2")
    assert done.exit_code == 2
    assert "facetrack: broken.mp4 is a text file, not a video" in done.output
    assert "1 of 2 videos failed" in done.output
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.csv"]


def test_a_reader_that_has_enough_ends_it(tmp_path, monkeypatch, capfd):
    clip = write_clip(tmp_path / "long.mp4", 300, size=(64, 48))
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        app(["video", str(clip), "--json", "-"], standalone_mode=False)
    monkeypatch.undo()
    assert int(re.search(r"(\d+) frames?,", capfd.readouterr().err)[1]) < 10


BAD = {
    "an empty camera": (["live", "--camera", "", "--no-window"], "--camera is empty"),
    "one name for two": (["video", "a.mp4", "b.mp4", "--out", "o.mp4"], "--out is o.mp4.*2 inputs.*results/"),
    "no match": (["video", "*.mkv"], r"\*\.mkv matches no file"),
    "drawn what": (["video", "a.mp4", "--draw", "teeth"], "teeth.*points, signals, axes, gaze.* none"),
    "an end before the start": (["video", "a.mp4", "--start", "3", "--end", "2"], "--end is 2 s, --start 3 s"),
    "a part behind the end": (["video", "a.mp4", "--start", "30"], "no frame from 30 s"),
    "drawn where": (["video", "a.mp4", "--blur-faces", "--csv", "a.csv"], "give --out, too"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(folder, monkeypatch, case):
    arguments, words = BAD[case]
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    with pytest.raises(FacetrackError, match=words) as caught:
        run(*arguments)
    assert "\n" not in with_options(str(caught.value))
    assert sorted(folder.rglob("*")) == before


def test_info_is_short_and_has_what_a_bug_report_needs(monkeypatch):
    monkeypatch.setenv("FACETRACK_MQTT", "mqtt://me:secret@host")
    said = run("info").output
    assert len(said.splitlines()) < 15
    for word in ("facetrack", "python", "onnxruntime", "landmarks68 "):
        assert word in said
    assert "secret" not in said
    assert "(weak:" in said.partition("landmarks68-free ")[2][:20]
