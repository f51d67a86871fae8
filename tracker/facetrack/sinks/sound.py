"""The sound tracks of one file into another, packet by packet, beside a picture track."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer

AAC_RATES = frozenset((8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000))
"""Samples per second that AAC encodes and every player plays."""

ROUNDING_S = 0.05
"""A gap between two pieces of sound below this comes from rounded times; from there on it is silence that was there."""


class SoundTracks:
    """Copies the sound of `source` into `output`; a codec that the container cannot hold becomes AAC.

    start_s: the moment on the source's clock that is 0 in the output. end_s: with it, only what lies between the two is
    copied. Call copy_until() as the picture goes on, so that
    the two lie side by side in the file, and finish() at the end.
    """

    def __init__(self, source: Path, output: OutputContainer, start_s: float, end_s: float | None = None) -> None:
        self._end_s = end_s
        self._input = av.open(f"file:{source}", metadata_errors="replace")
        self._start_s = Fraction(start_s).limit_denominator(1_000_000)
        streams = [stream for stream in self._input.streams.audio if stream.codec_context is not None]
        self._tracks = {stream.index: _track(stream, output) for stream in streams}
        self._packets: Iterator[av.Packet] = self._input.demux(streams) if streams else iter(())

    def copy_until(self, time_s: float) -> None:
        """Write the packets that begin before time_s of the output."""
        for packet in self._readable():
            if packet.dts is not None and packet.dts * packet.time_base - self._start_s > time_s:
                self._packets = itertools.chain([packet], self._packets)
                return
            if self._is_cut(packet):
                continue
            self._tracks[packet.stream.index].write(packet, self._start_s)

    def _is_cut(self, packet: av.Packet) -> bool:
        if self._end_s is None or packet.dts is None:
            return False
        return not self._start_s <= packet.dts * packet.time_base < self._end_s

    def _readable(self) -> Iterator[av.Packet]:
        """Yield the packets as far as the source can be read: a damaged end costs the sound's end, not the video."""
        while True:
            try:
                packet = next(self._packets, None)
            except av.error.FFmpegError:
                return
            if packet is None:
                return
            yield packet

    def finish(self) -> None:
        """Write the rest, which may be longer than the picture."""
        self.copy_until(float("inf"))
        for track in self._tracks.values():
            track.finish()

    def close(self) -> None:
        self._input.close()


def _track(stream: AudioStream, output: OutputContainer) -> _CopiedTrack | _RecodedTrack:
    codec = stream.codec_context.name
    # FFmpeg puts raw PCM into mp4 (ISO/IEC 23003-5), but no browser plays it from there.
    if codec not in output.supported_codecs or (output.format.name == "mp4" and codec.startswith("pcm_")):
        return _RecodedTrack(stream, output)
    return _CopiedTrack(stream, output)


class _CopiedTrack:
    def __init__(self, stream: AudioStream, output: OutputContainer) -> None:
        self._output = output
        self._stream = output.add_stream_from_template(stream)
        self._last_dts = float("-inf")

    def write(self, packet: av.Packet, start_s: Fraction) -> None:
        # PyAV marks the end by an empty packet; times that stand still or go back are refused by every container.
        if packet.dts is None or packet.dts <= self._last_dts:
            return
        self._last_dts = packet.dts
        shift = round(start_s / packet.time_base)
        packet.dts -= shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        packet.stream = self._stream
        self._output.mux(packet)

    def finish(self) -> None:
        """Do nothing: a copied packet waits for nothing."""


class _RecodedTrack:
    """Decodes, mixes down to two channels at most, and encodes as AAC."""

    def __init__(self, stream: AudioStream, output: OutputContainer) -> None:
        self._output = output
        source: AudioCodecContext = stream.codec_context
        rate = source.sample_rate if source.sample_rate in AAC_RATES else 48_000
        layout = "mono" if source.channels == 1 else "stereo"
        self._stream = output.add_stream("aac", rate=rate, layout=layout)
        self._resampler = AudioResampler("fltp", layout, rate)
        self._next_pts: int | None = None

    def write(self, packet: av.Packet, start_s: Fraction) -> None:
        try:
            frames = cast(list[av.AudioFrame], packet.decode())
        except (av.error.InvalidDataError, av.error.EOFError):  # a damaged packet is a short silence
            return
        for frame in frames:
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(start_s / frame.time_base)
            self._encode(frame)

    def _encode(self, frame: av.AudioFrame | None) -> None:
        for resampled in self._resampler.resample(frame):
            self._output.mux(self._stream.encode(self._continued(resampled)))

    def _continued(self, frame: av.AudioFrame) -> av.AudioFrame:
        """Begin the frame where the last one ended: containers may round times to a millisecond."""
        if self._next_pts is not None:
            pts = self._next_pts if frame.pts is None else frame.pts
            if abs(pts - self._next_pts) < ROUNDING_S * frame.sample_rate:
                frame.pts = self._next_pts
        self._next_pts = (frame.pts or 0) + frame.samples
        return frame

    def finish(self) -> None:
        self._encode(None)
        self._output.mux(self._stream.encode(None))
