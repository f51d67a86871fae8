"""Replay of a file of JSON lines into sinks: what a run found, at its own times, without tracking anything."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from facetrack.loops.pacing import at_own_pace
from facetrack.types import Frame, Image

if TYPE_CHECKING:
    from facetrack.loops.live import Record
    from facetrack.sinks import FrameRecord, Header, JsonLines
    from facetrack.sinks.sink import RecordSink

ASSUMED_SIZE = (640, 480)
"""Width and height of the picture, px, where the file does not say them."""


def replay(
    lines: JsonLines, sinks: Sequence[RecordSink], *, frames: Iterable[Frame] | None = None,
    recordings: Sequence[Record] = (), paced: bool = True, mirror: bool = False,
) -> int:  # fmt: skip
    """Feed every record to the sinks and return how many there were.

    frames: of the video, found by their times; without them pictures are black. recordings: take each picture with the
    faces drawn into it. paced: wait for each record's time. mirror: mirror those pictures.
    """
    from facetrack.drawing.signals import SignalOverlay

    overlay, count = SignalOverlay(), 0
    for sink in sinks:
        sink.begin(lines.header)
    records: Iterable[FrameRecord] = at_own_pace(lines) if paced else lines
    for record, image in _with_images(records, _blank(lines.header), frames):
        if not count:
            for sink in sinks:
                sink.start(time.perf_counter() - record.time_s)
        frame = Frame(image, time_s=record.time_s, index=record.index, name=record.image)
        for sink in sinks:
            sink.write(frame, record.faces, record.events)
        if recordings:
            picture = overlay.annotated(image, record.faces, record.events, record.time_s, mirrored=mirror)
            for write in recordings:
                write(picture, record.time_s)
        count += 1
        if any(sink.closed for sink in sinks):
            break
    return count


def picture_size(header: Header) -> tuple[int, int]:
    """Return the width and height of a run's pictures, px."""
    return header.width or ASSUMED_SIZE[0], header.height or ASSUMED_SIZE[1]


def _blank(header: Header) -> Image:
    """Return a black picture of the run's size that takes no memory."""
    width, height = picture_size(header)
    return np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (height, width, 3))


def _with_images(
    records: Iterable[FrameRecord], blank: Image, frames: Iterable[Frame] | None
) -> Iterator[tuple[FrameRecord, Image]]:
    """Pair each record with the last frame whose time is not after it; black before the first and without a video."""
    coming = iter(frames if frames is not None else ())
    image, following = blank, next(coming, None)
    for record in records:
        while following is not None and following.time_s <= record.time_s + 1e-3:
            image, following = following.image, next(coming, None)
        yield record, image
