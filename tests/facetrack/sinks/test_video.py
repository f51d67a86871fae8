"""The annotated video, read back with PyAV: frame count, times, size, colours, sound, and nothing half-written."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from facetrack.capture import open_video
from facetrack.errors import OutputError
from facetrack.sinks import VideoSink
from facetrack.types import Image

TONE_HZ = 440


class ReadBack(NamedTuple):
    ticks: list[Fraction]
    images: list[Image]
    size: tuple[int, int]
    codec: str
    pixel_format: str
    rate: Fraction | None
    sound: np.ndarray
    sound_rate: int
    sound_codec: str
    sound_start_s: float


def read_back(path: Path) -> ReadBack:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        frames = list(container.decode(video))
        times = [Fraction(frame.pts or 0) * Fraction(video.time_base or 1) for frame in frames]
        images = [frame.to_ndarray(format="bgr24") for frame in frames]
        context = video.codec_context
        size, codec, pixel_format = (video.width, video.height), context.name, str(context.pix_fmt)
        rate = video.average_rate
    sound, sound_rate, sound_codec, start = np.zeros(0), 0, "", 0.0
    with av.open(str(path)) as container:
        if container.streams.audio:
            audio = container.streams.audio[0]
            pieces = list(container.decode(audio))
            sound = np.concatenate([piece.to_ndarray().astype(float).reshape(-1) for piece in pieces])
            sound_rate, sound_codec = audio.codec_context.sample_rate, audio.codec_context.name
            start = float(pieces[0].time or 0)
    return ReadBack(times, images, size, codec, pixel_format, rate, sound, sound_rate, sound_codec, start)


def write_clip(path: Path, *, audio: str, first_tick: int = 0, n_frames: int = 25) -> Path:
    """Write a second of video at 25 fps whose sound is a sine from 0 s on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(audio, rate=48000, layout="mono")
        for tick in range(n_frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * tick, np.uint8), format="bgr24")
            frame.pts, frame.time_base = tick + first_tick, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        wave = (8000 * np.sin(2 * np.pi * TONE_HZ * np.arange(48000) / 48000)).astype(np.int16)
        for start in range(0, 48000, 1024):
            piece = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="s16", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = 48000, start, Fraction(1, 48000)
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    return path


def rewrite(source_path: Path, target: Path) -> ReadBack:
    """Copy a video as `facetrack video` does, without the faces."""
    with (
        open_video(source_path) as source,
        VideoSink(
            target,
            source.size,
            fps=source.fps,
            time_base=source.time_base,
            source=source.path,
            sound=source.has_audio,
            start_s=source.start_s,
        ) as sink,
    ):
        for frame in source:
            sink.write(frame.image, frame.time_s)
    return read_back(target)


def grey(value: int, size: tuple[int, int] = (64, 48)) -> Image:
    return np.full((size[1], size[0], 3), value, np.uint8)


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv"])
def test_frames_come_back_with_their_times(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with VideoSink(path, (64, 48), fps=25) as sink:
        for index in range(12):
            sink.write(grey(20 * index), index / 25)
    back = read_back(path)
    assert (back.codec, back.pixel_format, back.size, back.rate) == ("h264", "yuv420p", (64, 48), 25)
    assert [float(time) for time in back.ticks] == pytest.approx([index / 25 for index in range(12)], abs=1e-6)
    np.testing.assert_allclose([image.mean() for image in back.images], [20 * i for i in range(12)], atol=3)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "time_base", [Fraction(1, 90000), Fraction(1, 12800), Fraction(1001, 30000), Fraction(1, 1000)]
)
def test_variable_times_are_exact_in_the_sources_time_base(tmp_path: Path, time_base: Fraction) -> None:
    ticks = [0, 1, 7, 8, 30, 31, 100]
    with VideoSink(tmp_path / "out.mp4", (64, 48), fps=30, time_base=time_base) as sink:
        for tick in ticks:
            sink.write(grey(tick), float(tick * time_base))
    assert read_back(tmp_path / "out.mp4").ticks == [tick * time_base for tick in ticks]


def test_live_times_start_at_zero_and_always_rise(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", (64, 48)) as sink:
        for time_s in (1000.0, 1000.033, 1000.033, 1000.1):
            sink.write(grey(0), time_s)
    times = [float(time) for time in read_back(tmp_path / "out.mp4").ticks]
    assert times == pytest.approx([0, 0.033, 0.033 + 1 / 90000, 0.1], abs=1e-5)


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (63, 47)])
def test_odd_sizes_are_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    with VideoSink(tmp_path / "out.mp4", size) as sink:
        sink.write(grey(77, size), 0.0)
    back = read_back(tmp_path / "out.mp4")
    assert (back.size, back.codec) == (size, "h264")
    assert back.images[0].mean() == pytest.approx(77, abs=2)


