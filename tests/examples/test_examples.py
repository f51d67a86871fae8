"""Every example runs, on results made for it, and says what it should."""

import io
import json
import runpy
import sqlite3
import sys
import types
from pathlib import Path

import pytest

import facetrack
from facetrack.loops.stream import Result
from facetrack.types import Event
from made_faces import SIZE, frame, made_face, nodding, posed, write_lines
from places import REPOSITORY

EXAMPLES = REPOSITORY / "examples"


def run(monkeypatch, capsys, name, results, *arguments):
    """Run an example on these results instead of a camera's; returns what it prints."""

    async def stream(camera):
        assert camera == "7"
        for result in results:
            yield result

    monkeypatch.setattr(facetrack, "stream", stream, raising=False)
    monkeypatch.setattr(sys, "argv", [name, "7", *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def results(faces_at, seconds, events=None, rate=10):
    """Results of one face; events: by the frame's number."""
    return [
        Result(frame(i, rate), (faces_at(i / rate),), tuple((events or {}).get(i, ()))) for i in range(seconds * rate)
    ]


def lasting(kind, phase, at_s):
    return Event(kind, 1, phase, at_s, at_s, at_s if phase == "ended" else None)


def test_every_example_is_here_and_short():
    files = {path.name for path in EXAMPLES.glob("*.py")}
    tested = Path(__file__).read_text()
    assert len(files) == 7
    for name in (*files, "analysis.ipynb"):
        assert f'"{name}"' in tested
        assert f"]({name})" in (EXAMPLES / "README.md").read_text()
    for name in files:
        assert len((EXAMPLES / name).read_text().splitlines()) < 40, name


def test_blink_counter(monkeypatch, capsys):
    blinks = {i: [Event.completed("blink", 1, i / 10 - 0.2, i / 10)] for i in (5, 12, 30)}
    blinks[20] = [Event.completed("wink_left", 1, 1.8, 2.0), lasting("yawn", "began", 2.0)]
    out = run(monkeypatch, capsys, "blink_counter.py", results(lambda _: made_face(), 4, blinks))
    assert out.splitlines()[-1] == "in all: face 1 blink 3, face 1 wink_left 1"
    assert len(out.splitlines()) == 5


def test_drowsiness_alarm(monkeypatch, capsys):
    def face(time_s):
        return made_face(eyes_closed_s=max(time_s - 2.0, 0.0) if time_s < 5 else 0.0)

    out = run(monkeypatch, capsys, "drowsiness_alarm.py", results(face, 8))
    assert out == "\a   3.10 s  face 1: wake up\n"


def test_smile_photo(monkeypatch, capsys, tmp_path):
    events = {7: [lasting("smile", "began", 0.7)], 15: [lasting("smile", "ended", 1.5)]}
    run(monkeypatch, capsys, "smile_photo.py", results(lambda _: made_face(), 2, events), tmp_path / "photos")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["smile_1_000007.jpg"]


def test_attention_log(monkeypatch, capsys, tmp_path):
    face = made_face(attention_on_target=True, attention_share=0.75, perclos_p80_60s=None)
    out = run(monkeypatch, capsys, "attention_log.py", results(lambda _: face, 5), tmp_path / "a.db")
    assert out == "rows: 5\n"
    rows = sqlite3.connect(tmp_path / "a.db").execute("SELECT * FROM attention").fetchall()
    assert rows[0] == (0.0, 1, 1, 0.75, None)


def test_posture_nag(monkeypatch, capsys):
    def face(time_s):
        return made_face(posed(place_mm=(0, 0 if time_s < 3 else 60, 600 if time_s < 10 else 480)))

    out = run(monkeypatch, capsys, "posture_nag.py", results(face, 12), 5)
    assert "sit up (+60 mm down" in out
    assert len(out.splitlines()) == 1


def test_head_pointer(monkeypatch, capsys):
    def face(time_s):
        return made_face(head_yaw_deg=10.0 if time_s < 1 else 0.0, head_pitch_deg=-5.0 if time_s < 1 else 0.0)

    monkeypatch.setitem(sys.modules, "pynput", None)
    events = {15: [Event.completed("blink", 1, 0.9, 1.5)], 17: [Event.completed("blink", 1, 1.6, 1.7)]}
    out = run(monkeypatch, capsys, "head_pointer.py", results(face, 2, events)).splitlines()
    assert out.count("move -40 +20") == 9
    assert out.count("click") == 1


MESSAGES = {
    "IdsList": {"header": None, "ids": []},
    "NormalizedRegionOfInterest2D": {"header": None, "xmin": 0.0, "ymin": 0.0, "xmax": 0.0, "ymax": 0.0, "c": 0.0},
    "NormalizedPointOfInterest2D": {"x": 0.0, "y": 0.0, "c": 0.0},
    "FacialLandmarks": {"header": None, "landmarks": [], "height": 0, "width": 0},
}
"""Fields of hri_msgs 2.0.0 that the bridge uses."""


def made_ros(published):
    """Modules in the shape of rclpy and hri_msgs, which PyPI does not have."""

    class Publisher:
        def __init__(self, kind, topic):
            self.kind, self.topic = kind, topic

        def publish(self, message):
            assert type(message) is self.kind
            published.append((self.topic, message))

    def make(name, fields):
        def start(self, **values):
            assert set(values) <= set(fields), name
            self.__dict__ |= {key: list(value) if isinstance(value, list) else value for key, value in fields.items()}
            self.__dict__ |= values

        return type(name, (), {"__init__": start})

    node = types.SimpleNamespace(create_publisher=lambda kind, topic, depth: Publisher(kind, topic))
    rclpy = types.SimpleNamespace(init=lambda: None, create_node=lambda name: node)
    message = types.SimpleNamespace(**{name: make(name, fields) for name, fields in MESSAGES.items()})
    return {"rclpy": rclpy, "hri_msgs": types.SimpleNamespace(msg=message), "hri_msgs.msg": message}


def test_ros_bridge(monkeypatch, capsys, tmp_path):
    published = []
    for name, module in made_ros(published).items():
        monkeypatch.setitem(sys.modules, name, module)
    lines = write_lines(tmp_path / "a.jsonl", nodding(4, lost=range(2, 3)))
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines.read_text()))
    run(monkeypatch, capsys, "ros_bridge.py", [])
    topics = [topic for topic, _ in published]
    face = ["/humans/faces/f00001/roi", "/humans/faces/f00001/landmarks"]
    tracked = "/humans/faces/tracked"
    assert topics == [tracked, *face, tracked, *face, tracked, tracked, *face]
    assert [message.ids for topic, message in published if topic == tracked] == [["f00001"]] * 2 + [[], ["f00001"]]
    marks = published[2][1]
    assert (len(marks.landmarks), marks.width, marks.height) == (70, *SIZE)
    assert all(0.0 <= point.x <= 1.0 and 0.0 <= point.y <= 1.0 for point in marks.landmarks)
    assert marks.landmarks[69].c == 0.0


def test_notebook(monkeypatch, tmp_path):
    pytest.importorskip("pandas")
    monkeypatch.setenv("FACETRACK_LINES", str(write_lines(tmp_path / "a.jsonl", nodding(40))))
    notebook, scope = json.loads((EXAMPLES / "analysis.ipynb").read_text()), {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), scope)
    assert scope["summary"]["frames"].tolist() == [40]
    assert scope["events"]["kind"].tolist() == ["blink", "blink"]
