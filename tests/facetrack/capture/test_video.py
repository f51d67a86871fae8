"""Video files are read whole, upright and with the right timestamps; oracle: files that the test writes with PyAV."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facetrack.capture import VideoFile, open_source, open_video
from facetrack.errors import SourceError
from facetrack.types import Frame

SIZE = (96, 64)
RED, GREEN, BLUE, GREY = (40, 40, 220), (40, 200, 40), (220, 60, 40), (128, 128, 128)


def quadrants(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return an image: top left red, top right green, bottom left blue, bottom right grey."""
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, GREY
    return image


def write_video(
    path: Path,
    ticks: Sequence[int] = range(10),
    time_base: Fraction = Fraction(1, 25),
    *,
    rotation: int | None = None,
    hflip: bool = False,
    size: tuple[int, int] = SIZE,
    noise: bool = False,
    options: dict[str, str] | None = None,
    codec: str = "libx264",
) -> Path:
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25, options={"preset": "ultrafast"} if codec == "libx264" else {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = time_base
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=hflip)
        for tick in ticks:
            image = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8) if noise else quadrants(size)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = tick, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    target = path.with_name("cut" + path.suffix)
    target.write_bytes(data[: int(len(data) * share)])
    return target


def read_until_error(source: Iterable[Frame]) -> tuple[int, str]:
    """Return the number of frames read, and the message of the SourceError after them."""
    count = 0
    try:
        for _ in source:
            count += 1
    except SourceError as error:
        return count, str(error)
    pytest.fail("no SourceError")


def corners(image: np.ndarray) -> list[str]:
    """Return the quadrants' colours: top left, top right, bottom left, bottom right."""
    names = {"red": RED, "green": GREEN, "blue": BLUE, "grey": GREY}
    height, width = image.shape[:2]
    picks = [image[y, x].astype(int) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return [min(names, key=lambda name: np.abs(pick - names[name]).sum()) for pick in picks]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".avi"])
def test_every_frame_comes_in_order(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"clip{suffix}", codec="mpeg4" if suffix == ".avi" else "libx264")
    with open_video(path) as source:
        assert (source.size, source.live, source.has_audio) == (SIZE, False, False)
        assert source.fps == pytest.approx(25)
        assert source.n_frames == pytest.approx(10, abs=1)
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(10))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(10) / 25, atol=1e-9)
    assert frames[3].image.shape == (64, 96, 3)
    assert frames[3].image.dtype == np.uint8
    assert frames[3].image.flags["C_CONTIGUOUS"]
    assert corners(frames[3].image) == ["red", "green", "blue", "grey"]


def test_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    ticks = [0, 3000, 3600, 9000, 9001, 20000]
    path = write_video(tmp_path / "vfr.mp4", ticks, Fraction(1, 90000))
    with VideoFile(path) as source:
        assert source.time_base == Fraction(1, 90000)
        assert [round(frame.time_s * 90000, 6) for frame in source] == ticks


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "late.mkv", range(50, 60))
    with VideoFile(path) as source:
        assert source.start_s == pytest.approx(2.0)
        assert [frame.time_s for frame in source] == pytest.approx(np.arange(10) / 25)


@pytest.mark.parametrize(
    ("degrees", "hflip", "expected"),
    [  # FFmpeg's rotation is counter-clockwise; hflip mirrors afterwards
        (0, False, ["red", "green", "blue", "grey"]),
        (90, False, ["green", "grey", "red", "blue"]),
        (180, False, ["grey", "blue", "green", "red"]),
        (270, False, ["blue", "red", "grey", "green"]),
        (0, True, ["green", "red", "grey", "blue"]),
        (90, True, ["grey", "green", "blue", "red"]),
    ],
)
def test_display_rotation_is_obeyed(tmp_path: Path, degrees: int, hflip: bool, expected: list[str]) -> None:
    path = write_video(tmp_path / "turned.mp4", range(2), rotation=degrees, hflip=hflip)
    with open_video(path) as source:
        frame = next(iter(source))
    assert corners(frame.image) == expected
    assert source.size == (SIZE if degrees % 180 == 0 else SIZE[::-1])
    assert frame.image.shape[1::-1] == source.size


