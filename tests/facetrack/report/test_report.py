"""The report: its drawing by hand-made numbers, its page by a parser, its command on a generated clip."""

from __future__ import annotations

import base64
import csv
import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.errors import FacetrackError, OutputError
from facetrack.report import ReportSink
from facetrack.report.crops import RecentCrops, face_jpeg
from facetrack.report.person import Person, totals
from facetrack.report.scene import MostFaces
from facetrack.report.series import Curve, Span, Spans
from facetrack.report.svg import Scale, band_path, clock, line_path, moment, time_ticks
from facetrack.report.timelines import timelines
from facetrack.sinks import Header
from facetrack.types import Event, Face, Frame, Image, Landmarks, Signals
from made_signals import signals_with

VOID = ("meta", "img", "rect", "line", "path")


def face(signals: Signals, track_id: int = 1, box: tuple[float, ...] = (20, 20, 60, 60)) -> Face:
    landmarks = Landmarks(np.full((68, 2), 40, np.float32), np.ones(68, np.float32))
    return Face(track_id, np.array(box, np.float32), landmarks, 0.9, None, signals)


def picture(value: int = 90) -> Image:
    return np.full((80, 100, 3), value, np.uint8)


def test_a_scale_and_paths_by_hand():
    x, y = Scale(0.0, 10.0, 100.0, 300.0), Scale(0.0, 1.0, 50.0, 10.0)
    assert [x(value) for value in (0, 2.5, 10, 99)] == [100, 150, 300, 300]
    assert [y(value) for value in (0, 0.5, 1)] == [50, 30, 10]
    assert line_path([[(100, 50), (150, 30.126)], [(300, 10)]]) == "M100 50L150 30.13M300 10h0"
    assert band_path([(0, 1), (2, 3)], [(0, 5), (2, 6)]) == "M0 1L2 3L2 6L0 5Z"


def test_ticks_and_clock_by_hand():
    assert time_ticks(0, 9.5, 11) == list(range(10))
    assert time_ticks(0, 14, 8) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert time_ticks(0, 600, 11) == [60 * n for n in range(11)]
    assert time_ticks(0, 4 * 3600, 11) == [1800 * n for n in range(9)]
    assert time_ticks(3, 3, 5) == [3]
    assert [clock(t) for t in (0, 2.5, 75, 3787)] == ["0 s", "2.5 s", "1:15", "1:03:07"]
    assert [moment(t) for t in (0, 12.345, 75.25, 59.999, 3787.96)] == [
        *("0.00 s", "12.35 s", "1:15.2", "60.00 s", "1:03:08.0"),
    ]  # fmt: skip


def test_a_curve_stays_small_and_keeps_the_blink():
    kept = Curve(max_bins=100)
    for index in range(30 * 900):
        kept.add(index / 30, 0.0 if index == 12345 else 1.0)
    (run,) = kept.runs()
    assert len(run) <= 100
    assert kept.extremes() == (0.0, 1.0)
    (blink,) = [reading for reading in run if reading.low == 0]
    assert abs(blink.time_s - 12345 / 30) < kept.bin_s
    assert sum(reading.mean for reading in run) / len(run) > 0.99


def test_a_curve_breaks_where_it_was_unknown_or_not_read():
    kept = Curve()
    for time_s, value in ((0, 0.1), (0.1, 0.2), (0.2, None), (0.3, 0.3), (0.4, math.nan), (0.5, 0.4), (0.9, 0.5)):
        kept.add(time_s, value)
    assert [[reading.mean for reading in run] for run in kept.runs()] == [[0.1, 0.2], [0.3], [0.4], [0.5]]
    assert Curve().extremes() is None


