"""The blink detector on openness series whose lids move by formulas: each closure's truth is known exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from facetrack.signals.eyes.blink import BlinkDetector, BlinkOptions
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
        found += [event for event in detector.update(t, right, left) if event.is_over]
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
    # Of the more open eye: so far were both closed.
    assert found[0].amplitude == pytest.approx(min(0.95, left_depth), abs=0.08)


@pytest.mark.parametrize("fps", RATES)
def test_a_wink_is_not_a_blink(fps: int) -> None:
    lid, other = Lid(1.0, 0.4), Lid(1.0, 0.4, depth=0.25)
    assert kinds(watch(times(fps, 3), lambda t: (lid(t), other(t)))) == ["wink_right"]
    assert kinds(watch(times(fps, 3), lambda t: (other(t), lid(t)))) == ["wink_left"]
    (wink,) = watch(times(fps, 3), lambda t: (lid(t), other(t)))
    assert wink.end_s - wink.start_s == pytest.approx(0.4, abs=1 / fps)


def watch_points(
    fps: float, seconds: float, series: Series, widths: Callable[[float], tuple[float | None, float | None]]
) -> list[Event]:
    """As `watch`, with what the points say of the eyes beside it."""
    detector = BlinkDetector(7)
    found = (e for t in times(fps, seconds) for e in detector.update(float(t), *series(float(t)), widths(float(t))))
    return [event for event in found if event.is_over]


@pytest.mark.parametrize("fps", RATES)
def test_an_eye_whose_lids_come_down_too_does_not_stay_open_in_a_wink(fps: int) -> None:
    # The network goes on calling the right eye open; by the points both fall from 1.1 to .6 of the open eye's ratio.
    lid = Lid(1.0, 0.2)
    misread = lambda t: (0.9 + 0.1 * lid(t), lid(t))  # noqa: E731
    (blink,) = watch_points(fps, 3, misread, lambda t: (0.6 + 0.5 * lid(t),) * 2)
    assert blink.kind == "blink"
    assert blink.end_s - blink.start_s == pytest.approx(0.2, abs=1 / fps)
    # The other eye squeezes along by a fifth of that: a wink.
    squeezed = watch_points(fps, 3, misread, lambda t: (1.0 + 0.1 * lid(t), 0.6 + 0.5 * lid(t)))
    assert kinds(squeezed) == ["wink_left"]
    # Where the points tell nothing there is no evidence for either; nor where no lid moves by them.
    assert watch_points(fps, 3, misread, lambda t: (None, None)) == []
    assert watch_points(fps, 3, misread, lambda t: (1.0, 1.0)) == []


@pytest.mark.parametrize("fps", RATES)
def test_lids_half_down_by_the_reading_alone_are_no_blink(fps: int) -> None:
    lid = Lid(1.0, 0.2, depth=0.6)
    series = both(lid)
    assert watch_points(fps, 3, series, lambda t: (0.6, 0.55)) == []
    assert kinds(watch_points(fps, 3, series, lambda t: (0.4 + 0.6 * lid(t), 0.55))) == ["blink"]
    # All the way down needs no such witness: a squint's points have nowhere left to go.
    assert kinds(watch_points(fps, 3, both(Lid(1.0, 0.2)), lambda t: (0.6, 0.55))) == ["blink"]


@pytest.mark.parametrize("fps", [30, 60, 120])
def test_a_blink_inside_a_wink_and_one_right_after_it_are_told(fps: int) -> None:
    # Right shut from 1.0 to 1.7 s, the left for .14 s of it; then both shut from 1.8 to 2.0 s, after which the left
    # opens and the right stays half closed for a second.
    wink, inside, after, squint = Lid(1.0, 0.7), Lid(1.45, 0.14), Lid(1.8, 0.2), Lid(1.8, 1.2, depth=0.7)
    found = watch(times(fps, 6), lambda t: (min(wink(t), after(t), squint(t)), min(inside(t), after(t))))
    assert sorted(kinds(found)) == ["blink", "blink", "wink_right"]
    for event, lid in zip(sorted(found, key=lambda e: e.start_s), (wink, inside, after), strict=True):
        assert event.start_s == pytest.approx(lid.start_s, abs=1 / fps)
        assert event.end_s == pytest.approx(lid.start_s + lid.duration_s, abs=1 / fps)


@pytest.mark.parametrize("fps", RATES)
def test_a_closure_begins_where_the_more_open_eye_closes(fps: int) -> None:
    # A squint: the right eye down to .1 at 1 s, the left to .7; both shut from 3 to 4.4 s.
    right, left, shut = Lid(1.0, 5.0, depth=0.9), Lid(1.0, 5.0, depth=0.3), Lid(3.0, 1.4)
    found = watch(times(fps, 8), lambda t: (right(t) * shut(t), left(t) * shut(t)))
    long, slept = [event for event in found if not event.kind.startswith("wink")]
    assert kinds([long, slept]) == ["long_closure", "microsleep"]
    assert slept.start_s == pytest.approx(3.0, abs=1 / fps)
    assert slept.end_s == pytest.approx(4.4, abs=1 / fps)
    # Two of .8 s with .3 s of open eyes between are two.
    pair = watch(times(fps, 5), both(Lid(1.0, 0.8), Lid(2.1, 0.8)))
    assert kinds(pair) == ["long_closure"] * 2


def test_an_eye_that_stays_shut_does_not_hide_the_other() -> None:
    # A patch, shut from 1 s on; the other eye blinks at 8 and 10 s, and the patch comes off at 14.
    patch, blinks = Lid(1.0, 13.0), both(Lid(8.0, 0.2), Lid(10.0, 0.2))
    found = watch(times(30, 18), lambda t: (patch(t), blinks(t)[1]))
    assert kinds(found) == ["blink", "blink"]
    assert [event.start_s for event in found] == pytest.approx([8.0, 10.0], abs=1 / 30)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(
    ("duration_s", "named"),
    [
        (0.45, ["blink"]),
        (0.7, ["long_closure"]),
        (1.3, ["long_closure", "microsleep"]),
        (40.0, ["long_closure", "microsleep"]),
    ],
)
def test_long_closures_have_their_names(fps: int, duration_s: float, named: list[str]) -> None:
    found = watch(times(fps, duration_s + 3), both(Lid(1.0, duration_s)))
    assert kinds(found) == named
    assert found[0].end_s - found[0].start_s == pytest.approx(duration_s, abs=1 / fps)


def test_slowly_drooping_lids_are_a_microsleep_but_no_blink() -> None:
    found = watch(times(30, 6), both(Lid(2.0, 2.0, closing_s=1.2, opening_s=0.3)))
    assert kinds(found) == ["long_closure", "microsleep"]
    assert found[0].end_s - found[0].start_s == pytest.approx(2.0, abs=1 / 30)


def test_closed_time_is_told_while_it_runs() -> None:
    detector = BlinkDetector(1)
    estimated = {}
    lid = Lid(1.0, 2.0, closing_s=0.04, opening_s=0.04)
    for i in range(150):
        detector.update(i / 30, lid(i / 30), lid(i / 30))
        estimated[i] = detector.closed_s
    assert estimated[20] == 0.0
    assert estimated[75] == pytest.approx(1.5, abs=1.5 / 30)  # 2.5 s less 1.0 s
    assert estimated[120] == 0.0
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


@pytest.mark.parametrize(
    ("lid", "named"),
    [
        (Lid(2.0, 0.055, closing_s=0.02, opening_s=0.02), ["blink"]),  # min_s: .045
        (Lid(2.0, 0.035, closing_s=0.02, opening_s=0.02), []),
        (Lid(2.0, 0.45, closing_s=0.4, opening_s=0.1), ["blink"]),  # max_closing_s: .15 for 30 % of the way
        (Lid(2.0, 0.45, closing_s=0.6, opening_s=0.1), []),
        (Lid(2.0, 0.6), ["long_closure"]),  # long_s: .5
        (Lid(2.0, 1.1), ["long_closure", "microsleep"]),  # microsleep_s: 1
    ],
)
def test_each_limit_of_a_closure_in_time(lid: Lid, named: list[str]) -> None:
    assert kinds(watch(times(120, 5), both(lid))) == named


@pytest.mark.parametrize(("level", "named"), [(0.45, ["blink"]), (0.33, [])])
def test_eyes_that_are_nearly_shut_have_no_amplitude_left_for_a_blink(level: float, named: list[str]) -> None:
    """They close by .36 and .26 of openness: min_amplitude is .3."""
    assert kinds(watch(times(60, 12), both(Lid(10.0, 0.2, depth=0.8), level=level))) == named


@pytest.mark.parametrize(("seconds", "named"), [(2.8, ["wink_right"]), (3.4, [])])
def test_an_eye_that_is_shut_for_over_three_seconds_does_not_wink(seconds: float, named: list[str]) -> None:
    lid = Lid(2.0, seconds)
    assert kinds(watch(times(60, 9), lambda t: (lid(t), 1.0))) == named


@pytest.mark.parametrize(("share", "named"), [(0.55, ["wink_left"]), (0.8, ["blink"])])
def test_the_other_eye_may_squeeze_along_by_two_thirds(share: float, named: list[str]) -> None:
    lid = Lid(2.0, 0.2)
    widths = lambda t: (1.1 - 0.5 * share * (1 - lid(t)), 1.1 - 0.5 * (1 - lid(t)))  # noqa: E731
    assert kinds(watch_points(60, 4, lambda t: (0.9 + 0.1 * lid(t), lid(t)), widths)) == named


@pytest.mark.parametrize(("fall", "named"), [(0.13, ["wink_left"]), (0.08, [])])
def test_lids_that_come_down_are_seen_in_the_points_from_a_tenth_on(fall: float, named: list[str]) -> None:
    lid = Lid(2.0, 0.2)
    assert kinds(watch_points(60, 4, lambda t: (1.0, lid(t)), lambda t: (1.0, 1.0 - fall * (1 - lid(t))))) == named


def test_what_a_long_closure_tells_when_the_eyes_are_lost() -> None:
    """Both end at the last moment at which the eyes were known, once each."""
    detector, lid, found = BlinkDetector(3), Lid(1.0, 9.0), []
    for i in range(90):
        eye = lid(i / 30) if i < 75 else None
        found += detector.update(i / 30, eye, eye)
    assert [(event.kind, event.phase) for event in found] == [
        ("long_closure", "began"), ("microsleep", "began"), ("long_closure", "ended"), ("microsleep", "ended"),
    ]  # fmt: skip
    assert [event.end_s for event in found[2:]] == pytest.approx([74 / 30] * 2)
    assert found[0].since_s == pytest.approx(1.5, abs=1 / 30)
    assert found[1].since_s == pytest.approx(2.02, abs=2 / 30)  # deeply closed .02 s after half of the way


@pytest.mark.parametrize(("left_floor", "named"), [(0.55, []), (0.45, ["blink"])])
def test_one_eye_under_half_and_the_other_under_three_fifths_are_closed(left_floor: float, named: list[str]) -> None:
    """closed_below .5, both_below .6: lids to .55 both are narrowed; one under half of its level makes it a blink."""
    left, right = Lid(2.0, 0.2, depth=1.0 - left_floor), Lid(2.0, 0.2, depth=0.45)
    widths = lambda t: (0.4 + 0.6 * right(t), 0.4 + 0.6 * left(t))  # noqa: E731
    assert kinds(watch_points(120, 4, lambda t: (right(t), left(t)), widths)) == named


@pytest.mark.parametrize(("right_floor", "named"), [(0.55, ["blink"]), (0.68, ["wink_left"])])
def test_the_more_open_eye_blinks_along_under_three_fifths(right_floor: float, named: list[str]) -> None:
    right, left = Lid(2.0, 0.2, depth=1.0 - right_floor), Lid(2.0, 0.2)
    widths = lambda t: (0.9 + 0.1 * right(t), 0.4 + 0.6 * left(t))  # noqa: E731
    assert kinds(watch_points(120, 4, lambda t: (right(t), left(t)), widths)) == named


@pytest.mark.parametrize(("lag_s", "named"), [(0.06, []), (0.12, ["wink_right"])])
def test_an_eye_is_alone_where_the_other_closes_over_a_tenth_of_a_second_later(lag_s: float, named: list[str]) -> None:
    """together_s: right shut for .8 s; the left closes after lag_s for .2 s, which is a blink of both."""
    right, left = Lid(2.0, 0.8, closing_s=0.02), Lid(2.0 + lag_s, 0.2, closing_s=0.02)
    found = kinds(watch(times(120, 5), lambda t: (right(t), left(t))))
    assert [kind for kind in found if kind != "blink"] == named
    assert "blink" in found


@pytest.mark.parametrize(("ago_s", "named"), [(0.42, ["wink_left"]), (0.62, [])])
def test_what_the_points_fell_from_is_the_last_half_second(ago_s: float, named: list[str]) -> None:
    """before_s: widths of 1.0 until ago_s before the closure and .76 since, then .75 in it: a fall of 1 % or of 25 %.

    The upper quartile counts, so the higher width must fill a quarter of the .4 s that are looked at.
    """
    left, start_s = Lid(2.0, 0.2, closing_s=0.02), 2.0
    width = lambda t: 1.0 if t < start_s - ago_s + 0.13 else 0.76 if t < start_s - 0.05 else 0.75  # noqa: E731
    assert kinds(watch_points(120, 4, lambda t: (1.0, left(t)), lambda t: (1.0, width(t)))) == named


def test_a_reset_in_a_microsleep_equals_fresh() -> None:
    """What lasted is forgotten without an end, and the next closure begins anew."""
    used, fresh, shut = BlinkDetector(7), BlinkDetector(7), Lid(1.0, 9.0)
    assert fresh.closed_s is None
    for i in range(90):
        used.update(i / 30, shut(i / 30), shut(i / 30))
    used.reset()
    assert used.closed_s is None
    series = both(Lid(0.3, 0.2), Lid(1.0, 1.5))
    for t in times(30, 4).tolist():
        assert used.update(t, *series(t)) == fresh.update(t, *series(t))


def test_frames_are_kept_no_longer_than_a_wink_and_the_levels_before_and_after_it() -> None:
    detector = BlinkDetector(7)
    watch(times(30, 60), both(), detector=detector)
    assert len(detector._seen) <= 30 * (3.0 + 2 * 1.5) + 1  # wink_s, level_s twice


def course(*corners: tuple[float, float]) -> Callable[[float], float]:
    """Return an openness that goes straight from corner to corner, each (time_s, openness)."""
    return lambda t: float(np.interp(t, *zip(*corners, strict=True)))


def reported(fps: float, seconds: float, series: Series, widths: Series | None = None) -> list[tuple[float, str, str]]:
    """Return (time_s, kind, phase) of what each frame reported."""
    detector, found = BlinkDetector(7), []
    for t in times(fps, seconds).tolist():
        events = detector.update(t, *series(t), None if widths is None else widths(t))
        found += [(t, event.kind, event.phase) for event in events]
    return found


def swapped(series: Series) -> Series:
    """Return the series with the eyes exchanged."""
    return lambda t: series(t)[::-1]


def test_either_eye_alone_in_sight_blinks() -> None:
    lid = Lid(1.0, 0.2)
    one: Series = lambda t: (lid(t), None)  # noqa: E731
    assert kinds(watch(times(30, 3), one)) == kinds(watch(times(30, 3), swapped(one))) == ["blink"]


@pytest.mark.parametrize("order", [lambda series: series, swapped])
def test_an_eye_that_comes_back_into_sight_counts_again(order: Callable[[Series], Series]) -> None:
    """The other is shut for .8 s: with this one open that is no closure of both."""
    lid = Lid(3.0, 0.8)
    series: Series = lambda t: (None if 1.0 < t < 1.5 else 1.0, lid(t))  # noqa: E731
    found = kinds(watch(times(30, 5), order(series)))
    assert not {"blink", "long_closure"} & set(found)
    assert len(found) == 1  # the wink


@pytest.mark.parametrize("order", [lambda series: series, swapped])
def test_an_eye_that_comes_into_sight_does_not_open_the_other(order: Callable[[Series], Series]) -> None:
    lid = Lid(2.0, 0.9)
    series: Series = lambda t: (None if t < 2.4 else 1.0, lid(t))  # noqa: E731
    (event,) = watch(times(30, 4), order(series))
    assert event.kind == "long_closure"
    assert event.end_s - event.start_s == pytest.approx(0.9, abs=1 / 30)


@pytest.mark.parametrize("order", [lambda series: series, swapped])
def test_a_closure_ends_where_its_eye_is_lost_whatever_the_other_does(order: Callable[[Series], Series]) -> None:
    """The right eye closes alone in sight; then it is lost, and the left is there, open, and blinks later."""
    lid, later = Lid(2.0, 3.0), Lid(4.0, 0.2)
    series: Series = lambda t: (lid(t) if t < 3.0 else None, None if t < 3.0 else later(t))  # noqa: E731
    found = watch(times(30, 6), order(series))
    assert kinds(found) == ["long_closure", "blink"]
    assert found[0].end_s == pytest.approx(3.0, abs=1.5 / 30)
    assert found[1].start_s == pytest.approx(4.0, abs=1 / 30)
    short = Lid(2.8, 3.0)  # lost before it is long: nothing
    lost: Series = lambda t: (short(t) if t < 3.0 else None, None if t < 3.0 else later(t))  # noqa: E731
    detector = BlinkDetector(7)
    assert kinds(watch(times(30, 3.2), order(lost), detector=detector)) == []
    assert detector.closed_s == 0.0


def test_after_a_reset_the_level_of_the_one_before_is_forgotten() -> None:
    """Eyes narrowed to .4 before; the blink comes before a new level could be learnt."""
    used, soon = BlinkDetector(7), both(Lid(0.14, 0.15))
    watch(times(30, 9), both(level=0.4), detector=used)
    used.reset()
    (event,) = watch(times(30, 2), soon, detector=used)
    assert event.amplitude == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("width", "named"), [(0.48, ["blink"]), (0.93, [])])
def test_what_the_points_fell_from_is_the_open_eye_where_nothing_else_was_seen(width: float, named: list[str]) -> None:
    """Ratios of .5 before a lost frame do not count, nor those of the last tenth of a second before the closure.

    Lids to .4 by the reading: a blink if the points fell by a tenth of the person's open eye, 1.
    """
    lid = Lid(2.0, 0.2, depth=0.6, closing_s=0.02)
    lost = lambda t: 1.89 < t < 1.91  # noqa: E731
    series: Series = lambda t: (None, None) if lost(t) else (lid(t), lid(t))  # noqa: E731
    widths: Series = lambda t: (width, width) if t > 1.98 else (0.5, 0.5)  # noqa: E731
    assert [kind for _, kind, _ in reported(60, 4, series, widths)] == named


def test_a_long_closure_is_reported_while_the_eyes_are_deeply_closed_or_when_it_is_over() -> None:
    """Deeply closed for .4 s, then lids at .35 for .3 s: at .5 s the eyes are not, so nothing is said until the end."""
    lid = course((1.0, 1.0), (1.04, 0.0), (1.44, 0.0), (1.46, 0.35), (1.76, 0.35), (1.8, 1.0))
    found = reported(120, 3, lambda t: (lid(t), lid(t)))
    assert [(kind, phase) for _, kind, phase in found] == [("long_closure", "began"), ("long_closure", "ended")]
    assert found[0][0] == found[1][0] == pytest.approx(1.79, abs=0.02)


def test_lids_at_exactly_a_fifth_are_deeply_closed() -> None:
    lid = course((1.0, 1.0), (1.04, 0.2), (1.84, 0.2), (1.9, 1.0))
    found = reported(120, 3, lambda t: (lid(t), lid(t)))
    assert [(kind, phase) for _, kind, phase in found] == [("long_closure", "began"), ("long_closure", "ended")]
    assert found[0][0] == pytest.approx(1.53, abs=0.02)


def test_what_began_ends_even_if_the_eyes_were_less_than_half_of_it_deeply_closed() -> None:
    """Deep for .52 s, so that it begins; then nearly as long at .3, and open again slowly."""
    lid = course((1.0, 1.0), (1.04, 0.0), (1.56, 0.0), (1.57, 0.3), (2.02, 0.3), (2.3, 0.6), (2.35, 1.0))
    found = reported(120, 4, lambda t: (lid(t), lid(t)))
    assert [(kind, phase) for _, kind, phase in found] == [("long_closure", "began"), ("long_closure", "ended")]


@pytest.mark.parametrize(
    ("deep_s", "half_s", "named"),
    [(0.38, 0.3, ["long_closure"]), (0.28, 0.4, []), (0.75, 0.45, ["long_closure"]), (1.1, 0.1, None)],
)
def test_half_of_a_long_closure_and_a_second_of_a_microsleep_are_deep(
    deep_s: float, half_s: float, named: list[str] | None
) -> None:
    down = 1.04 + deep_s
    lid = course(
        (1.0, 1.0), (1.04, 0.0), (down, 0.0), (down + 0.01, 0.35), (down + half_s, 0.35), (down + half_s + 0.03, 1.0)
    )
    found = kinds(watch(times(120, 4), lambda t: (lid(t), lid(t))))
    assert found == (["long_closure", "microsleep"] if named is None else named)


@pytest.mark.parametrize(("lag_s", "shut_s", "named"), [(0.15, 0.2, ["wink_right"]), (0.15, 0.5, [])])
def test_an_eye_that_winks_is_alone_for_most_of_it(lag_s: float, shut_s: float, named: list[str]) -> None:
    right, left = Lid(2.0, 0.8, closing_s=0.02), Lid(2.0 + lag_s, shut_s, closing_s=0.02)
    found = kinds(watch(times(120, 5), lambda t: (right(t), left(t))))
    assert [kind for kind in found if kind.startswith("wink")] == named


@pytest.mark.parametrize("order", [lambda series: series, swapped])
def test_no_wink_where_an_eye_was_not_seen_all_along(order: Callable[[Series], Series]) -> None:
    lid = Lid(2.0, 0.4)
    unseen = lambda t: 2.2 < t < 2.25  # noqa: E731
    other: Series = lambda t: (lid(t), None if unseen(t) else 1.0)  # noqa: E731
    assert not [kind for kind in kinds(watch(times(60, 4), order(other))) if kind.startswith("wink")]
    # The reading of the winking eye itself is missing, or its points are.
    widths: Series = lambda t: (lid(t), 1.0)  # noqa: E731
    itself: Series = lambda t: (None if unseen(t) else lid(t), 1.0)  # noqa: E731
    assert reported(60, 4, order(itself), order(widths)) == []
    no_points: Series = lambda t: (None if unseen(t) else lid(t), 1.0)  # noqa: E731
    assert reported(60, 4, order(widths), order(no_points)) == []
    assert [kind for _, kind, _ in reported(60, 4, order(widths), order(widths))]


def test_a_blink_of_both_is_not_reported_again_of_the_eye_that_closed_first() -> None:
    """The left is read as open for over half of the right's closure, while its points come down with the right's."""
    right, left = Lid(2.0, 0.4), Lid(2.26, 0.1, closing_s=0.03, opening_s=0.03)
    fell: Series = lambda t: (0.5 + 0.5 * right(t),) * 2  # noqa: E731
    assert [kind for _, kind, _ in reported(120, 4, lambda t: (right(t), left(t)), fell)] == ["blink"]


@pytest.mark.parametrize(("seconds", "named"), [(0.4, ["blink"]), (0.7, [])])
def test_a_blink_that_one_eye_alone_was_read_to_make_is_short(seconds: float, named: list[str]) -> None:
    lid = Lid(2.0, seconds)
    fell: Series = lambda t: (0.5 + 0.5 * lid(t),) * 2  # noqa: E731
    assert [kind for _, kind, _ in reported(60, 4, lambda t: (1.0, lid(t)), fell)] == named


def test_narrowed_eyes_wink() -> None:
    lid = Lid(4.0, 0.3)
    assert kinds(watch(times(60, 6), lambda t: (0.7 * lid(t), 0.7))) == ["wink_right"]


@pytest.mark.parametrize(("floor", "named"), [(0.4, []), (0.33, ["blink"])])
def test_lids_of_narrowed_eyes_are_closed_under_half_of_their_own_level(floor: float, named: list[str]) -> None:
    """Of .7: .42 is three fifths, .35 half. The points come down along."""
    lid = course((4.0, 0.7), (4.05, floor), (4.25, floor), (4.3, 0.7))
    fell: Series = lambda t: (lid(t),) * 2  # noqa: E731
    options = BlinkOptions(min_amplitude=0.2)
    detector, found = BlinkDetector(7, options), []
    for t in times(120, 6).tolist():
        found += detector.update(t, lid(t), lid(t), fell(t))
    assert kinds(found) == named


@pytest.mark.parametrize("order", [lambda series: series, swapped])
def test_each_eye_is_compared_with_its_own_level(order: Callable[[Series], Series]) -> None:
    """Usual are .6 and 1: at .4 and .55 neither is under half of its own."""
    low = course((4.0, 0.6), (4.05, 0.4), (4.25, 0.4), (4.3, 0.6))
    high = course((4.0, 1.0), (4.05, 0.55), (4.25, 0.55), (4.3, 1.0))
    series = order(lambda t: (low(t), high(t)))
    assert reported(120, 6, series, lambda t: (high(t),) * 2) == []


@pytest.mark.parametrize("level", [1.0, 0.7])
def test_eyes_on_their_way_up_are_closed_no_more(level: float) -> None:
    """Shut to .45 of their level, the closure is over at .725 of it; from .65 on the eyes do not count as closed."""
    lid = course((4.0, level), (4.05, 0.45 * level), (4.25, 0.45 * level), (4.26, 0.68 * level), (4.4, 0.68 * level))
    detector, closed = BlinkDetector(7), {}
    for t in times(120, 4.4).tolist():
        assert detector.update(t, lid(t), lid(t)) == ()
        closed[t] = detector.closed_s
    assert max(closed.values()) == pytest.approx(0.21, abs=0.03)
    assert closed[max(closed)] == 0.0


def test_the_ratio_before_a_closure_is_its_upper_quartile() -> None:
    """In three tenths of the .4 s that count the ratio was 1, else .76; in the closure it is .75."""
    left = Lid(2.0, 0.2, closing_s=0.02)
    width = lambda t: 1.0 if t < 1.62 else 0.76 if t < 1.95 else 0.75  # noqa: E731
    found = reported(120, 4, lambda t: (1.0, left(t)), lambda t: (1.0, width(t)))
    assert [kind for _, kind, _ in found] == ["wink_left"]