def test_bt709_colours_come_out_true(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "hd.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.colorspace = 1
        # Pure green in limited-range BT.709: Y 173, Cb 42, Cr 26 (ITU-R BT.709-6, item 3.4)
        planes = np.concatenate([np.full((64, 64), 173), np.full((16, 64), 42), np.full((16, 64), 26)]).astype(np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    with open_video(tmp_path / "hd.mp4") as source:
        image = next(iter(source)).image
    np.testing.assert_allclose(image[32, 32].astype(int), (0, 255, 0), atol=4)


def test_a_file_cut_after_its_header_fails_after_the_readable_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", range(50), noise=True, options={"movflags": "+faststart"})
    source = open_video(cut(path, 0.6))
    n_read, message = read_until_error(source)
    assert f"cut short or damaged: {n_read} frames of about 50 could be read" in message
    assert 20 <= n_read <= 31
    assert "\n" not in message


def test_the_frames_before_a_cut_are_delivered(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "clip.mkv", range(50), noise=True), 0.6)
    n_read, message = read_until_error(open_video(path))
    assert 25 <= n_read <= 31
    assert f"cut short or damaged: {n_read} frames" in message


def test_a_cut_file_without_index_cannot_be_opened(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "clip.mp4", range(50), noise=True), 0.5)
    with pytest.raises(SourceError, match="cut short"):
        open_video(path)


def test_files_that_are_no_video_are_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("this is a text file\n" * 50)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "subtitles.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    (tmp_path / "folder").mkdir()
    for name, words in {
        "text.mp4": "a text file",
        "empty.mp4": "an empty file",
        "subtitles.srt": "no video",
        "missing.mp4": "does not exist",
        "folder": "no images",
    }.items():
        with pytest.raises(SourceError, match=words) as caught:
            open_source(tmp_path / name)
        message = str(caught.value)
        assert name in message
        assert "\n" not in message
        assert message.endswith(".")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(SourceError, match="holds audio but no video"):
        open_video(tmp_path / "song.m4a")


def test_a_stream_address_is_no_file() -> None:
    with pytest.raises(SourceError, match=r"rtsp://host/path .*facetrack live"):
        open_video("rtsp://host/path")


def test_a_name_is_not_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, count in {"2026-11-28T12:36:48.mp4": 3, "file:x.mp4": 4, "x.mp4": 5, "concat:x.mp4|x.mp4": 6}.items():
        write_video(tmp_path / "part.mp4", range(count)).rename(tmp_path / name)
    for name, count in {"2026-11-28T12:36:48.mp4": 3, "file:x.mp4": 4, "x.mp4": 5, "concat:x.mp4|x.mp4": 6}.items():
        with open_source(name) as source:
            assert sum(1 for _ in source) == count


def test_an_address_that_became_a_path_is_named_as_it_was_typed() -> None:
    with pytest.raises(SourceError, match=r"^http://host/clip\.mp4 is no file but .*facetrack live"):
        open_video(Path("http://host/clip.mp4"))


def test_a_codec_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC"))
    with pytest.raises(SourceError, match=r"codec that this PyAV cannot decode"):
        VideoFile(path)


def test_reading_after_close_is_an_error_and_after_the_end_one_sentence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4")
    source = VideoFile(path)
    next(iter(source))
    source.close()
    source.close()
    for _ in range(2):
        with pytest.raises(SourceError, match="was closed before its end; open it again"):
            next(iter(source))
    with VideoFile(path) as source:
        assert len(list(source)) == 10
        with pytest.raises(SourceError, match="has been read to its end; open it again"):
            list(source)
    assert next(source, None) is None


def test_closing_while_another_thread_reads_is_safe(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", range(200), size=(640, 480))
    for delay_s in (0.0, 0.002, 0.01, 0.03):
        source = VideoFile(path)
        timer = threading.Timer(delay_s, source.close)
        timer.start()
        with suppress(SourceError):
            for _ in source:
                pass
        timer.join()


def test_frames_and_decoder_threads_go_without_the_garbage_collector(tmp_path: Path) -> None:
    path = write_video(tmp_path / "turned.mp4", range(20), rotation=90)
    gc.collect()
    gc.disable()
    try:
        threads = native_threads()
        for until in (20, 5, 0):
            with VideoFile(path) as source:
                for frame in source:
                    if frame.index == until:
                        break
            del source
            assert native_threads() == threads
            assert not [item for item in gc.get_objects() if isinstance(item, av.VideoFrame)]
    finally:
        gc.enable()


def native_threads() -> int:
    """Return the number of this process's threads, those of FFmpeg included; 0 where the system does not tell."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 0