def test_colours_survive_and_are_tagged(tmp_path: Path) -> None:
    colours = [(40, 40, 220), (40, 200, 40), (220, 60, 40), (90, 130, 210)]
    with VideoSink(tmp_path / "out.mp4", (64, 64)) as sink:
        for index, colour in enumerate(colours):
            sink.write(np.full((64, 64, 3), colour, np.uint8), index / 30)
    back = read_back(tmp_path / "out.mp4")
    np.testing.assert_allclose([image[32, 32] for image in back.images], colours, atol=6)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert (container.streams.video[0].codec_context.colorspace, container.streams.video[0].color_range) == (1, 1)


def test_the_index_lies_before_the_data(tmp_path: Path) -> None:
    """A browser starts to play such an mp4 before all of it has come."""
    with VideoSink(tmp_path / "out.mp4", (64, 48)) as sink:
        sink.write(grey(0), 0.0)
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_a_frame_of_another_size_is_fitted_in(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", (64, 48)) as sink:
        sink.write(grey(200), 0.0)
        sink.write(grey(200, (48, 96)), 0.1)
    image = read_back(tmp_path / "out.mp4").images[1]
    assert image[24, 32].mean() == pytest.approx(200, abs=3)
    assert image[24, [2, 61]].mean() < 4


@pytest.mark.parametrize(
    ("container", "codec", "target", "expected"),
    [
        (".mp4", "aac", ".mp4", "aac"),
        (".mkv", "libopus", ".mkv", "opus"),
        (".ts", "aac", ".mp4", "aac"),
        (".mkv", "pcm_s16le", ".mp4", "aac"),
        (".mov", "pcm_s16le", ".mov", "pcm_s16le"),
    ],
)
def test_sound_is_copied_or_recoded(tmp_path: Path, container: str, codec: str, target: str, expected: str) -> None:
    source = write_clip(tmp_path / f"in{container}", audio=codec)
    back = rewrite(source, tmp_path / f"out{target}")
    assert (back.sound_codec, back.sound_rate, len(back.ticks)) == (expected, 48000, 25)
    assert back.sound.size / 48000 == pytest.approx(1.0, abs=0.06)
    middle = back.sound[12000:36000]
    loudest_hz = np.abs(np.fft.rfft(middle)).argmax() * 48000 / middle.size
    assert loudest_hz == pytest.approx(TONE_HZ, abs=3)


def test_copied_sound_is_the_same_packets(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", audio="aac")
    rewrite(source, tmp_path / "out.mp4")
    packets = []
    for name in ("in.mp4", "out.mp4"):
        with av.open(str(tmp_path / name)) as container:
            stream = container.streams.audio[0]
            packets.append([(packet.pts, bytes(packet)) for packet in container.demux(stream) if packet.size])
    assert packets[0] == packets[1]


def test_sound_stays_with_the_picture_when_the_picture_starts_late(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", audio="pcm_s16le", first_tick=5)
    back = rewrite(source, tmp_path / "out.mkv")
    # The picture began 0.2 s after the sound; it begins at 0 now or the sound does: what counts is the distance.
    assert float(back.ticks[0]) - back.sound_start_s == pytest.approx(0.2, abs=0.002)


def test_an_exception_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("the old one")
    with pytest.raises(KeyboardInterrupt), VideoSink(tmp_path / "out.mp4", (64, 48)) as sink:
        sink.write(grey(0), 0.0)
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_text() == "the old one"


def test_an_existing_file_is_replaced_only_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("the old one")
    with VideoSink(tmp_path / "out.mp4", (64, 48)) as sink:
        sink.write(grey(0), 0.0)
        assert (tmp_path / "out.mp4").read_text() == "the old one"
    assert len(read_back(tmp_path / "out.mp4").ticks) == 1


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", (64, 48)) as sink:
        sink.write(grey(0), 0.0)
        sink.close()
    sink.discard()
    assert len(read_back(tmp_path / "out.mp4").ticks) == 1


def test_no_frame_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no frame came"), VideoSink(tmp_path / "out.mp4", (64, 48)):
        pass
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(b"whatever")
    (tmp_path / "folder.mp4").mkdir()
    cases = {
        "no/such/folder/out.mp4": "does not exist",
        "out.gif": r"use \.mp4, \.m4v, \.mov, \.mkv",
        "out": "without an extension",
        "folder.mp4": "is a folder",
        "in.mp4": "is the input itself",
    }
    for name, words in cases.items():
        with pytest.raises(OutputError, match=words) as caught:
            VideoSink(tmp_path / name, (64, 48), source=source)
        assert "\n" not in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder.mp4", "in.mp4"]
