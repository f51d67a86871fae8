"""MQTT through Debian's mosquitto, read by mosquitto_sub."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from facetrack.errors import OutputError
from facetrack.sinks.network import Broadcast
from facetrack.sinks.network.mqtt import Broker, MqttOutput, parse_broker
from facetrack.types import Event
from made_faces import frame, made_face, posed
from sockets import free_port

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
needs_broker = pytest.mark.skipif(
    not (shutil.which("mosquitto", path=PATH) and shutil.which("mosquitto_sub", path=PATH)),
    reason="needs Debian's mosquitto and mosquitto-clients",
)


class Mosquitto:
    """A broker of its own and a subscriber to everything; `messages` are (topic, payload, retained)."""

    def __init__(self, folder):
        pytest.importorskip("paho.mqtt", reason="needs paho-mqtt")
        self.port, self._folder = free_port(), folder
        (folder / "mosquitto.conf").write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self._log = (folder / "seen.txt").open("w+")
        self._broker = self._start("mosquitto", "-c", str(folder / "mosquitto.conf"))
        self.wait(lambda: self.tell("facetrack/test", "x", check=False) == 0)
        self._reader = self._start("mosquitto_sub", *self._at(), "-t", "#", "-F", "%r %t %p", stdout=self._log)

    def _at(self):
        return ("-h", "127.0.0.1", "-p", str(self.port))

    def _start(self, name, *words, stdout=subprocess.DEVNULL):
        return subprocess.Popen([shutil.which(name, path=PATH), *words], stdout=stdout, stderr=subprocess.DEVNULL)

    def tell(self, topic, payload, check=True):
        words = [shutil.which("mosquitto_pub", path=PATH), *self._at(), "-t", topic, "-m", payload]
        return subprocess.run(words, stderr=subprocess.DEVNULL, check=check).returncode

    @property
    def messages(self):
        lines = (self._folder / "seen.txt").read_text().splitlines()
        return [
            (topic, payload, retained == "1") for retained, topic, payload in (line.split(" ", 2) for line in lines)
        ]

    def of(self, topic):
        return [payload for found, payload, _ in self.messages if found == topic]

    def wait(self, condition, seconds=10.0):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "it did not come"
            time.sleep(0.02)

    def retained(self, topic):
        words = [shutil.which("mosquitto_sub", path=PATH), *self._at(), "-t", topic, "-C", "1", "-W", "5"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    def stop(self):
        for process in (self._reader, self._broker):
            process.terminate()
            process.wait(10)
        self._log.close()


@pytest.fixture
def broker(tmp_path):
    started = Mosquitto(tmp_path)
    yield started
    started.stop()


@needs_broker
def test_state_events_and_availability(broker):
    drowsy = made_face(fatigue_level="drowsy", attention_share=0.5, perclos_p80_60s=0.123, attention_distracted=None)
    blink, yawn = Event.completed("blink", 1, 0.1, 0.2, 0.9), Event("yawn", 1, "began", 1.0, 1.5, None)
    with Broadcast([MqttOutput(f"mqtt://127.0.0.1:{broker.port}/desk")]) as sink:
        broker.wait(lambda: broker.of("facetrack/desk/available"))
        for i in range(61):
            faces = [] if i >= 45 else [drowsy]
            sink.write(frame(i), faces, {10: (blink,), 11: (blink,), 40: (yawn,)}.get(i, ()))
        broker.wait(lambda: len(broker.of("facetrack/desk/state")) >= 3)
        assert broker.retained("facetrack/desk/available") == "online"
    states = [json.loads(payload) for payload in broker.of("facetrack/desk/state")]
    assert len(states) == 3  # once a second
    assert {key: states[1][key] for key in ("present", "faces", "id", "fatigue_level", "drowsy", "attention")} == {
        "present": True, "faces": 1, "id": 1, "fatigue_level": "drowsy", "drowsy": True, "attention": 50.0,
    }  # fmt: skip
    assert (states[1]["perclos"], states[1]["distracted"], states[1]["blinks"]) == (12.3, None, 2)
    assert (states[2]["present"], states[2]["fatigue_level"], states[2]["drowsy"]) == (False, None, None)
    events = [json.loads(payload) for payload in broker.of("facetrack/desk/event")]
    assert [(event["kind"], event["phase"]) for event in events] == [("blink", "ended")] * 2 + [("yawn", "began")]
    assert events[0]["amplitude"] == 0.9
    broker.wait(lambda: broker.of("facetrack/desk/available")[-1] == "offline")
    assert broker.retained("facetrack/desk/available") == "offline"


@needs_broker
def test_home_assistant_is_told_of_every_entity_and_again_when_it_starts(broker):
    topic = "homeassistant/device/facetrack_camera/config"
    with Broadcast([MqttOutput(f"mqtt://127.0.0.1:{broker.port}")]) as sink:
        broker.wait(lambda: broker.of(topic))
        broker.tell("homeassistant/status", "online")
        broker.wait(lambda: len(broker.of(topic)) == 2)
        sink.write(frame(0), [made_face()])
        broker.wait(lambda: broker.of("facetrack/camera/state"))
        config, found = json.loads(broker.retained(topic)), json.loads(broker.of("facetrack/camera/state")[0])
    assert config["o"]["name"] == "facetrack"  # required of a device by Home Assistant
    assert config["state_topic"] == "facetrack/camera/state"
    assert config["availability_topic"] == "facetrack/camera/available"
    entities = config["cmps"]
    assert len({entity["unique_id"] for entity in entities.values()}) == len(entities) == 10
    assert {entity["p"] for entity in entities.values()} == {"binary_sensor", "sensor", "button"}
    for key, entity in entities.items():
        if entity["p"] != "button":
            assert key in found
            assert f"value_json.{key}" in entity["value_template"]
    assert entities["calibrate"]["command_topic"] == "facetrack/camera/calibrate/set"


@needs_broker
def test_the_button_takes_the_neutral(broker):
    from facetrack.sinks.avatar.scene import Scene

    scenes: list[Scene] = []
    output = MqttOutput(f"mqtt://127.0.0.1:{broker.port}")
    send = output.send
    output.send = lambda scene: (scenes.append(scene), send(scene))
    with Broadcast([output]) as sink:
        broker.wait(lambda: broker.of("facetrack/camera/available"))
        sink.write(frame(0), [made_face(posed(20))])
        broker.tell("facetrack/camera/calibrate/set", "PRESS")
        broker.wait(lambda: output._asked.is_set())
        for i in (10, 20):
            sink.write(frame(i), [made_face(posed(20))])
    assert [round(scene.main.pose.yaw_deg, 6) for scene in scenes] == [20, 0, 0]


@needs_broker
def test_a_run_that_dies_is_offline_by_its_last_will(broker, tmp_path):
    script = (
        "import os, time; from facetrack.sinks.network.mqtt import MqttOutput;"
        f"m = MqttOutput('mqtt://127.0.0.1:{broker.port}/gone'); time.sleep(1.5); os._exit(1)"
    )

    process = subprocess.Popen([sys.executable, "-c", script])
    broker.wait(lambda: broker.of("facetrack/gone/available") == ["online"])
    process.wait(20)
    broker.wait(lambda: broker.of("facetrack/gone/available") == ["online", "offline"])


def test_a_broker_that_is_not_there_costs_nothing(caplog):
    pytest.importorskip("paho.mqtt", reason="needs paho-mqtt")
    started_s = time.perf_counter()
    with Broadcast([MqttOutput(f"mqtt://127.0.0.1:{free_port()}")]) as sink:
        for i in range(300):
            sink.write(frame(i), [made_face()], (Event.completed("blink", 1, 0, 1),))
        time.sleep(0.5)
    assert time.perf_counter() - started_s < 3.0
    assert len([r for r in caplog.records if "--mqtt" in r.getMessage()]) <= 1


def test_addresses_of_brokers():
    assert parse_broker("mqtt://host") == Broker("host", 1883, "camera", False, None, None)
    assert parse_broker("host") == parse_broker("mqtt://host")
    found = parse_broker("mqtts://me:se%40cret@[::1]:8000/front_door-2")
    assert found == Broker("::1", 8000, "front_door-2", True, "me", "se@cret")


@pytest.mark.parametrize("text", ["http://host", "mqtt://", "mqtt://me:secret@host:x", "mqtt://host/a/b", "mqtt://h/+"])
def test_other_addresses_are_one_sentence_without_the_password(text):
    with pytest.raises(OutputError, match="--mqtt is") as caught:
        parse_broker(text)
    assert "secret" not in str(caught.value)
