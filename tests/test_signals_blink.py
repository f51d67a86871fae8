"""The blink detector on openness series whose lids move by formulas: each closure's truth is known exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from facetrack.signals.blink import BlinkDetector
from facetrack.types import Event

Series = Callable[[float], tuple[float | None, float | None]]
RATES = (15, 30, 60, 120)


@dataclass(frozen=True)
class Lid:
    """A closure whose lids pass half of their way at start and start + duration: straight down, shut, straight up.

    Straight flanks of closing_s and opening_s: half of the way is passed in their middle. depth: of the way, 0..1.
    """

    start_s: float
    duration_s: float
    depth: float = 1.0
    closing_s: float = 0.07
    opening_s: float = 0.12

    def __call__(self, t: float) -> float:
        a, b = self.start_s, self.start_s + self.duration_s
        down, up = self.closing_s / 2, self.opening_s / 2
        flanks = ((t - a + down) / self.closing_s, (b + up - t) / self.opening_s, 1.0)
        return 1.0 - self.depth * max(0.0, min(flanks))


def both(*lids: Lid, level: float = 1.0) -> Series:
    def eyes(t: float) -> tuple[float, float]:
        x = level * min((lid(t) for lid in lids), default=1.0)
        return x, x

    return eyes


def times(fps: float, seconds: float, phase: float = 0.0) -> np.ndarray:
    return (np.arange(int(fps * seconds)) + phase) / fps


def watch(
    moments: Iterable[float],
    series: Series,
    *,
    noise: float = 0.0,
    seed: int = 0,
    detector: BlinkDetector | None = None,
) -> list[Event]:
    detector = detector or BlinkDetector(7)
    moments = [float(t) for t in moments]
    errors = noise * np.random.default_rng(seed).standard_normal((len(moments), 2))
    found: list[Event] = []
    for t, pair in zip(moments, errors.tolist(), strict=True):
        right, left = (None if x is None else min(1.0, max(0.0, x + e)) for x, e in zip(series(t), pair, strict=True))
        found += detector.update(t, right, left)
    return found


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.kind for event in events]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.7])
def test_every_blink_and_nothing_else_at_every_rate(fps: int, phase: float) -> None:
    truth = [Lid(1.0 + 1.37 * i, duration) for i, duration in enumerate(np.linspace(0.1, 0.4, 16))]
    found = watch(times(fps, 25, phase), both(*truth))
    assert kinds(found) == ["blink"] * len(truth)
    for event, lid in zip(found, truth, strict=True):
        assert event.end_s - event.start_s == pytest.approx(lid.duration_s, abs=1 / fps)
        assert event.start_s == pytest.approx(lid.start_s, abs=1 / fps)
        assert event.track_id == 7
        if fps >= 60:
            assert event.amplitude == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("fps", [60, 120])
def test_closing_speed_is_the_slope(fps: int) -> None:
    # Straight down by 1 in .1 s: 10 per second.
    (event,) = watch(times(fps, 3), both(Lid(1.5, 0.25, closing_s=0.1)))
    assert event.closing_speed_per_s == pytest.approx(10.0, rel=0.02)


@pytest.mark.parametrize("fps", [30, 60, 120])
def test_partial_blinks_count(fps: int) -> None:
    truth = [Lid(1.0 + i, duration, depth=0.7) for i, duration in enumerate((0.15, 0.2, 0.3))]
    found = watch(times(fps, 5), both(*truth))
    assert kinds(found) == ["blink"] * 3
    for event, lid in zip(found, truth, strict=True):
        assert event.end_s - event.start_s == pytest.approx(lid.duration_s, abs=1 / fps)
        assert event.amplitude == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize("fps", [30, 60, 120])
def test_double_blinks_five_frames_apart(fps: int) -> None:
    # Five frames of 30 per second, from half open to half shut.
    truth = [Lid(1.0, 0.12), Lid(1.12 + 5 / 30, 0.12)]
    found = watch(times(fps, 3), both(*truth))
    assert kinds(found) == ["blink", "blink"]
    for event, lid in zip(found, truth, strict=True):
        assert event.start_s == pytest.approx(lid.start_s, abs=1 / fps)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("noise", [0.02, 0.05, 0.08])
def test_noise_neither_hides_nor_makes_blinks(fps: int, noise: float) -> None:
    truth = [Lid(1.0 + 3 * i, 0.12 + 0.02 * i) for i in range(10)]
    found = watch(times(fps, 32), both(*truth), noise=noise)
    assert kinds(found) == ["blink"] * 10
    errors = [e.end_s - e.start_s - lid.duration_s for e, lid in zip(found, truth, strict=True)]
    assert np.abs(errors).mean() < 1 / fps + 0.01


@pytest.mark.parametrize(("left_depth", "lag_s"), [(0.6, 0.0), (1.0, 0.04), (0.5, 0.03)])
def test_uneven_lids_blink_and_do_not_wink(left_depth: float, lag_s: float) -> None:
    right, left = Lid(1.0, 0.2, depth=0.95), Lid(1.0 + lag_s, 0.2, depth=left_depth)
    found = watch(times(30, 3), lambda t: (right(t), left(t)))
    assert kinds(found) == ["blink"]
    assert found[0].amplitude == pytest.approx((0.95 + left_depth) / 2, abs=0.08)


@pytest.mark.parametrize("fps", RATES)
def test_a_wink_is_not_a_blink(fps: int) -> None:
    lid, other = Lid(1.0, 0.4), Lid(1.0, 0.4, depth=0.25)
    assert kinds(watch(times(fps, 3), lambda t: (lid(t), other(t)))) == ["wink_right"]
    assert kinds(watch(times(fps, 3), lambda t: (other(t), lid(t)))) == ["wink_left"]
    (wink,) = watch(times(fps, 3), lambda t: (lid(t), other(t)))
    assert wink.end_s - wink.start_s == pytest.approx(0.4, abs=1 / fps)


def test_an_eye_that_stays_shut_does_not_hide_the_other() -> None:
    # A patch, shut from 1 s on; the other eye blinks at 8 and 10 s, and the patch comes off at 14.
    patch, blinks = Lid(1.0, 13.0), both(Lid(8.0, 0.2), Lid(10.0, 0.2))
    found = watch(times(30, 18), lambda t: (patch(t), blinks(t)[1]))
    assert kinds(found) == ["blink", "blink"]
    assert [event.start_s for event in found] == pytest.approx([8.0, 10.0], abs=1 / 30)


def test_one_eye_out_of_sight_leaves_the_other() -> None:
    lid = Lid(1.0, 0.2)
    assert kinds(watch(times(30, 3), lambda t: (lid(t), None))) == ["blink"]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(
    ("duration_s", "kind"), [(0.45, "blink"), (0.7, "long_closure"), (1.3, "microsleep"), (40.0, "microsleep")]
)
def test_long_closures_have_their_names(fps: int, duration_s: float, kind: str) -> None:
    found = watch(times(fps, duration_s + 3), both(Lid(1.0, duration_s)))
    assert kinds(found) == [kind]
    assert found[0].end_s - found[0].start_s == pytest.approx(duration_s, abs=1 / fps)


def test_slowly_drooping_lids_are_a_microsleep_but_no_blink() -> None:
    found = watch(times(30, 6), both(Lid(2.0, 2.0, closing_s=1.2, opening_s=0.3)))
    assert kinds(found) == ["microsleep"]
    assert found[0].end_s - found[0].start_s == pytest.approx(2.0, abs=1 / 30)


def test_closed_time_is_told_while_it_runs() -> None:
    detector = BlinkDetector(1)
    told = {}
    lid = Lid(1.0, 2.0, closing_s=0.04, opening_s=0.04)
    for i in range(150):
        detector.update(i / 30, lid(i / 30), lid(i / 30))
        told[i] = detector.closed_s
    assert told[20] == 0.0
    assert told[75] == pytest.approx(1.5, abs=1.5 / 30)  # 2.5 s less 1.0 s
    assert told[120] == 0.0
    detector.update(10.0, None, None)
    assert detector.closed_s is None


def ramp(down_s: float, hold_s: float, up_s: float, floor: float, every_s: float = 9.0) -> Series:
    """Down, held and up again, every some seconds."""

    def eyes(t: float) -> tuple[float, float]:
        u = (t - 1.0) % every_s if t >= 1.0 else -1.0
        x = max(0.0, min(u / down_s, (down_s + hold_s + up_s - u) / up_s, 1.0))
        return 1.0 - (1.0 - floor) * x, 1.0 - (1.0 - floor) * x

    return eyes


@pytest.mark.parametrize("fps", [15, 60])
@pytest.mark.parametrize(
    "series",
    [
        lambda t: (0.8 + 0.2 * np.cos(0.9 * t),) * 2,  # drifts between 1 and .6
        lambda t: (0.6 + 0.4 * np.exp(-t / 10),) * 2,  # to .6 for good
        ramp(0.15, 3.0, 0.2, 0.6),  # squints
        ramp(0.15, 3.0, 0.2, 0.4),
        ramp(1.0, 0.0, 1.0, 0.3),  # looks down and up again
        ramp(1.0, 2.0, 1.0, 0.3),
        ramp(1.0, 1.0, 0.2, 0.25),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.04])
def test_what_is_no_blink(fps: int, series: Series, noise: float) -> None:
    assert watch(times(fps, 60), series, noise=noise, seed=fps) == []


def test_lids_that_sink_to_shut_and_rise_are_closed_but_do_not_blink() -> None:
    # Down in 2 s, up in 2 s: under .2 for .8 s.
    assert kinds(watch(times(30, 9), ramp(2.0, 0.0, 2.0, 0.0))) == ["long_closure"]


def test_a_blink_of_squinting_eyes_counts() -> None:
    blink = Lid(5.0, 0.2)
    assert kinds(watch(times(30, 8), lambda t: (0.5 * blink(t),) * 2)) == ["blink"]
    narrowed = Lid(3.0, 9.0, depth=0.4)  # .6 open, from shortly before
    soon = Lid(3.3, 0.2)
    assert kinds(watch(times(30, 8), lambda t: (narrowed(t) * soon(t),) * 2)) == ["blink"]


def test_one_wrong_frame_is_no_blink() -> None:
    for fps in (30, 60, 120):
        assert watch(times(fps, 10), lambda t, fps=fps: (0.0 if round(t * fps) == 3 * fps else 1.0,) * 2) == []


def test_a_face_lost_in_mid_blink_gives_no_blink() -> None:
    lid = Lid(1.0, 0.3)
    for unseen in (lambda t: 1.1 < t < 1.2, lambda t: 0.97 < t < 1.05, lambda t: 1.2 < t < 2.0):
        hidden = watch(times(30, 4), lambda t, u=unseen: (None, None) if u(t) else (lid(t), lid(t)))
        assert hidden == []
    # Not seen at all for .4 s: no updates.
    gap = [t for t in times(30, 4) if not 1.1 < t < 1.5]
    assert watch(gap, both(lid)) == []
    assert watch(gap, both(Lid(1.0, 0.8))) == []


def test_eyes_that_were_closed_at_first_sight_are_no_event() -> None:
    assert watch(times(30, 4), both(Lid(-1.0, 1.2))) == []
    detector = BlinkDetector(1)
    watch(times(30, 1), lambda t: (0.0, 0.0), detector=detector)
    assert detector.closed_s == pytest.approx(29 / 30)


def test_dropped_frames_up_to_a_quarter_second_do_no_harm() -> None:
    rng = np.random.default_rng(3)
    truth = [Lid(2.0 * i + 1, 0.25) for i in range(20)]
    moments = np.cumsum(rng.uniform(1 / 120, 1 / 12, 1500))
    found = watch(moments, both(*truth))
    assert kinds(found) == ["blink"] * sum(lid.start_s + 1 < moments[-1] for lid in truth)
    for event, lid in zip(found, truth, strict=False):
        assert event.end_s - event.start_s == pytest.approx(lid.duration_s, abs=1 / 12)


def test_reset_equals_fresh() -> None:
    used = BlinkDetector(7)
    watch(times(30, 9), ramp(0.1, 5, 0.1, 0.35), detector=used)
    watch(times(30, 7) + 20, lambda t: (0.0, 0.5), detector=used)
    used.reset()
    series = both(Lid(0.3, 0.2), Lid(1.0, 0.7))
    assert watch(times(30, 3), series, detector=used) == watch(times(30, 3), series)


def test_rates_agree() -> None:
    series = both(*[Lid(1.0 + 1.5 * i, 0.3) for i in range(8)], Lid(14.0, 0.8), Lid(17.0, 1.6))
    assert kinds(watch(times(15, 20), series)) == kinds(watch(times(30, 20), series)) == kinds(
        watch(times(120, 20), series)
    )  # fmt: skip