def test_states_last_until_the_next_frame_and_no_longer_than_is_known():
    spans = Spans()
    for time_s, state in ((0, True), (0.1, True), (0.2, False), (0.3, None), (0.4, True), (0.5, True), (2, True)):
        spans.add(time_s, state)
    assert spans.all() == [Span(0, 0.2, True), Span(0.2, 0.3, False), Span(0.4, 0.5, True)]
    assert spans.total_s(True) == pytest.approx(0.3)
    assert spans.total_s() == pytest.approx(0.4)


def test_the_picture_is_of_the_middle_and_old_ones_are_thinned():
    crops = RecentCrops()
    for index in range(300):
        crops.add(index / 30, picture(index % 256), np.array([20, 20, 60, 60], np.float32))
    assert crops.nearest(9.0)[0] == pytest.approx(9.0)
    assert abs(crops.nearest(3.1)[0] - 3.1) <= 0.13 + 1e-6
    assert len(crops._fine) + len(crops._coarse) < 61 + 34
    shown = cv2.imdecode(np.frombuffer(crops.nearest(5.0)[1], np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (96, 96, 3)
    assert abs(int(shown[48, 48, 0]) - round(crops.nearest(5.0)[0] * 30)) <= 3
    assert RecentCrops().nearest(0) is None


@pytest.mark.parametrize("box", [(200, 200, 240, 240), (-90, 0, -50, 40), (np.nan,) * 4])
def test_a_face_outside_the_frame_has_no_picture(box: tuple[float, ...]):
    assert face_jpeg(picture(), np.array(box, np.float32)) is None


@pytest.mark.parametrize("box", [(-30, -30, 20, 20), (90, 70, 130, 110), (-500, -500, 900, 900), (5, 5, 5.1, 5.1)])
def test_a_face_partly_outside_has_a_whole_square(box: tuple[float, ...]):
    coded = face_jpeg(picture(), np.array(box, np.float32))
    assert cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR).shape == (96, 96, 3)


def followed() -> Person:
    """30 s at 10 fps: four blinks of 0.1 s, a microsleep, two glances; on target for 20 of 30 s."""
    person = Person(1)
    for index in range(301):
        time_s = index / 10
        on_target = not 5 <= time_s < 15
        signals = signals_with(
            eyes_right_openness=0.9,
            eyes_left_openness=0.8,
            perclos_p80_60s=0.04 if index < 200 else 0.125,
            attention_on_target=on_target,
            fatigue_score=0.35,
            fatigue_level="tired",
            head_yaw_deg=-4.0,
        )
        person.add(time_s, face(signals), picture())
        if index in (20, 60, 100, 140):
            person.ended(Event.completed("blink", 1, time_s - 0.2, time_s - 0.1, 0.9, 8.0))
    for kind in ("long_closure", "microsleep"):
        person.ended(Event.completed(kind, 1, 20.0, 21.5, 1.0, 2.0))
    person.ended(Event.completed("glance_away", 1, 5.0, 9.0, 31.0))
    person.ended(Event.completed("glance_away", 1, 9.0, 15.0, 42.0))
    return person


def test_totals_by_hand():
    found = {total.name: (total.value, total.note) for total in totals(followed())}
    assert found["Blinks per minute"] == ("8.0", "4 in 30.0 s of seen eyes")
    assert found["Mean blink"][0] == "100 ms"
    assert found["PERCLOS P80"][0] == "12.5 %"
    assert found["Longest closure"] == ("1.5 s", "microsleeps: 1, other long closures: 0")
    assert found["Longest glance away"] == ("6.0 s", "of 2")
    assert found["On target"][0] == "67 %"
    assert found["Fatigue"] == ("0.35", "at most; level tired")
    assert found["Speaking"][0] == "\N{EN DASH}"


def test_what_is_not_known_is_a_dash():
    values = [total.value for total in totals(Person(1))]
    assert values.count("\N{EN DASH}") == len(values) - 2  # yawns and distractions: none were seen


def test_charts_have_their_lines_at_the_values():
    found = timelines(followed(), 0.0, 30.0)
    first = found.charts[0]
    assert first.title == "Eye openness"
    right, left = first.curves
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", right.line)
    assert len(points) == 301
    assert (float(points[0][0]), float(points[-1][0])) == (0, 1000)  # 30 s over the whole width
    assert {float(y) for _, y in points} == {6}  # .9 of the 60 px from below
    assert (right.name, right.band, left.name) == ("right", "", "left")
    marks = {mark.text: mark for mark in first.marks}
    assert sum(text.startswith("blink at") for text in marks) == 4
    microsleep = marks["microsleep at 20 s, 1.5 s"]
    assert microsleep.class_ == "grave"
    assert (microsleep.x, microsleep.width) == (pytest.approx(1000 * 20 / 30, abs=0.01), 50)
    assert microsleep.middle == pytest.approx(100 * 20.75 / 30, abs=0.01)
    assert [(tick.text, tick.share) for tick in found.ticks[:2]] == [("0 s", 0), ("5 s", pytest.approx(16.67))]


def test_what_nobody_knows_has_no_chart():
    found = timelines(followed(), 0.0, 30.0)
    assert [chart.title for chart in found.charts] == [
        *("Eye openness", "PERCLOS P80, 60 s", "Head", "Attention", "Fatigue"),
    ]  # fmt: skip
    assert found.unknown == ["Blinks per minute", "Mouth", "Smile"]
    (attention,) = [chart for chart in found.charts if chart.title == "Attention"]
    assert [key.text for key in attention.keys] == ["on target", "away"]


def test_the_scene_is_the_first_frame_with_most_faces():
    kept = MostFaces()
    assert kept.scene is None
    for index, count in enumerate((0, 1, 3, 3, 2)):
        faces = [face(Signals(), track_id) for track_id in range(count)]
        kept.add(Frame(np.full((500, 1440, 3), 40 * index, np.uint8), time_s=float(index), index=index), faces)
    assert (kept.scene.time_s, kept.scene.width, kept.scene.height) == (2.0, 720, 250)
    image = cv2.imdecode(np.frombuffer(kept.scene.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (250, 720, 3)
    assert abs(int(image[200, 600].mean()) - 80) <= 2  # the third picture's grey


class Page(HTMLParser):
    """Checks that elements nest, and keeps what was met."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def write_page(folder: Path, source: str = "in.mp4", events: tuple[Event, ...] = ()) -> str:
    with ReportSink(
        folder / "r.html", source=Path(source), csv_name="r.csv", command="facetrack report in.mp4"
    ) as sink:
        sink.begin(
            Header("in.mp4", 100, 80, 10.0, {"landmarks68": "a1b2"}, {"engine": "onnx", "camera": {"fov_deg": 63}})
        )
        for index in range(30):
            expected = events if index == 29 else ()
            sink.write(
                Frame(picture(), time_s=index / 10, index=index),
                [face(signals_with(eyes_right_openness=1.0))],
                expected,
            )
    return (folder / "r.html").read_text(encoding="utf-8")


EVENTS = (
    Event.completed("blink", 1, 1.0, 1.2, 0.9, 8.5),
    Event.completed("nod_off", 1, 1.5, 2.5, 17.4),
    Event.completed("yawn", 7, 0.5, 2.0),  # of somebody who was not seen in these frames
)


def test_the_page_is_whole_stands_alone_and_has_all_events(tmp_path: Path):
    text = write_page(tmp_path, events=EVENTS)
    page = Page(text)
    assert page.open == []
    assert not re.search(r"https?://|//\w|@import|url\(|fetch|XMLHttp|import\(", text)
    assert "default-src 'none'" in text
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object")
        assert tag != "script" or not attributes
        if tag == "img":
            assert attributes["alt"]
            coded = attributes["src"].removeprefix("data:image/jpeg;base64,")
            assert base64.b64decode(coded, validate=True)[:2] == b"\xff\xd8"
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
    words = "\n".join(page.words)
    for part in ("not a certified driver-monitoring system", "Person 1", "Person 7", "r.csv", "17°", "8.5 /s"):
        assert part in words
    rows = re.findall(r'<th scope="row">([^<]+)</th><td class="number">([^<]+)</td><td class="number">([^<]+)', text)
    assert rows == [("blink", "1.00 s", "200 ms"), ("nod off", "1.50 s", "1.0 s"), ("yawn", "0.50 s", "1.5 s")]
    assert "Person 1 at 1.10 s: blink" in [attributes.get("alt") for _, attributes in page.tags]
    for svg in re.findall(r"<svg.*?</svg>", text, re.S):
        ElementTree.fromstring(svg)


def test_the_page_says_how_it_was_made_and_folds_what_is_not_known(tmp_path: Path):
    text = write_page(tmp_path, events=EVENTS)
    words = " ".join(" ".join(Page(text).words).split())
    assert "Command facetrack report in.mp4" in words
    assert "Networks landmarks68 a1b2" in words
    assert "engine: onnx; camera: fov_deg 63" in words
    folded = text[text.index('<details class="unknown">') :]
    folded = folded[: folded.index("</details>")]
    for part in ("Blinks per minute: 1 in 2.9 s of seen eyes; a rate needs 20 s", "PERCLOS P80", "No curve: PERCLOS"):
        assert part in folded
    assert "Mean blink" not in folded
    table = re.search(r'<table class="all">.*?</table>', text, re.S).group()
    assert re.findall(r"<th scope=.col.>([^<]+)", table) == [
        *("Person", "In view", "Distractions", "Yawns", "Events"),
    ]  # fmt: skip
    assert re.findall(r'<td class="number">([^<]+)', table) == ["2.9 s", "0", "0", "2", "0.0 s", "0", "1", "1"]


def test_a_name_with_markup_is_only_a_name(tmp_path: Path):
    text = write_page(tmp_path, source="<script>alert(1)</script>&\"'.mp4")
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 1  # the page's own
    assert "<script>alert" not in text


def test_no_face_is_said(tmp_path: Path):
    with ReportSink(tmp_path / "r.html", source=Path("in.mp4")) as sink:
        sink.write(Frame(picture(), time_s=0.0, index=0), [])
    assert "No face was found" in (tmp_path / "r.html").read_text()


def test_an_error_on_the_way_leaves_nothing(tmp_path: Path):
    with pytest.raises(RuntimeError), ReportSink(tmp_path / "r.html", source=Path("in.mp4")):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match=r"\.html"):
        ReportSink(tmp_path / "r.pdf", source=Path("in.mp4"))


def facetrack(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "facetrack", *map(str, arguments)],
        cwd=cwd, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.net
def test_the_command_on_a_generated_clip(tmp_path: Path):
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for frame, _ in SyntheticClip(ClipOptions(duration_s=0.5, fps=24)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="bgr24")))
        container.mux(stream.encode(None))
    done = facetrack("report", "in.mp4", "--out", "report.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "report.csv", "report.html"]
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "Person 1" in page.words
    assert "12, 24 per second" in page.words
    with (tmp_path / "report.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["1"] * 12


def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path):
    (tmp_path / "text.mp4").write_text("this is no film")
    done = facetrack("report", "text.mp4", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("facetrack: text.mp4 is a text file")
    assert done.stderr.strip().count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["text.mp4"]


@pytest.mark.parametrize(
    ("source", "out", "words"),
    [
        ("nowhere.mp4", None, "nowhere.mp4 does not exist"),
        ("picture.png", "a.csv", "two outputs"),
        ("picture.png", "a.pdf", "ends in .html"),
        ("picture.png", "no/a.html", "does not exist"),
    ],
)
def test_bad_input_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, out: str | None, words: str
):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("picture.png", picture())
    with pytest.raises(FacetrackError, match=words):
        CliRunner().invoke(app, ["report", source, *(["--out", out] if out else [])], catch_exceptions=False)
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
