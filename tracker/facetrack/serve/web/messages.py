"""Messages of the WebSocket: what a client gets of a frame, by the topics that it asked for."""

from __future__ import annotations

import json
from typing import Any

from facetrack import __version__
from facetrack.serve.feed import Feed, Result
from facetrack.sinks.header import SCHEMA_VERSION
from facetrack.topology import EDGES
from facetrack.types import Event

POINTS, POSE, SIGNALS, EVENTS, STATE, PICTURE = "points", "pose", "signals", "events", "state", "picture"
TOPICS = (POINTS, POSE, SIGNALS, EVENTS, STATE, PICTURE)
USUAL_TOPICS = (POINTS, POSE, SIGNALS, EVENTS)
FRAME_TOPICS = (POINTS, POSE, SIGNALS, PICTURE)
"""Topics of which one is enough to be sent frames."""
_FIELDS = {POINTS: ("points", "sigma", "visibility"), POSE: ("pose",), SIGNALS: ("signals",)}


def parse_topics(text: str) -> tuple[str, ...]:
    """Parse "points,events" in the order of TOPICS. Raises ValueError with a sentence for an unknown one."""
    names = {name for name in text.split(",") if name}
    if not names or not names <= set(TOPICS):
        raise ValueError(f"topics is '{text[:80]}'; expected some of {','.join(TOPICS)}")
    return tuple(name for name in TOPICS if name in names)


def hello(feed: Feed, topics: tuple[str, ...]) -> dict[str, Any]:
    """Return the first message, and the one after each change of the run: its header, and the lines between points."""
    return {
        "type": "hello", "version": __version__, "schema": SCHEMA_VERSION, "camera": feed.name, "topics": list(topics),
        "header": feed.header.to_json(), "edges": [list(edge) for edge in EDGES],
    }  # fmt: skip


def frame_message(feed: Feed, result: Result, topics: tuple[str, ...]) -> dict[str, Any]:
    """Return a frame's message: the JSON line's object, each face with what the topics name, its events apart."""
    record, (height, width) = result.record, result.frame.image.shape[:2]
    wanted = ("id", "box", "score", *(name for topic in topics for name in _FIELDS.get(topic, ())))
    return {
        "type": "frame", "camera": feed.name, "frame": record["frame"], "time_s": record["time_s"], "width": width,
        "height": height, "latency_ms": round(result.latency_ms, 1), "picture": PICTURE in topics,
        "faces": [{name: face[name] for name in wanted} for face in record["faces"]],
    }  # fmt: skip


def frame_text(feed: Feed, result: Result, topics: tuple[str, ...]) -> str:
    """Return the frame's message as JSON, written once for all clients with the same topics."""
    if topics not in result.messages:
        result.messages[topics] = as_json(frame_message(feed, result, topics))
    found: str = result.messages[topics]
    return found


def event_message(feed: Feed, event: Event, missed: int = 0) -> dict[str, Any]:
    """Return an event's message. missed: events that this client was too slow for."""
    return {"type": "event", "camera": feed.name, "missed": missed, **event.to_dict()}


def as_json(message: dict[str, Any]) -> str:
    """Return compact JSON."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
