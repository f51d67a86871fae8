"""MQTT: state, events and availability under one topic, and Home Assistant's discovery."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from facetrack import __version__
from facetrack.errors import MissingExtraError, OutputError
from facetrack.sinks.avatar.scene import Scene
from facetrack.sinks.network.home_assistant import STATUS_TOPIC, discovery, discovery_topic
from facetrack.sinks.network.output import Output
from facetrack.types import ENDED, Face
from facetrack.types.address import without_password

PORTS = {"mqtt": 1883, "mqtts": 8883}
DEFAULT_NAME = "camera"
STATE_EVERY_S = 1.0
QUEUED = 100
"""Events that wait for a broker that is away; later ones are dropped."""
GOODBYE_S = 1.0
COUNTED = {"blink": "blinks", "yawn": "yawns"}


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to publish. name: of this camera, the second part of every topic."""

    host: str
    port: int
    name: str
    tls: bool
    user: str | None
    password: str | None


def parse_broker(text: str) -> Broker:
    """Parse mqtt://[user:password@]host[:port][/name], or mqtts://. Raises OutputError."""
    text = text if "://" in text else f"mqtt://{text}"
    parts = urlsplit(text)
    try:
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        port = 0
    name = parts.path.strip("/") or DEFAULT_NAME
    if not port or not parts.hostname or not name.replace("_", "").replace("-", "").isalnum():
        raise OutputError(
            f"--mqtt is '{without_password(text)}'; expected mqtt://host, mqtt://user:password@host:1883/name or "
            "mqtts://.., the name of letters, digits, - and _"
        )
    user, password = (None if part is None else unquote(part) for part in (parts.username, parts.password))
    return Broker(parts.hostname, port, name, parts.scheme == "mqtts", user, password)


class MqttOutput(Output):
    """Publishes facetrack/NAME/state at most once a second, /event, /available; /calibrate/set takes the neutral.

    paho-mqtt's own thread connects, sends, and connects again after a failure, which is logged once. Raises OutputError
    for a bad address, MissingExtraError without paho-mqtt.
    """

    def __init__(self, url: str) -> None:
        broker = parse_broker(url)
        try:
            from paho.mqtt import client as paho
        except ImportError as error:
            raise MissingExtraError(
                "--mqtt needs the package paho-mqtt; install the extra: python -m pip install 'facetrack[apps]'"
            ) from error
        base = f"facetrack/{broker.name}"
        self._topics = {name: f"{base}/{name}" for name in ("state", "event", "available")}
        self._topics["calibrate"] = f"{base}/calibrate/set"
        self._broker, self._asked, self._warned = broker, threading.Event(), False
        self._counts: Counter[str] = Counter()
        self._state_s: float | None = None
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(QUEUED)
        self._client.reconnect_delay_set(1, 30)
        self._client.connect_timeout = 3.0
        self._client.will_set(self._topics["available"], "offline", qos=1, retain=True)
        if broker.user is not None:
            self._client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            self._client.tls_set()
        self._client.on_connect, self._client.on_message = self._connected, self._message
        self._client.on_connect_fail = lambda *_: self._warn("no connection")
        self._client.connect_async(broker.host, broker.port)
        self._client.loop_start()

    def _connected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._warn(str(reason))
            return
        client.subscribe([(self._topics["calibrate"], 1), (STATUS_TOPIC, 1)])
        self._introduce()

    def _introduce(self) -> None:
        found = discovery(self._broker.name, __version__, self._topics)
        self._client.publish(discovery_topic(self._broker.name), json.dumps(found), qos=1, retain=True)
        self._client.publish(self._topics["available"], "online", qos=1, retain=True)

    def _message(self, client: Any, data: Any, message: Any) -> None:
        if message.topic == self._topics["calibrate"]:
            if not message.retain:
                self._asked.set()
        elif message.payload == b"online":
            self._introduce()

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            place = f"{self._broker.host}:{self._broker.port}"
            logging.getLogger(__name__).warning("--mqtt %s: %s; trying again", place, reason)

    def send(self, scene: Scene) -> None:
        """Publish the frame's events, and the state if a second has passed since the last."""
        for event in scene.events:
            self._counts[event.kind] += event.phase == ENDED
            self._client.publish(self._topics["event"], json.dumps(event.to_dict()), qos=1)
        if self._state_s is None or not 0.0 <= scene.time_s - self._state_s < STATE_EVERY_S:
            self._state_s = scene.time_s
            found = state(scene, None if scene.main is None else scene.main.face, self._counts)
            self._client.publish(self._topics["state"], json.dumps(found), retain=True)

    def wants_neutral(self) -> bool:
        """Whether the button was pressed."""
        asked = self._asked.is_set()
        self._asked.clear()
        return asked

    def close(self) -> None:
        """Say that the camera is offline, for a second at most."""
        if self._client.is_connected():
            last = self._client.publish(self._topics["available"], "offline", qos=1, retain=True)
            last.wait_for_publish(GOODBYE_S)
            self._client.disconnect()
            self._client.loop_stop()
        else:
            self._client.disconnect()


def state(scene: Scene, main: Face | None, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the state: of the main face where it is about one; null is unknown. Shares are percent."""
    signals = None if main is None else main.signals
    level = None if signals is None else signals.fatigue.level
    return {
        "time": round(scene.unix_s, 3),
        "present": bool(scene.faces),
        "faces": len(scene.faces),
        "id": None if main is None else main.track_id,
        "fatigue_level": level,
        "attention": None if signals is None else _percent(signals.attention.share),
        "perclos": None if signals is None else _percent(signals.perclos_p80_60s),
        "drowsy": None if level is None else level == "drowsy",
        "distracted": None if signals is None else signals.attention.distracted,
        **{name: counts[kind] for kind, name in COUNTED.items()},
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100.0 * share, 1)
