"""Sinks: annotated video, animation or picture, JSON lines, CSV; and the reader of JSON lines.

Every sink is a context manager. It writes beside its target and renames at the end, so that a file is there whole or
not at all; a live one is in its place from its first record on and is kept (see `sinks.sink`). Those of pictures, which
need OpenCV and PyAV, are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facetrack.sinks.csv import CsvSink
from facetrack.sinks.header import Header
from facetrack.sinks.jsonl import JsonLinesSink
from facetrack.sinks.reader import FrameRecord, JsonLines, read_jsonl
from facetrack.sinks.record import record
from facetrack.types.lazy import lazy_attributes

if TYPE_CHECKING:
    from facetrack.sinks.image import ImageSink
    from facetrack.sinks.pictures.animation import AnimationSink
    from facetrack.sinks.video import VideoSink

__all__ = [
    "AnimationSink",
    "CsvSink",
    "FrameRecord",
    "Header",
    "ImageSink",
    "JsonLines",
    "JsonLinesSink",
    "VideoSink",
    "read_jsonl",
    "record",
]

_LAZY = {
    "AnimationSink": "facetrack.sinks.pictures.animation",
    "ImageSink": "facetrack.sinks.image",
    "VideoSink": "facetrack.sinks.video",
}

__getattr__, __dir__ = lazy_attributes(__name__, _LAZY, __all__)
