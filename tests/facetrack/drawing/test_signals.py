"""Signals beside the faces: how long they stand, how long the bars are, and that nothing lies on a face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facetrack.drawing.signals import (
    Bar,
    OpennessHistory,
    SignalOverlay,
    bar_px,
    bars,
    expression_text,
    free_place,
    known_runs,
)
from facetrack.drawing.toasts import EventToasts, toast_text
from facetrack.types import Event, Face, Image, Landmarks, Signals
from made_signals import signals_with

KNOWN = signals_with(eyes_right_openness=0.25, eyes_left_openness=1.0, mouth_openness=0.5, smile_prob=0.0)
BLINK = Event.completed("blink", 1, 2.0, 2.2)


def blank(width: int = 640, height: int = 480) -> Image:
    return np.full((height, width, 3), 128, np.uint8)


def face(box: tuple[float, float, float, float], signals: Signals = KNOWN, track_id: int = 1) -> Face:
    corners = np.array(box, np.float32).reshape(2, 2)
    points = np.random.default_rng(3).uniform(corners[0], corners[1], (68, 2)).astype(np.float32)
    return Face(track_id, np.array(box, np.float32), Landmarks(points, np.ones(68, np.float32)), 0.9, None, signals)


def inked(image: Image) -> np.ndarray:
    return (image != 128).any(axis=2)


def test_toasts_come_with_their_frame_and_go_by_time():
    toasts = EventToasts(window_s=1.5)
    assert toasts.update([BLINK], 2.25) == {1: [BLINK]}
    assert toasts.update([], 3.74) == {1: [BLINK]}  # 1.49 s later
    assert toasts.update([], 3.75) == {}
    assert toasts.update([], 2.25 + 90) == {}


def test_toasts_are_of_their_face_and_only_the_latest_three():
    toasts = EventToasts()
    events = [Event.completed("blink", 1, n / 10, n / 10 + 0.05) for n in range(5)]
    other = Event.completed("glance_away", 2, 0.0, 2.14)
    assert toasts.update([*events, other], 2.2) == {1: events[2:], 2: [other]}
    assert toast_text(other) == "glance away 2.1 s"


def test_bars_by_hand():
    assert bars(KNOWN) == [Bar("eye R", 0.25), Bar("eye L", 1.0), Bar("mouth", 0.5), Bar("smile", 0.0)]
    assert [bar.name for bar in bars(KNOWN, mirrored=True)][:2] == ["eye L", "eye R"]
    assert [bar_px(value, 60) for value in (0.0, 0.25, 0.5, 1.0, 1.7, -0.2)] == [0, 15, 30, 60, 60, 0]


def test_the_drawn_bars_have_the_lengths_of_their_values():
    """At 640x480 capitals are 480 / 45 = 10.67 px high, a full bar five times that: 53 px; rows lie 16 px apart."""
    drawn = SignalOverlay().draw(blank(), [face((100, 100, 300, 300))], (), 0.0)
    filled = (drawn == (255, 213, 79)).all(axis=2)  # the colour of identity 1
    lengths = filled[:170].sum(axis=1)  # above the sparkline
    starts = [y for y in range(1, 170) if lengths[y] and not lengths[y - 1]]
    assert [lengths[y] for y in starts] == [13, 53, 27 if lengths[starts[2]] == 27 else 26]
    assert np.diff(starts).tolist() == [16, 16]


def test_an_unknown_value_has_no_bar_and_an_unknown_face_no_panel():
    unknown_eye = signals_with(eyes_left_openness=1.0)
    drawn = SignalOverlay().draw(blank(), [face((100, 100, 300, 300), unknown_eye)], (), 0.0)
    lengths = (drawn == (255, 213, 79)).all(axis=2)[:170].sum(axis=1)
    assert sorted(set(lengths)) == [0, 53]
    nothing = SignalOverlay().draw(blank(), [face((100, 100, 300, 300), Signals())], (), 0.0)
    assert not inked(nothing).any()


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (200, 150)])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_no_face_is_ever_covered(size: tuple[int, int], mirrored: bool, seed: int):
    random, (width, height) = np.random.default_rng(seed), size
    faces = []
    for track_id in range(1, 6):
        x, y, side = random.uniform(-20, width - 20), random.uniform(-20, height - 20), random.uniform(20, height)
        faces.append(face((x, y, x + side, y + side), KNOWN, track_id))
    events = [Event.completed("microsleep", n, 0.0, 1.5) for n in range(1, 6)]
    ink = inked(SignalOverlay().draw(blank(*size), faces, events, 1.6, mirrored=mirrored))
    for subject in faces:
        x0, y0, x1, y1 = subject.box
        if mirrored:
            x0, x1 = width - 1 - x1, width - 1 - x0
        rows, columns = (
            slice(max(0, int(np.ceil(y0))), int(max(0, y1))),
            slice(max(0, int(np.ceil(x0))), int(max(0, x1))),
        )
        assert not ink[rows, columns].any()


def test_a_level_is_a_word_and_corners_of_its_colour_outside_the_box():
    drowsy = signals_with(eyes_right_openness=1.0, fatigue_score=0.7, fatigue_level="drowsy")
    drawn = SignalOverlay().draw(blank(), [face((100, 100, 300, 300), drowsy)], (), 0.0)
    red = (np.abs(drawn.astype(int) - (80, 80, 255)) < 40).all(axis=2)
    assert red[95:99, 97:110].any()  # a corner, left above
    assert red[100:125, 305:400].any()  # the word, at the top of the panel
    assert not inked(drawn)[104:297, 104:297].any()


def test_the_likeliest_expression_is_one_more_row_of_the_panel():
    guessed = replace(KNOWN, expression={"anger": 0.08, "neutral": 0.049, "surprise": 0.871})
    assert expression_text(guessed) == "surprise 87%"
    assert expression_text(KNOWN) == ""
    rows = [
        inked(SignalOverlay().draw(blank(), [face((300, 100, 400, 220), signals)], [], 0.0)).any(axis=1).sum()
        for signals in (KNOWN, guessed)
    ]
    assert 10 <= rows[1] - rows[0] <= 30
    only = signals_with(expression={"neutral": 1.0})
    assert inked(SignalOverlay().draw(blank(), [face((300, 100, 400, 220), only)], [], 0.0)).any()


def test_without_a_face_nothing_is_drawn_and_the_canvas_is_given_back():
    canvas = blank()
    assert SignalOverlay().draw(canvas, [], [BLINK], 2.25) is canvas
    assert not inked(canvas).any()


def test_boxes_that_are_no_numbers_do_no_harm():
    broken = face((100, 100, 300, 300))
    broken.box[:] = np.nan
    for subject in (broken, face((1e7, -1e7, 1.1e7, 0)), face((-5000, -5000, 9000, 9000))):
        assert SignalOverlay().draw(blank(), [subject], [BLINK], 2.25).shape == (480, 640, 3)


def test_reset_is_as_new():
    subject, used = face((100, 100, 300, 300)), SignalOverlay()
    used.draw(blank(), [face((100, 100, 300, 300), signals_with(eyes_right_openness=0.0))], [BLINK], 2.25)
    used.reset()
    fresh = SignalOverlay().draw(blank(), [subject], (), 2.5)
    np.testing.assert_array_equal(used.draw(blank(), [subject], (), 2.5), fresh)


def test_the_first_free_place_wins_and_moves_into_the_frame():
    taken = [(100.0, 100.0, 200.0, 200.0)]
    assert free_place((50, 40), [(150, 150), (210, 100)], taken, (640, 480)) == (210, 100)
    assert free_place((50, 40), [(620, 470)], taken, (640, 480)) == (590, 440)
    assert free_place((50, 40), [(150, 150)], taken, (640, 480)) is None
    assert free_place((700, 40), [(0, 0)], [], (640, 480)) is None


def test_the_history_keeps_its_seconds_and_breaks_where_nothing_was_known():
    history = OpennessHistory(length_s=5.0)
    for tenth in range(80):
        time_s = tenth / 10
        eyes = Signals() if 50 <= tenth < 52 else signals_with(eyes_right_openness=0.4, eyes_left_openness=0.6)
        history.update([] if 60 <= tenth < 65 else [face((0, 0, 50, 50), eyes)], time_s)
    samples = history.of(1)
    assert samples[0][0] == pytest.approx(2.9)  # 7.9 - 5
    runs = known_runs(samples)
    assert [(run[0][0], run[-1][0]) for run in runs] == [(2.9, 4.9), (5.2, 5.9), (6.5, 7.9)]
    assert runs[0][0][1] == pytest.approx(0.5)
    history.update([], 20.0)
    assert history.of(1) == []
