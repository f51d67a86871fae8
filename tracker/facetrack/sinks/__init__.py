"""Where results go: an annotated video or picture, JSON lines, CSV.

Every sink is a context manager. It writes beside its target and renames at the end, so that a file is there whole or
not at all: leaving the `with` block through an exception, or calling discard(), leaves nothing behind.
"""

from facetrack.sinks.csv import CsvSink
from facetrack.sinks.image import ImageSink
from facetrack.sinks.jsonl import JsonLinesSink, record
from facetrack.sinks.video import VideoSink

__all__ = ["CsvSink", "ImageSink", "JsonLinesSink", "VideoSink", "record"]
