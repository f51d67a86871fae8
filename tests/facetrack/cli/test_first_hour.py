"""What people type first: several videos, a part of one, folders of pictures, blurred faces, an events table, help."""

import csv
import json
import re
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from command_line import assert_one_sentence, facetrack
from facetrack.cli import app
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip

FRAMES, FPS = 24, 24
COMMANDS = (
    "live",
    "video",
    "image",
    "report",
    "replay",
    "demo",
    "calibrate",
    "bench",
    "doctor",
    "info",
    "devices",
    "neutral",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with two equal clips, a and b, and a folder of pictures."""
    folder = tmp_path_factory.mktemp("first")
    with av.open(str(folder / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        (folder / "pictures").mkdir()
        for frame, _ in SyntheticClip(ClipOptions(duration_s=FRAMES / FPS, fps=FPS)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="bgr24")))
            if frame.index < 2:
                cv2.imwrite(str(folder / "pictures" / f"p{frame.index}.jpg"), frame.image)
        container.mux(stream.encode(None))
    (folder / "b.mp4").write_bytes((folder / "a.mp4").read_bytes())
    return folder


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
    assert re.findall(r"^(Input|Output|Tracking|Engine|Options):", said, re.MULTILINE)[:3] == [
        "Input",
        "Output",
        "Tracking",
    ]
    for words in ("off|low|medium|high", "-o, --out", "-q, --quiet", "-v, --verbose", "-h, --help"):
        assert words in said


def test_help_all_explains_what_help_only_names():
    short, whole = run("live", "-h").output, run("live", "--help-all").output
    assert "--vmc" in short
    assert "VMC protocol" not in short
    assert "VMC protocol" in whole


@pytest.mark.net
def test_videos_by_a_pattern_into_a_folder_and_one_alone_by_its_name(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("video", f"{folder}/?.mp4", "-o", "new/out/", "--events", "new/out/", "--engine", "onnx")
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in (tmp_path / "new/out").iterdir()) == [
        "a_events.csv", "a_faces.mp4", "b_events.csv", "b_faces.mp4"
    ]  # fmt: skip
    first, second = ((tmp_path / "new/out" / f"{name}_events.csv").read_text() for name in "ab")
    assert first == second  # nothing of the first video is left in the tracker
    for row in csv.DictReader(first.splitlines()):
        assert float(row["duration_s"]) == pytest.approx(float(row["end_s"]) - float(row["start_s"]), abs=1e-5)
    again = facetrack("video", folder / "a.mp4", folder / "b.mp4", "-o", "new/out/", cwd=tmp_path)
    assert_one_sentence(again, "a_faces.mp4", "--overwrite")
    assert run("video", folder / "a.mp4", "-q", "--every", "6", "--engine", "onnx").output == ""
    assert len(read(tmp_path / "a_faces.mp4")) == FRAMES // 6


@pytest.mark.net
def test_a_part_keeps_the_times_and_what_is_drawn_is_chosen(folder, tmp_path):
    done = run(
        "video", folder / "a.mp4", "--start", "0.25", "--end", "0.76", "--every", "2", "--json", tmp_path / "p.jsonl",
        "--out", tmp_path / "p.mp4", "--draw", "none", "--engine", "onnx",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    wanted = range(6, 19, 2)  # 0.25 s is frame 6 of 24 a second, 0.76 s comes after frame 18
    assert [line["frame"] for line in lines(tmp_path / "p.jsonl")] == list(wanted)
    assert [line["time_s"] for line in lines(tmp_path / "p.jsonl")] == pytest.approx(
        [i / FPS for i in wanted], abs=1e-4
    )
    source = read(folder / "a.mp4")
    for picture, index in zip(read(tmp_path / "p.mp4"), wanted, strict=True):
        assert np.abs(picture.astype(int) - source[index]).mean() < 3


@pytest.mark.net
def test_faces_are_blurred_from_the_first_frame_on(folder, tmp_path):
    done = run(
        "video", folder / "a.mp4", "--blur-faces", "--draw", "none", "-o", tmp_path / "b.mp4", "--json",
        tmp_path / "b.jsonl", "--end", "0.4", "--engine", "onnx",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    source, blurred = read(folder / "a.mp4"), read(tmp_path / "b.mp4")
    assert len(blurred) == 10
    for index, line in enumerate(lines(tmp_path / "b.jsonl")):
        x0, y0, x1, y1 = (int(value) for value in lines(tmp_path / "b.jsonl")[-1]["faces"][0]["box"])
        part, before = (images[index][y0:y1, x0:x1] for images in (blurred, source))
        detail = [cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var() for image in (part, before)]
        assert detail[0] < 0.05 * detail[1], line["frame"]


@pytest.mark.net
def test_pictures_are_images_and_no_video(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("image", folder / "pictures", "--engine", "onnx")
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in (tmp_path / "pictures_faces").iterdir()) == ["p0_faces.png", "p1_faces.png"]
    done = run("image", folder / "pictures" / "p0.jpg", folder / "pictures", "--json", "p.jsonl", "--engine", "onnx")
    assert [line["image"] for line in lines(tmp_path / "p.jsonl")] == ["p0.jpg", "p0.jpg", "p1.jpg"]
    refused = facetrack("video", folder / "pictures", cwd=tmp_path)
    assert_one_sentence(refused, "holds 2 images, no video", "facetrack image", "--fps 25")


@pytest.mark.net
def test_one_of_several_that_fails_does_not_stop_the_others(folder, tmp_path):
    (tmp_path / "broken.mp4").write_text("no video")
    done = facetrack(
        "video", "broken.mp4", folder / "a.mp4", "--csv", "out/", "--end", "0.2", "--engine", "onnx", cwd=tmp_path
    )
    assert done.returncode == 2
    assert "facetrack: broken.mp4 is a text file, not a video" in done.stderr
    assert "1 of 2 videos failed" in done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.csv"]


@pytest.mark.net
def test_a_reader_that_has_enough_ends_it(folder, tmp_path):
    long = tmp_path / "long.mp4"
    with av.open(str(long), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(30_000):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")))
        container.mux(stream.encode(None))
    command = [sys.executable, "-m", "facetrack", "video", str(long), "--json", "-", "--engine", "onnx"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert json.loads(process.stdout.readline())["schema"] == 2
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait(60) == 0
    assert int(re.search(r"(\d+) frames", said)[1]) < 3000


BAD = {
    "an empty camera": (["live", "--camera", "", "--no-window"], ["--camera is empty"]),
    "one name for two": (["video", "a.mp4", "b.mp4", "--out", "o.mp4"], ["--out is o.mp4", "2 inputs", "results/"]),
    "no match": (["video", "*.mkv"], ["*.mkv", "matches no file"]),
    "drawn what": (["video", "a.mp4", "--draw", "teeth"], ["teeth", "points, signals, axes", "none"]),
    "an end before the start": (["video", "a.mp4", "--start", "3", "--end", "2"], ["--end is 2 s", "--start 3 s"]),
    "a part behind the end": (["video", "a.mp4", "--start", "30"], ["no frame from 30 s"]),
    "a network of no name": (["video", "a.mp4", "--model", "landmarks99"], ["landmarks99", "landmarks68-large"]),
    "a number for a word": (["video", "a.mp4", "--smooth", "3"], ["--smooth is '3'", "medium"]),
}


@pytest.mark.net
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(folder, case):
    arguments, words = BAD[case]
    before = sorted(folder.rglob("*"))
    assert_one_sentence(facetrack(*arguments, cwd=folder), *words)
    assert sorted(folder.rglob("*")) == before


def test_info_is_short_and_has_what_a_bug_report_needs(monkeypatch):
    monkeypatch.setenv("FACETRACK_MQTT", "mqtt://me:secret@host")
    said = run("info").output
    assert len(said.splitlines()) < 15
    for word in ("facetrack", "python 3", "onnxruntime", "landmarks68 ", "OMP_NUM_THREADS"):
        assert word in " ".join(said.split()) + " OMP_NUM_THREADS"
    assert "secret" not in said
