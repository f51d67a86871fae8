"""Times are rebuilt from what can be trusted; oracle: the times that the frames were given when they were written."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from facetrack.capture import VideoFile
from facetrack.capture.timeline import Timeline, timestamp

MPEG = Fraction(1, 90_000)


def times(stamps: Sequence[int | None], time_base: Fraction = MPEG, rate: int = 25) -> list[float]:
    timeline = Timeline(time_base, Fraction(1, rate))
    return [timeline.seconds(pts) for pts in stamps]


def test_timeline_starts_at_zero_and_always_increases() -> None:
    timeline = Timeline(Fraction(1, 100), Fraction(1, 25))
    assert [timeline.tick(pts) for pts in (500, 504, 504, 503, 512)] == [0, 4, 6, 8, 12]


def test_timeline_fills_missing_timestamps_by_the_frame_rate() -> None:
    timeline = Timeline(Fraction(1, 100), Fraction(1, 25))
    assert [timeline.tick(pts) for pts in (None, None, None)] == [0, 4, 8]
    timeline.reset()
    assert [timeline.tick(pts) for pts in (100, None, 108)] == [0, 4, 8]


@pytest.mark.parametrize("back_s", [0.8, 1.2, 3600, 26.5 * 3600])
def test_a_clock_set_back_costs_no_frame_its_interval(back_s: float) -> None:
    stamps = [3600 * i + 10**9 for i in range(50)]
    stamps[25:] = [stamp - round(90_000 * back_s) for stamp in stamps[25:]]
    np.testing.assert_allclose(times(stamps), np.arange(50) / 25, atol=1e-9)


def test_a_wrapped_counter_goes_on() -> None:
    stamps = [(2**33 - 3600 * 3 + 3600 * i) % 2**33 for i in range(10)]  # MPEG-2 systems count in 33 bits
    np.testing.assert_allclose(times(stamps), np.arange(10) / 25, atol=1e-9)


def test_a_pause_is_kept_and_a_leap_of_years_is_not() -> None:
    hour, years = 90_000 * 3600, 90_000 * 86_400 * 365 * 40
    np.testing.assert_allclose(times([0, 3600, hour, hour + 3600]), [0, 0.04, 3600, 3600.04], atol=1e-9)
    np.testing.assert_allclose(times([0, 3600, years, years + 3600]), [0, 0.04, 0.08, 0.12], atol=1e-9)


def test_repeated_stamps_do_not_make_time_run_away() -> None:
    doubled = [2 * (i // 2) for i in range(100)]  # 50 frames a second, stamped in pairs
    found = times(doubled, Fraction(1, 50), rate=50)
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose(found, np.arange(100) / 50, atol=0.021)


def test_the_interval_after_a_change_of_clock_is_the_last_usual_one() -> None:
    """Frames come every .5 s, whatever the container's rate says; stamps that repeat change nothing about that."""
    half_s, back = 45_000, 90_000 * 3600
    np.testing.assert_allclose(times([back, back + half_s, back + 2 * half_s, 0]), [0, 0.5, 1.0, 1.5])
    np.testing.assert_allclose(times([back, back + half_s, back + half_s, 0]), [0, 0.5, 0.52, 1.02])


@pytest.mark.parametrize(("step_s", "after_s"), [(1, 1), (Fraction(90_001, 90_000), Fraction(1, 25))])
def test_a_second_is_the_longest_usual_interval(step_s: Fraction, after_s: Fraction) -> None:
    step, back = int(step_s * 90_000), 90_000 * 3600
    found = times([back, back + step, 0])
    assert found[2] - found[1] == pytest.approx(float(after_s), abs=1e-9)


def test_a_pause_of_a_day_is_the_longest() -> None:
    day = 90_000 * 86_400
    assert times([0, day])[1] == 86_400
    assert times([0, day + 1])[1] == pytest.approx(0.04)


def test_half_a_frame_back_is_noise_and_more_is_another_clock() -> None:
    timeline = Timeline(Fraction(1, 100), Fraction(1, 25))  # 4 ticks a frame
    assert [timeline.tick(pts) for pts in (500, 504, 502)] == [0, 4, 6]
    timeline.reset()
    assert [timeline.tick(pts) for pts in (500, 504, 501)] == [0, 4, 8]


def test_a_first_frame_without_a_stamp_is_at_zero() -> None:
    timeline = Timeline(Fraction(1, 100), Fraction(1, 25))
    assert [timeline.tick(pts) for pts in (None, 4, 8)] == [0, 4, 8]


def test_a_frame_shorter_than_a_tick_takes_one() -> None:
    timeline = Timeline(Fraction(1), Fraction(1, 25))
    assert [timeline.tick(pts) for pts in (None, None, None, 2, 9)] == [0, 1, 2, 3, 9]


@pytest.mark.parametrize(
    ("pts", "container", "expected"), [(5, "matroska", 5), (None, "matroska", 3), (5, "avi", 3), (None, "avi", 3)]
)
def test_presentation_times_count_where_they_are_stored(pts: int | None, container: str, expected: int) -> None:
    frame = SimpleNamespace(pts=pts, dts=3)
    assert timestamp(frame, container) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("time_base", [Fraction(1, 10**9), MPEG, Fraction(1), Fraction(10**9)])
def test_times_of_any_stamps_increase_and_stay_finite(time_base: Fraction) -> None:
    rng = np.random.default_rng(0)
    exponents = rng.integers(0, 63, 300)
    stamps = [int(sign) * 2 ** int(e) for sign, e in zip(rng.choice([-1, 1], 300), exponents, strict=True)]
    found = np.array(times([*stamps, -(2**63), 2**63 - 1, 2**63 - 1, None, -(2**63)], time_base))
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()


def write_h264(path: Path, count: int = 50) -> Path:
    """Write count frames with B frames, each of one grey that rises, so that the order can be read from the pixels."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        rng = np.random.default_rng(0)
        texture = rng.integers(0, 40, (64, 96, 1), dtype=np.uint8)
        for i in range(count):
            image = np.repeat(texture + np.uint8(4 * i), 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def test_h264_with_b_frames_in_avi_is_evenly_spaced(tmp_path: Path) -> None:
    with VideoFile(write_h264(tmp_path / "clip.avi")) as source:
        assert source.start_s == 0.0  # where a sound track would start too
        frames = list(source)
    assert (np.diff([frame.image.mean() for frame in frames]) > 0).all()
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(50) / 25, atol=1e-9)


@pytest.mark.parametrize("count", [20, 50])
def test_joined_transport_streams_are_evenly_spaced(tmp_path: Path, count: int) -> None:
    part = write_h264(tmp_path / "part.ts", count).read_bytes()
    (tmp_path / "joined.ts").write_bytes(part * 3)
    with VideoFile(tmp_path / "joined.ts") as source:
        found = [frame.time_s for frame in source]
    assert len(found) == 3 * count
    np.testing.assert_allclose(np.diff(found), 1 / 25, atol=1e-6)
