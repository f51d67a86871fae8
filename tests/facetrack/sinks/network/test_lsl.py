"""Lab Streaming Layer, read by pylsl's inlet in another process."""

import json
import subprocess
import sys
import time

import pytest

from facetrack.sinks.network import Broadcast
from facetrack.types import Event
from made_faces import frame, made_face, posed

READER = """
import json, sys, pylsl
name, count = sys.argv[1], int(sys.argv[2])
numbers, markers = (pylsl.resolve_byprop("name", n, timeout=15) for n in (name, name + "-events"))
if not numbers or not markers: sys.exit(77)
inlet, events = (pylsl.StreamInlet(found[0]) for found in (numbers, markers))
info = inlet.info(10)
channel, labels = info.desc().child("channels").child("channel"), []
for _ in range(info.channel_count()):
    labels.append([channel.child_value(k) for k in ("label", "unit", "type")]); channel = channel.next_sibling()
inlet.open_stream(10); events.open_stream(10)
print("ready", flush=True)
samples = [inlet.pull_sample(10) for _ in range(count)]
marker = events.pull_sample(10)
said = {"labels": labels, "type": info.type(), "rate": info.nominal_srate(), "events": events.info(10).type()}
print(json.dumps(said | {"samples": samples, "marker": marker, "clock": pylsl.local_clock()}))
"""


@pytest.fixture
def reader(tmp_path, monkeypatch):
    (tmp_path / "lsl_api.cfg").write_text("[multicast]\nResolveScope = machine\n[log]\nlevel = -3\n")
    monkeypatch.setenv("LSLAPICFG", str(tmp_path / "lsl_api.cfg"))
    pytest.importorskip("pylsl", reason="needs pylsl with liblsl", exc_type=(ImportError, RuntimeError))

    def start(name, count):
        words = [sys.executable, "-c", READER, name, str(count)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    return start


def test_an_inlet_reads_every_channel_and_marker(reader):
    from facetrack.sinks.network.lsl import LslOutput

    face = made_face(posed(20, 15, -10, (30, -20, 700)), track_id=4, eyes_left_openness=0.25, fatigue_score=None)
    name = f"made-{time.monotonic_ns()}"
    with Broadcast([LslOutput(name)], mirror=True) as sink:
        process = reader(name, 3)
        if process.stdout.readline().strip() != "ready":
            pytest.skip("no multicast on this machine: LSL's streams are not found")
        time.sleep(0.3)
        sink.start(time.perf_counter())
        blink = Event.completed("blink", 4, 0.0, 0.033, 0.9)
        for i, (faces, events) in enumerate((([face], ()), ([face], (blink,)), ([], ()))):
            sink.write(frame(i), faces, events)
        found = json.loads(process.communicate(timeout=60)[0])
    labels = [label for label, _, _ in found["labels"]]
    assert (found["type"], found["rate"], found["events"]) == ("Face", 0.0, "Markers")
    assert ["yaw_deg", "deg", "pose"] in found["labels"]
    first, second, lost = (dict(zip(labels, values, strict=True)) for values, _ in found["samples"])
    expected = {"id": 4, "yaw_deg": 20, "pitch_deg": 15, "roll_deg": -10, "x_mm": 30, "y_mm": -20, "z_mm": 700,
                "eyes_left_openness": 0.25, "eyes_right_openness": 1.0}  # fmt: skip
    assert {key: first[key] for key in expected} == pytest.approx(expected)
    assert first["fatigue_score"] != first["fatigue_score"]  # NaN
    assert all(value != value for value in lost.values())
    times = [stamp for _, stamp in found["samples"]]
    assert times[1] - times[0] == pytest.approx(1 / 30, abs=2e-3)
    assert abs(found["clock"] - times[0]) < 60
    marker, stamp = found["marker"]
    assert json.loads(marker[0])["kind"] == "blink"
    assert stamp == pytest.approx(times[1], abs=1e-3)
    assert second["id"] == 4
