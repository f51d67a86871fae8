"""Alarms: when they go off, and what they do."""

import http.server
import json
import sys
import threading
import time

import pytest
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.errors import OutputError
from facetrack.sinks.alarms import AlarmSink, Rule, Webhook, parse_kinds, play_sound, run_command
from facetrack.sinks.alarms.rule import Alarm
from facetrack.types import Event
from made_faces import frame, made_face, write_lines

RATE = 10


def began(kind, at_s, track_id=1):
    return Event(kind, track_id, "began", at_s, at_s, None)


def ended(kind, at_s, track_id=1):
    return Event(kind, track_id, "ended", at_s - 1, at_s - 1, at_s)


def rung(rule, seconds, events=(), level=None):
    """Return the times of the alarms. events: by their time. level: fatigue level by the time."""
    found = []
    for i in range(seconds * RATE):
        time_s = i / RATE
        faces = [made_face(fatigue_level=level(time_s) if level else None)]
        due = [event for event in events if round((event.end_s or event.since_s) * RATE) == i]
        alarm = rule.update(time_s, faces, due)
        if alarm is not None:
            found.append((alarm.kind, alarm.time_s))
    return found


def test_it_goes_off_when_the_event_begins_and_once_while_it_lasts():
    events = [began("microsleep", 3.0), ended("microsleep", 25.0)]
    assert rung(Rule(["microsleep"]), 60, events) == [("microsleep", 3.0)]


def test_it_goes_off_again_only_after_two_seconds_without_and_the_pause():
    flicker = [
        began("distraction", 3.0),
        ended("distraction", 4.0),
        began("distraction", 4.5),
        ended("distraction", 9.0),
    ]
    assert rung(Rule(["distraction"], pause_s=0.0), 20, flicker) == [("distraction", 3.0)]
    apart = [began("distraction", 3.0), ended("distraction", 4.0), began("distraction", 7.0), ended("distraction", 9.0)]
    assert rung(Rule(["distraction"], pause_s=0.0), 20, apart) == [("distraction", 3.0), ("distraction", 7.0)]
    assert rung(Rule(["distraction"], pause_s=10.0), 20, apart) == [("distraction", 3.0)]


def test_what_begins_in_the_pause_and_lasts_goes_off_at_its_end():
    events = [began("distraction", 3.0), ended("distraction", 4.0), began("microsleep", 6.0), ended("microsleep", 15.0)]
    assert rung(Rule(["distraction", "microsleep"]), 20, events) == [("distraction", 3.0), ("microsleep", 13.0)]


def test_drowsy_is_the_fatigue_level_and_an_unknown_one_changes_nothing():
    def level(time_s):
        if time_s < 2 or time_s >= 12:
            return "alert"
        return None if 5 <= time_s < 7 else "drowsy"

    assert rung(Rule(["drowsy"], pause_s=0.0), 20, level=level) == [("drowsy", 2.0)]


def test_an_event_known_when_it_is_over_goes_off_then():
    assert rung(Rule(["nod_off"]), 10, [ended("nod_off", 4.0)]) == [("nod_off", 4.0)]


def test_other_kinds_wait():
    assert rung(Rule(["microsleep"]), 10, [began("yawn", 2.0), ended("blink", 3.0)], lambda _: "drowsy") == []


@pytest.mark.parametrize("text", ["", "sleep", "drowsy,", "drowsy;yawn"])
def test_unknown_kinds_are_one_sentence(text):
    with pytest.raises(OutputError, match="--alarm is"):
        parse_kinds(text)


def test_a_command_knows_which_alarm_it_was_and_runs_once_at_a_time(tmp_path):
    out = tmp_path / "out.txt"
    script = (
        f"import os, time; file = open({str(out)!r}, 'a');"
        "file.write(os.environ['FACETRACK_ALARM'] + os.environ['FACETRACK_ID'] + chr(10)); file.close();"
        "time.sleep(0.5)"
    )
    (tmp_path / "script.py").write_text(script)
    action = run_command(f"'{sys.executable}' '{tmp_path / 'script.py'}'")
    started_s = time.perf_counter()
    for _ in range(3):
        action(Alarm("drowsy", 2, 1.0))
    assert time.perf_counter() - started_s < 0.4
    until(lambda: out.exists() and out.read_text())
    time.sleep(0.2)
    assert out.read_text() == "drowsy2\n"


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


@pytest.mark.parametrize("command", ["", "no-such-program-here", "echo 'half"])
def test_a_command_that_is_none_is_one_sentence(command):
    with pytest.raises(OutputError, match="--alarm-command"):
        run_command(command)


def test_sounds(tmp_path, monkeypatch, capsys):
    with pytest.raises(OutputError, match="--alarm-sound"):
        play_sound(str(tmp_path / "none.wav"))
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    monkeypatch.setattr("facetrack.sinks.alarms.actions.PLAYERS", (("no-such-player",),))
    with pytest.raises(OutputError, match="no program to play"):
        play_sound(str(tmp_path / "a.wav"))
    play_sound("bell")(Alarm("drowsy", 1, 0.0))
    assert capsys.readouterr().err == "\a"


class Hook(http.server.BaseHTTPRequestHandler):
    """A server that keeps what is posted."""

    posted: list = []  # noqa: RUF012

    def do_POST(self):
        self.posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_webhook_gets_the_alarm_as_json():
    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with AlarmSink(Rule(["yawn"]), [Webhook(f"http://127.0.0.1:{server.server_port}/hook")]) as sink:
        sink.write(frame(30), [made_face()], (began("yawn", 1.0, 3),))
    server.shutdown()
    assert Hook.posted == [("/hook", {"alarm": "yawn", "id": 3, "time_s": 1.0})]


def test_a_webhook_that_is_not_there_is_logged_once_and_holds_nothing_up(caplog):
    hook = Webhook("http://127.0.0.1:9/x")
    started_s = time.perf_counter()
    for i in range(3):
        hook(Alarm("yawn", 1, i))
    assert time.perf_counter() - started_s < 0.1
    hook.close()
    assert len(caplog.records) == 1
    with pytest.raises(OutputError, match="--alarm-webhook"):
        Webhook("ftp://host/x")


def test_a_paused_alarm_is_silent(capsys):
    with AlarmSink(Rule(["yawn"]), []) as sink:
        sink.pause()
        sink.write(frame(0), [made_face()], (began("yawn", 0.0),))
    assert (sink.alarms, capsys.readouterr().err) == (0, "")


def lines_with(tmp_path, *events):
    return write_lines(
        tmp_path / "p.jsonl",
        [(frame(i, 200), [made_face()], tuple(e for e in events if e.since_s == i)) for i in range(20)],
    )


def test_the_command_ends_the_run_with_its_own_code(tmp_path):
    lines = lines_with(tmp_path, began("microsleep", 5))
    done = CliRunner().invoke(app, ["replay", str(lines), "--alarm", "drowsy,microsleep", "--alarm-exit"])
    assert done.exit_code == 4, done.output
    assert "alarm: microsleep, face 1, at 0.0 s" in done.output
    assert "6 frames replayed" in done.output
    done = CliRunner().invoke(app, ["replay", str(lines), "--alarm", "drowsy", "--alarm-exit"])
    assert done.exit_code == 0, done.output


def test_an_action_without_kinds_is_refused(tmp_path):
    done = CliRunner().invoke(app, ["replay", str(lines_with(tmp_path)), "--osf", "default", "--alarm-exit"])
    assert isinstance(done.exception, OutputError)
