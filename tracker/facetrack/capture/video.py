"""Video files through PyAV: every frame, upright, with the file's own timestamp."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from facetrack.capture.closing import ClosesItself
from facetrack.capture.orientation import is_turned, upright_image
from facetrack.capture.timeline import Timeline
from facetrack.errors import SourceError
from facetrack.types import Frame

DECODER_THREADS = 2
"""Enough to decode 1080p well above camera rate, while leaving cores to the tracker."""

ASSUMED_RATE = Fraction(25)
"""Frames per second if the container states none and its frames have no timestamps."""

LOST_END_S = 0.5
"""Smallest difference between a Matroska file's declared duration and its last packet that counts as truncation."""


class VideoFile(ClosesItself):
    """Video file as a source of frames: no frame is dropped; times are the file's own, relative to its first frame.

    path: the file.
    size: (width, height) px, upright.
    fps: average frame rate, None if unknown.
    n_frames: as declared, else estimated from the duration, else None.
    has_audio: whether there is an audio stream.
    time_base: seconds per timestamp unit; all times are multiples of it.
    start_s: time of the first frame on the container's clock, which the audio shares.
    pixel_aspect: width over height of one upright pixel, 1 except for anamorphic video.

    It can be iterated once, and closes itself at the end. Raises SourceError when it cannot be opened, holds no frame
    or ends before its declared length (after the frames that could be read).
    """

    live = False

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._container = _open_container(self.path)
        try:
            self._open_stream(_video_stream(self._container, self.path))
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self, stream: VideoStream) -> None:
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = DECODER_THREADS
        self._stream = stream
        self._end_s = 0.0
        self._broken = False
        self._frames_read = 0
        rate = stream.average_rate or stream.guessed_rate
        self.fps = float(rate) if rate else None
        self.time_base = Fraction(stream.time_base or 1 / (rate or ASSUMED_RATE))
        self._timeline = Timeline(self.time_base, 1 / Fraction(rate or ASSUMED_RATE))
        self.has_audio = bool(self._container.streams.audio)
        self.n_frames = stream.frames or self._frames_by_length()
        self._decoded = self._decode()
        first = self._first_frame()
        turned = is_turned(first)
        self.size = (first.height, first.width) if turned else (first.width, first.height)
        self.start_s = float((first.pts or 0) * self.time_base)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        self.pixel_aspect = 1 / aspect if turned else aspect
        self._frames = self._read(first)

    def _frames_by_length(self) -> int | None:
        if self._stream.duration:
            length_s = float(self._stream.duration * self.time_base)
        else:
            length_s = (self._container.duration or 0) / av.time_base
        return round(length_s * self.fps) if length_s and self.fps else None

    def _first_frame(self) -> av.VideoFrame:
        first = next(self._decoded, None)
        if first is None:
            raise SourceError(
                f"{self.path} holds a video from which no frame can be decoded; it may be damaged: copy it again."
            )
        return first

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def _read(self, first: av.VideoFrame) -> Iterator[Frame]:
        with self._container:
            for index, frame in enumerate(itertools.chain([first], self._decoded)):
                yield Frame(upright_image(frame), self._timeline.seconds(frame.pts), index)
                self._frames_read = index + 1
            self._check_complete()

    def _decode(self) -> Iterator[av.VideoFrame]:
        # The other streams are demuxed too, not decoded: the file's end is that of the stream that reaches furthest.
        others = (*self._container.streams.audio, *self._container.streams.subtitles)
        try:
            for packet in self._container.demux(self._stream, *others):
                self._update_end(packet)
                if packet.stream is self._stream:
                    yield from _decode_packet(packet)
        except av.error.FFmpegError as error:
            raise SourceError(self._cut_message()) from error

    def _update_end(self, packet: av.Packet) -> None:
        self._broken |= packet.is_corrupt
        if packet.pts is not None:
            self._end_s = max(self._end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))

    def _check_complete(self) -> None:
        """Raise SourceError if the file is truncated. Only mp4 and Matroska containers declare their full length."""
        formats = self._container.format.name.split(",")
        declared_s = (self._container.duration or 0) / av.time_base
        if "mp4" in formats and (self._broken or self._index_passes_the_end()):
            raise SourceError(self._cut_message())
        if "matroska" in formats and declared_s - self._end_s > LOST_END_S:
            raise SourceError(self._cut_message())

    def _index_passes_the_end(self) -> bool:
        """Return whether mp4's sample index points beyond the file's end; exact, unlike its declared durations."""
        entries = getattr(self._stream, "index_entries", ())  # older versions of PyAV have none
        last_byte = max((entry.pos + entry.size for entry in entries), default=0)
        return last_byte > self.path.stat().st_size

    def _cut_message(self) -> str:
        declared = f" of about {self.n_frames}" if self.n_frames else ""
        return (
            f"{self.path} is cut short or damaged: {self._frames_read} frames{declared} could be read; copy it again, "
            f"or save what is left with `ffmpeg -i IN -c copy OUT`."
        )

    def close(self) -> None:
        self._container.close()


def _open_container(path: Path) -> InputContainer:
    try:
        return av.open(str(path), metadata_errors="replace")
    except PermissionError as error:
        raise SourceError(f"{path} may not be read; change its permissions.") from error
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist; give the path of a video file.") from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(
            f"{path} is {_describe_file(path)} (expected mp4, mkv, mov, avi, webm or similar): check that it plays, "
            "or copy it again."
        ) from error


def _describe_file(path: Path) -> str:
    """Describe a file that is no video, by its first bytes."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        return f"a file that cannot be read, {error.strerror}"
    if not start:
        return "an empty file"
    if start.isascii() and b"\0" not in start:
        return "a text file, not a video"
    return "not a whole video file: it is cut short, damaged or of another kind"


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:  # cover art is no video
            return stream
    kinds = sorted({stream.type for stream in container.streams if stream.type != "video"})
    content = " and ".join(kinds) or "nothing that can be played"
    raise SourceError(f"{path} holds {content} but no video; give a file with a video stream.")


def _decode_packet(packet: av.Packet) -> Iterator[av.VideoFrame]:
    """Decode a packet; damaged ones are skipped, as in players, also at the final flush."""
    is_flush = packet.size == 0
    for _ in range(DECODER_THREADS + 1 if is_flush else 1):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue
        except av.error.EOFError:
            return
