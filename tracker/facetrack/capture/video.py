"""Video files through PyAV: every frame, as shown, with the file's own timestamp."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from facetrack.capture.shown import ShownPicture
from facetrack.capture.timeline import WITHOUT_PTS, Timeline, timestamp
from facetrack.errors import SourceError
from facetrack.types import Frame
from facetrack.types.closing import ClosesItself

DECODER_THREADS = 2
"""Enough to decode 1080p well above camera rate, while leaving cores to the tracker."""

ASSUMED_RATE = Fraction(25)
"""Frames per second if the container states none and its frames have no timestamps."""

MAX_RATE = 1000
"""Frames per second above which a declared rate is a mistake; slow motion is filmed at up to 960."""

MAX_LENGTH_S = 1e7
"""Declared length above which it is a mistake: four months."""

LOST_END_S = 0.5
"""Smallest difference between a Matroska file's declared duration and its last packet that counts as truncation."""


class VideoFile(ClosesItself):
    """Video file as a source of frames: no frame is dropped; times are the file's own, relative to its first frame.

    path: the file. threads: of the decoder.
    size: (width, height) px, as shown: upright, with square pixels.
    fps: average frame rate, None if unknown.
    n_frames: as declared, else estimated from the duration, else None.
    has_audio: whether there is an audio stream.
    time_base: seconds per timestamp unit; the times of an undamaged file are multiples of it.
    start_s: time of the first frame on the container's clock, which the audio shares.
    wanted: says by index and time which frames are given out; None for all.

    It can be iterated once, and closes itself at the end; close() may be called at any time, from any thread. Raises
    SourceError when it cannot be opened, holds no frame, was closed before its end, or ends before its declared length
    (after the frames that could be read).
    """

    live = False

    def __init__(self, path: str | Path, *, threads: int = DECODER_THREADS) -> None:
        self.path, self._threads = Path(path), threads
        self._lock = threading.Lock()  # FFmpeg must not be closed while it decodes
        self._container: InputContainer | None = _open_container(self.path)
        self._ended = False
        self.wanted: Callable[[int, float], bool] | None = None
        try:
            self._open_stream(self._container, _video_stream(self._container, self.path))
        except BaseException:
            self.close()
            raise

    def _open_stream(self, container: InputContainer, stream: VideoStream) -> None:
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = self._threads
        self._end_s = 0.0
        self._broken = False
        self._frames_read = 0
        self._kind = container.format.name
        rate = _plausible_rate(stream)
        self.fps = float(rate) if rate else None
        self.time_base = _plausible_time_base(stream) or 1 / (rate or ASSUMED_RATE)
        self._timeline = Timeline(self.time_base, 1 / (rate or ASSUMED_RATE))
        self.has_audio = bool(container.streams.audio)
        self.n_frames = stream.frames or self._frames_by_length(container, stream)
        self._shown = ShownPicture(stream, str(self.path))
        self._decoded = self._decode(container, stream)
        first = self._first_frame()
        self._first: av.VideoFrame | None = first
        self.size = self._shown.size(first)
        # FFmpeg's made-up pts are late by the reordering of B frames; the sound of such a file starts with its stream.
        start = (stream.start_time if self._kind in WITHOUT_PTS else first.pts) or 0
        self.start_s = float(start * self.time_base)

    def _frames_by_length(self, container: InputContainer, stream: VideoStream) -> int | None:
        if stream.duration:
            length_s = float(stream.duration * self.time_base)
        else:
            length_s = (container.duration or 0) / av.time_base
        return round(length_s * self.fps) if 0 < length_s < MAX_LENGTH_S and self.fps else None

    def _first_frame(self) -> av.VideoFrame:
        first = next(self._decoded, None)
        if first is None:
            raise SourceError(
                f"{self.path} holds a video from which no frame can be decoded; it may be damaged: copy it again."
            )
        return first

    def __iter__(self) -> Iterator[Frame]:
        if self._ended:
            raise SourceError(f"{self.path} has been read to its end; open it again, or keep its frames in a list.")
        return self

    def __repr__(self) -> str:
        rate = "" if self.fps is None else f", {self.fps:g} fps"
        return f"VideoFile('{self.path}', {self.size[0]}x{self.size[1]}{rate})"

    def __next__(self) -> Frame:
        with self._lock:
            if self._ended:
                raise StopIteration
            if self._container is None:
                raise SourceError(f"{self.path} was closed before its end; open it again to read it.")
            try:
                return self._next_frame(self._container)
            except BaseException:
                self._ended = True
                self._release()
                raise

    def _next_frame(self, container: InputContainer) -> Frame:
        while True:
            frame, self._first = self._first, None
            frame = frame or next(self._decoded, None)
            if frame is None:
                self._check_complete(container)
                raise StopIteration
            time_s = self._timeline.seconds(timestamp(frame, self._kind))
            self._frames_read += 1
            if self.wanted is None or self.wanted(self._frames_read - 1, time_s):
                break
        return Frame(image=self._shown(frame), time_s=time_s, index=self._frames_read - 1)

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        # The other streams are demuxed too, not decoded: the file's end is that of the stream that reaches furthest.
        others = (*container.streams.audio, *container.streams.subtitles)
        try:
            for packet in container.demux(stream, *others):
                self._update_end(packet)
                if packet.stream is stream:
                    yield from _decode_packet(packet)
        except av.error.FFmpegError as error:
            raise SourceError(self._cut_message()) from error

    def _update_end(self, packet: av.Packet) -> None:
        self._broken |= packet.is_corrupt
        if packet.pts is not None:
            self._end_s = max(self._end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))

    def _check_complete(self, container: InputContainer) -> None:
        """Raise SourceError if the file is truncated. Only mp4 and Matroska containers declare their full length."""
        formats = self._kind.split(",")
        declared_s = (container.duration or 0) / av.time_base
        if "mp4" in formats and (self._broken or self._index_passes_the_end(container)):
            raise SourceError(self._cut_message())
        if "matroska" in formats and declared_s - self._end_s > LOST_END_S:
            raise SourceError(self._cut_message())

    def _index_passes_the_end(self, container: InputContainer) -> bool:
        """Return whether mp4's sample index points beyond the file's end; exact, unlike its declared durations."""
        entries = getattr(_video_stream(container, self.path), "index_entries", ())  # older versions of PyAV have none
        last_byte = max((entry.pos + entry.size for entry in entries), default=0)
        return last_byte > self.path.stat().st_size

    def _cut_message(self) -> str:
        declared = f" of about {self.n_frames}" if self.n_frames else ""
        return (
            f"{self.path} is cut short or damaged: {self._frames_read} frames{declared} could be read; copy it again, "
            f"or save what is left with `ffmpeg -i IN -c copy OUT`."
        )

    def close(self) -> None:
        """Close the file; waits for a frame that another thread is reading."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        """Close the container and let go of everything that keeps its decoder threads and frames alive."""
        container, self._container = self._container, None
        self._first, self._decoded = None, iter(())
        if container is not None:
            container.close()


def _open_container(path: Path) -> InputContainer:
    try:
        # "file:", or FFmpeg takes 12:30.mp4 for an address, and file:x.mp4 for x.mp4.
        return av.open(f"file:{path}", metadata_errors="replace")
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
        if stream.disposition & av.stream.Disposition.attached_pic:  # cover art is no video
            continue
        if stream.codec_context is None:
            raise SourceError(
                f"{path} holds a video in a codec that this PyAV cannot decode; convert it with `ffmpeg -i IN OUT.mp4` "
                "where it plays."
            )
        return stream
    kinds = sorted({stream.type for stream in container.streams if stream.type != "video"})
    content = " and ".join(kinds) or "nothing that can be played"
    raise SourceError(f"{path} holds {content} but no video; give a file with a video stream.")


def _plausible_rate(stream: VideoStream) -> Fraction | None:
    rate = stream.average_rate or stream.guessed_rate
    return Fraction(rate) if rate and 0 < rate <= MAX_RATE else None


def _plausible_time_base(stream: VideoStream) -> Fraction | None:
    return Fraction(stream.time_base) if stream.time_base and stream.time_base > 0 else None


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
