"""Lab Streaming Layer: the main face's signals as a stream of numbers, events as a stream of markers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import Any

from facetrack.errors import MissingExtraError
from facetrack.sinks.avatar.scene import Scene
from facetrack.sinks.fields import FLAG, LEAVES, MAPPING, NUMBER, Leaf, signals_to_json
from facetrack.sinks.network.output import Output

DEFAULT = "default"
DEFAULT_NAME = "facetrack"
POSE = (
    ("id", "", "track"), ("yaw_deg", "deg", "pose"), ("pitch_deg", "deg", "pose"), ("roll_deg", "deg", "pose"),
    ("x_mm", "mm", "pose"), ("y_mm", "mm", "pose"), ("z_mm", "mm", "pose"),
)  # fmt: skip
"""Channels before the signals: label, unit, type."""
_SENT: tuple[Leaf, ...] = tuple(leaf for leaf in LEAVES if leaf.kind in (NUMBER, FLAG, MAPPING))
CHANNELS = (*POSE, *((column, leaf.info.unit, "signal") for leaf in _SENT for column in leaf.columns))
"""All channels; signals under the names of their CSV columns. Words, such as the fatigue level, are no numbers."""
_NAN = math.nan


class LslOutput(Output):
    """Streams NAME (type Face, irregular rate, float32) and NAME-events (type Markers, JSON). What is unknown is NaN.

    Every sample bears the moment at which its frame was taken, on LSL's clock. Without a face all channels are NaN.
    Raises MissingExtraError without pylsl.
    """

    def __init__(self, name: str = DEFAULT) -> None:
        try:
            import pylsl
        except (ImportError, RuntimeError, OSError) as error:
            raise MissingExtraError(
                "--lsl needs the package pylsl with its library; install the extra: python -m pip install "
                "'facetrack[lsl]'"
            ) from error
        name = DEFAULT_NAME if name == DEFAULT else name
        info = pylsl.StreamInfo(name, "Face", len(CHANNELS), pylsl.IRREGULAR_RATE, "float32", f"facetrack-{name}")
        _describe(info)
        self._offset_s = pylsl.local_clock() - time.perf_counter()
        self._samples = pylsl.StreamOutlet(info)
        self._markers = pylsl.StreamOutlet(
            pylsl.StreamInfo(f"{name}-events", "Markers", 1, pylsl.IRREGULAR_RATE, "string", f"facetrack-{name}-events")
        )

    def send(self, scene: Scene) -> None:
        """Push the main face's sample and the frame's events."""
        taken_s = scene.clock_s + self._offset_s
        if self._samples.have_consumers():
            self._samples.push_sample(list(_sample(scene)), taken_s)
        for event in scene.events:
            self._markers.push_sample([json.dumps(event.to_dict())], taken_s)

    def close(self) -> None:
        """Take both streams down."""
        del self._samples, self._markers


def _describe(info: Any) -> None:
    info.desc().append_child_value("manufacturer", "facetrack")
    channels = info.desc().append_child("channels")
    for label, unit, kind in CHANNELS:
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", unit)
        channel.append_child_value("type", kind)


def _sample(scene: Scene) -> Iterator[float]:
    if scene.main is None:
        yield from (_NAN,) * len(CHANNELS)
        return
    # As tracked, never mirrored.
    face = next(face for face in scene.faces if face.track_id == scene.main.face.track_id)
    yield float(face.track_id)
    if face.pose is None:
        yield from (_NAN,) * (len(POSE) - 1)
    else:
        yield from (face.pose.yaw_deg, face.pose.pitch_deg, face.pose.roll_deg, *face.pose.translation_mm.tolist())
    signals = signals_to_json(face.signals)
    for leaf in _SENT:
        cells = dict(leaf.cells(signals))
        yield from (_NAN if (value := cells.get(column)) is None else float(value) for column in leaf.columns)
