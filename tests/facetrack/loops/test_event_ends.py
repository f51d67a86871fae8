"""Records of the loops begin with a header and end what still lasts on the line of the last frame."""

from pathlib import Path

import pytest
from rich.progress import Progress

import facetrack
from facetrack.loops.live import LiveLoop
from facetrack.loops.outputs import Output
from facetrack.loops.recorded import follow
from facetrack.sinks import CsvSink, JsonLinesSink
from poses import pose
from staged import Stage, actor, frame

FRAMES = 40


class Clip:
    """A source whose staged face smiles from its first frame to its last."""

    path, size, fps, n_frames, live = Path("some/where/a.mp4"), (640, 480), 30.0, FRAMES, False

    def __iter__(self):
        return iter([frame(i) for i in range(FRAMES)])


@pytest.fixture
def tracker(smiling):
    return smiling.tracker(looks=False)


def test_a_recording_ends_its_events_on_the_line_of_the_last_frame(tracker, tmp_path):
    with JsonLinesSink(tmp_path / "a.jsonl") as lines, CsvSink(tmp_path / "a.csv") as table, Progress() as progress:
        follow(Clip(), tracker, None, [lines, table], progress)
    found = facetrack.read_jsonl(tmp_path / "a.jsonl")
    assert (found.header.source, found.header.fps) == ("a.mp4", 30.0)
    records = list(found)
    assert [record.index for record in records] == list(range(FRAMES))
    assert [event.phase for event in records[-1].events] == ["ended"]
    assert len(records[-1].faces) == 1
    assert [event.phase for record in records[:-1] for event in record.events] == ["began"]
    assert (tmp_path / "a.csv").read_text().count("smile 0.000-1.300") == 1


def test_a_live_run_ends_its_events_on_the_line_of_the_last_frame(tracker, tmp_path):
    with Output(JsonLinesSink(tmp_path / "a.jsonl", live=True), "a.jsonl") as lines:
        loop = LiveLoop(Clip(), tracker, [lines], None, None, False)
        loop.begin("rtsp://me:secret@host/cam")
        loop.run()
        loop.finish()
    found = facetrack.read_jsonl(tmp_path / "a.jsonl")
    assert found.header.source == "rtsp://host/cam"
    records = list(found)
    assert [record.index for record in records] == list(range(FRAMES))
    assert [event.phase for event in records[-1].events] == ["ended"]
    assert len(records[-1].faces) == 1


class Interrupted(Clip):
    """The clip, with an outage in its middle."""

    outages = 0

    def __iter__(self):
        for i in range(FRAMES):
            self.outages = int(i >= FRAMES // 2)
            yield frame(i + 100 * self.outages)


def test_an_outage_ends_what_lasts_and_keeps_the_person(tracker, tmp_path):
    with Output(JsonLinesSink(tmp_path / "a.jsonl", live=True), "a.jsonl") as lines:
        loop = LiveLoop(Interrupted(), tracker, [lines], None, None, False)
        loop.begin("cam")
        loop.run()
        loop.finish()
    records = list(facetrack.read_jsonl(tmp_path / "a.jsonl"))
    assert len(records) == FRAMES
    assert [event.phase for event in records[FRAMES // 2 - 1].events] == ["ended"]
    assert [event.phase for record in records for event in record.events] == ["began", "ended"] * 2


def test_a_run_without_lasting_events_keeps_the_record_of_its_last_frame(monkeypatch, tmp_path):
    """A record is held back until it is known what ended with its frame; where nothing did it must not be lost."""
    monkeypatch.setattr("facetrack.tracking.tracker.fused_pose", lambda *_: pose())
    stage = Stage()
    stage.cast(ann=actor(200, 200))
    with Output(JsonLinesSink(tmp_path / "a.jsonl", live=True), "a.jsonl") as lines:
        loop = LiveLoop(Clip(), stage.tracker(looks=False), [lines], None, None, False)
        loop.begin("cam")
        loop.run()
        loop.finish()
        loop.close_outputs()
    records = list(facetrack.read_jsonl(tmp_path / "a.jsonl"))
    assert [record.index for record in records] == list(range(FRAMES))
    assert [event for record in records for event in record.events] == []
