"""Sinks: annotated video, animation or picture, JSON lines, CSV; and the reader of JSON lines.

Every sink is a context manager. It writes beside its target and renames at the end, so that a file is there whole or
not at all; a live one is in its place from its first record on and is kept (see `sinks.sink`).
"""

from facetrack.sinks.csv import CsvSink
from facetrack.sinks.header import Header
from facetrack.sinks.image import ImageSink
from facetrack.sinks.jsonl import JsonLinesSink
from facetrack.sinks.pictures.animation import AnimationSink
from facetrack.sinks.reader import FrameRecord, JsonLines, read_jsonl
from facetrack.sinks.record import record
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
