"""An H.264 video of the annotated frames, with their own times and the source's sound."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from facetrack.errors import OutputError
from facetrack.sinks.growing import GrowingFile
from facetrack.sinks.inputs import Inputs
from facetrack.sinks.sink import Sink
from facetrack.sinks.sound import SoundTracks
from facetrack.sinks.staged import StagedFile
from facetrack.types import Image

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Containers by the output's extension."""

LIVE_TIME_BASE = Fraction(1, 90_000)
"""The clock of MPEG video: 11 microseconds, and a whole number of ticks at every common frame rate."""

ASSUMED_FPS = 30.0
"""Rate that the encoder's rate control assumes where none is known."""

_X264 = {"preset": "veryfast", "crf": "20"}
_LIVE_X264 = {"tune": "zerolatency"}
_LIVE_CONTAINER = {
    "matroska": {"cluster_time_limit": "1000"},
    # A fragment per key frame; close() turns the file into an ordinary one.
    "mp4": {"movflags": "+hybrid_fragmented+frag_keyframe+empty_moov+default_base_moof"},
}
LIVE_FRAGMENT_S = 1.0
"""Distance of the key frames of a live recording: so much is lost at most when the process is killed."""


class VideoSink(Sink):
    """A video file of H.264 and, if asked for, the sound tracks of its source.

    path: .mp4, .m4v, .mov or .mkv. size: (width, height) px; a frame of another size is fitted in with black borders.
    fps: the rate that the frames have on average. time_base: seconds per timestamp unit; give the source's own, and
    every time comes out exactly. source: the file that this is made from, which must not be overwritten; with
    sound=True its sound tracks are copied, start_s being the first frame's place on their clock; with end_s, what lies
    before start_s or from end_s on is left out. live: the file is in
    its place from its first frame on, in fragments of LIVE_FRAGMENT_S that players open while it grows; whatever
    happens, what was written is kept. threads: of the encoder; 0 leaves them to it.

    Even sizes are encoded in 4:2:0, which every browser plays. H.264 cannot express an odd size in 4:2:0 (it crops by
    whole chroma samples: H.264 table 6-1 and 7.4.2.1.1), so an odd one is kept exactly by encoding in 4:4:4, which
    FFmpeg-based players and Chrome play, but Safari does not.

    Any other file appears when close() has finished it. Raises OutputError when it cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        *,
        fps: float | None = None,
        time_base: Fraction | None = None,
        source: Inputs = None,
        sound: bool = False,
        start_s: float = 0.0,
        end_s: float | None = None,
        live: bool = False,
        threads: int = 0,
    ) -> None:
        self._name = str(path)
        self._size = size
        self._rate = Fraction(fps or ASSUMED_FPS).limit_denominator(1001)
        # Containers keep 32 bits for the unit; nothing that records pictures needs a finer one than a microsecond.
        self._time_base = time_base if time_base and time_base.denominator <= 1_000_000 else LIVE_TIME_BASE
        self._first_s: float | None = None
        self._last_tick = -1
        self._threads = threads
        self._finished = False
        self._growing: GrowingFile | None = None
        self._sound: SoundTracks | None = None
        container_format = _container_format(path)
        self._staged = StagedFile(path, source)
        self._cleanup = ExitStack()
        self._cleanup.callback(self._staged.discard)
        try:
            if live:
                self._growing = GrowingFile(self._staged.temporary)
                self._cleanup.callback(self._growing.finish)
            self._open(container_format)
            if sound and isinstance(source, str | Path):
                self._sound = SoundTracks(Path(source), self._container, start_s, end_s)
                self._cleanup.callback(self._sound.close)
        except BaseException as error:
            self.discard()
            raise self._explained(error) from error

    def _open(self, container_format: str) -> None:
        options = {} if container_format == "matroska" else {"movflags": "+faststart"}
        encoder = _X264
        if self._growing is not None:
            options = _LIVE_CONTAINER.get(container_format, _LIVE_CONTAINER["mp4"]) | {"flush_packets": "1"}
            encoder = _X264 | _LIVE_X264 | {"g": str(max(1, round(self._rate * LIVE_FRAGMENT_S)))}
        file = self._growing or str(self._staged.temporary)
        self._container = av.open(file, "w", format=container_format, options=options)
        self._cleanup.callback(_close_quietly, self._container)
        stream = self._container.add_stream("libx264", rate=self._rate, options=encoder)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p" if self._size[0] % 2 == self._size[1] % 2 == 0 else "yuv444p"
        stream.codec_context.time_base = self._time_base
        stream.codec_context.thread_count = self._threads
        _tag_colours(stream)
        self._stream: VideoStream = stream

    def write(self, image: Image, time_s: float) -> None:
        """Append a drawn frame, (H, W, 3) uint8 BGR, at its source's time; the first one written is at 0."""
        picture = av.VideoFrame.from_ndarray(_fitted(image, self._size), format="bgr24").reformat(
            format=self._stream.pix_fmt, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        picture.pts = self._tick(time_s)
        picture.time_base = self._time_base
        picture.duration = max(1, round(1 / self._rate / self._time_base))  # counts for the last frame only
        try:
            self._container.mux(self._stream.encode(picture))
            if self._sound is not None:
                self._sound.copy_until(float(picture.pts * self._time_base))
        except (av.error.FFmpegError, OSError) as error:
            raise self._explained(error) from error
        if self._growing is not None:
            self._check_growing()
            self._growing.mark_whole()
            if not self._staged.published:
                self._staged.publish()

    def _check_growing(self) -> None:
        if self._growing is not None and self._growing.error is not None:
            raise self._explained(self._growing.error) from self._growing.error

    def _tick(self, time_s: float) -> int:
        if self._first_s is None:
            self._first_s = time_s
        tick = round((time_s - self._first_s) / self._time_base)
        self._last_tick = max(tick, self._last_tick + 1)
        return self._last_tick

    def close(self) -> None:
        """Finish the file and put it in its place. Does nothing a second time, or after discard()."""
        if self._finished:
            return
        self._finished = True
        with self._cleanup:  # whatever goes wrong from here on, nothing stays open and no half-written file behind
            if self._last_tick < 0:
                raise OutputError(f"{self._name} is not written, since no frame came; check the source.")
            try:
                self._container.mux(self._stream.encode(None))
                if self._sound is not None:
                    self._sound.finish()
                self._container.close()
                if self._growing is not None:
                    self._growing.finish()
            except (av.error.FFmpegError, OSError) as error:
                raise self._explained(error) from error
            self._staged.commit()
            self._check_growing()

    def discard(self) -> None:
        """Leave no file behind, unless it is live and in its place."""
        self._finished = True
        self._cleanup.close()

    def _explained(self, error: BaseException) -> BaseException:
        """Turn what went wrong in the outside world into a sentence; anything else stays as it is."""
        if isinstance(error, av.codec.codec.UnknownCodecError):
            return OutputError(
                f"{self._name} cannot be written: PyAV lacks H.264 here; reinstall it with `pip install av`."
            )
        if isinstance(error, av.error.FFmpegError | OSError):
            return OutputError(f"{self._name} cannot be written ({error.strerror}); check the disk, or try .mkv.")
        return error


def _close_quietly(container: OutputContainer) -> None:
    with suppress(av.error.FFmpegError, OSError):  # its trailer could not be written: the file goes anyway
        container.close()


def _container_format(path: str | Path) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in CONTAINERS:
        raise OutputError(
            f"{path} cannot be written: {suffix or 'a name without an extension'} is no video format known here; "
            f"use {', '.join(CONTAINERS)}."
        )
    return CONTAINERS[suffix]


def _tag_colours(stream: VideoStream) -> None:
    """Say that the numbers are BT.709, limited range: players guess by the size otherwise, and skin changes its hue."""
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = 1  # ITU-T H.273: 1 is BT.709 in all three
    context.color_range = 1  # limited ("MPEG") range


def _fitted(image: Image, size: tuple[int, int]) -> Image:
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    scale = min(size[0] / width, size[1] / height)
    new = max(1, min(size[0], round(width * scale))), max(1, min(size[1], round(height * scale)))
    left, top = (size[0] - new[0]) // 2, (size[1] - new[1]) // 2
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    canvas[top : top + new[1], left : left + new[0]] = cv2.resize(image, new, interpolation=cv2.INTER_AREA)
    return canvas
