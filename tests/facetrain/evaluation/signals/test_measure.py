"""Signals against labels, on hand-made labels and events."""

import itertools
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.errors import DataError
from facetrack.sinks import VideoSink
from facetrack.types import Event, Face, Frame, Landmarks, Signals
from facetrain.evaluation.signals import eyelid_clips, labelled_spans, measure
from facetrain.evaluation.signals import report as signals_report
from facetrain.evaluation.signals.clip_labels import EVERYWHERE, Label, LabelledClip, read_clip_labels
from facetrain.evaluation.signals.eyelid_clips import Lids
from facetrain.evaluation.signals.followed_clips import SUBSAMPLINGS, PredictedEvent, Series, TrackedClip, track_frames
from facetrain.evaluation.signals.lid_events import event_agreement, score_people, total
from facetrain.metrics.events import Counts, counts, match
from made_signals import signals_with

FPS = 10.0
OPEN = signals_with(eyes_right_openness=0.9, eyes_left_openness=0.8)
SHUT = signals_with(eyes_right_openness=0.1, eyes_left_openness=0.2)
HEADER = "video,fps,frames,person,kind,first_frame,last_frame,onset_frame,end_frame,sure,note\n"
BLANK = Landmarks(np.zeros((68, 2), np.float32), np.ones(68, np.float32))


def predicted(kind, first, last):
    return PredictedEvent(kind, first, last, Event.completed(kind, 1, first / FPS, last / FPS))


def clip_of(*labels, frames=100):
    return LabelledClip("a", FPS, frames, labels, {"1": EVERYWHERE})


def tracked_clip(clip, events=(), signals=None, used=None):
    """Clip tracked in every frame, with open eyes unless stated otherwise."""
    times = np.arange(clip.frames) / FPS
    all_signals = dict.fromkeys(range(clip.frames), OPEN) | (signals or {})
    flags = np.ones(clip.frames, bool) if used is None else used
    return TrackedClip(clip, times, flags, {"1": Series(all_signals, list(events))})


def blink(first, last, sure=True, kind="blink"):
    return Label("1", kind, first, last, sure)


def test_a_label_is_matched_within_two_frames_and_by_one_event_only():
    labels = [blink(10, 12), blink(30, 32), blink(50, 52)]
    events = [
        predicted("blink", 14, 15),
        predicted("blink", 35, 36),
        predicted("blink", 50, 50),
        predicted("blink", 52, 52),
    ]
    matched = match(labels, events)
    assert matched.pairs == ((0, 0), (2, 2)), "frame 14 is 2 after 12 and 35 is 3 after 32"
    assert (matched.missed, matched.false) == ((1,), (1, 3)), "two events on one label: one of them is false"


def test_as_many_pairs_as_possible():
    """The first event overlaps the second label best, but the second event overlaps no other label."""
    matched = match([blink(0, 3), blink(5, 8)], [predicted("blink", 4, 7), predicted("blink", 8, 9)])
    assert matched.pairs == ((0, 0), (1, 1))


def test_counts_by_hand():
    """3 true, 1 missed, 2 false: 3/5, 3/4, 6/9. Onsets 1, -1, 0: mean 0, absolute 2/3. 2 false in 2 min: 60 an hour."""
    labels = [blink(10, 12), blink(30, 32), blink(50, 52), blink(70, 72)]
    events = [predicted("blink", *span) for span in ((11, 12), (29, 31), (50, 54), (80, 81), (90, 91))]
    figures = counts(labels, events, match(labels, events), 120.0).figures()
    assert [figures[name] for name in ("true", "missed", "false")] == [3, 1, 2]
    assert [figures[name] for name in ("precision", "recall", "f1")] == pytest.approx([3 / 5, 3 / 4, 6 / 9])
    assert [figures["onset_error"], figures["onset_abs"]] == pytest.approx([0, 2 / 3])
    assert [figures["end_error"], figures["end_abs"]] == pytest.approx([(0 - 1 + 2) / 3, 1])
    assert [figures["false_per_hour"], figures["minutes"]] == [60, 2]


def test_ratios_over_nothing_are_nan():
    figures = Counts().figures()
    assert all(np.isnan(figures[name]) for name in ("precision", "recall", "f1", "onset_error", "false_per_hour"))
    assert Counts((1,), (0,), 2, 3, 4.0) + Counts((2,), (1,), 1, 1, 6.0) == Counts((1, 2), (0, 1), 3, 4, 10.0)


def test_unsure_and_partial_labels_are_ignored():
    clip = clip_of(
        blink(10, 12), blink(20, 22, sure=False), blink(30, 32, kind="partial"),
        blink(40, 50, sure=False, kind="eyes_hidden"), blink(60, 70, kind="looking_down"),
        blink(80, 85, sure=False, kind="smile"),
    )  # fmt: skip
    events = [predicted("blink", at, at + 1) for at in (20, 31, 45, 65, 82)]
    (score,) = score_people(tracked_clip(clip, events))
    assert (score.counts["blink"].true, score.counts["blink"].missed) == (0, 1)
    assert score.counts["blink"].false == 2, "a sure looking_down is no blink; an unsure smile is no label of the eyes"
    assert [(f.what, f.first) for f in score.findings] == [("missed", 10), ("false", 65), ("false", 82)]


def test_a_wink_or_a_long_closure_predicted_as_a_blink_is_missed_and_false():
    clip = clip_of(blink(10, 14, kind="wink_left"), blink(40, 49, kind="long"), blink(70, 90, kind="long"))
    events = [predicted("blink", 10, 14), predicted("long_closure", 41, 50), predicted("wink_right", 60, 64)]
    (score,) = score_people(tracked_clip(clip, events, dict.fromkeys((11, 12), SHUT)))
    by_kind = {kind: (c.true, c.missed, c.false) for kind, c in score.counts.items()}
    assert by_kind == {"blink": (0, 0, 1), "long": (1, 1, 0), "wink_right": (0, 0, 1), "wink_left": (0, 1, 0)}
    why = {(f.what, f.kind): f.why for f in score.findings}
    assert why["missed", "wink_left"] == "predicted there: blink 10-14; right down to 0.10, left down to 0.20"
    assert why["false", "blink"].startswith("labelled there: wink_left 10-14")
    assert why["missed", "long"] == "nothing predicted; right down to 0.90, left down to 0.80"


def test_an_occluded_eye_is_reported_as_unknown():
    occluded = {index: signals_with(eyes_right_openness=0.4) for index in (10, 11)}
    (score,) = score_people(tracked_clip(clip_of(blink(10, 12)), (), occluded))
    assert score.findings[0].why == "nothing predicted; right down to 0.40, left down to 0.80 (unknown in 2 of 3)"


def test_labels_and_events_in_a_pause_are_ignored():
    used = np.ones(100, bool)
    used[40:50] = False
    clip = clip_of(blink(10, 12), blink(41, 43), blink(51, 52))
    both = [predicted("blink", 10, 12), predicted("blink", 38, 39)]
    paused = tracked_clip(clip, both, used=used)
    assert paused.gaps == [(40, 49)]
    (score,) = score_people(paused)
    assert (score.counts["blink"].true, score.counts["blink"].missed, score.counts["blink"].false) == (1, 0, 0)
    agreement = event_agreement(
        [tracked_clip(clip, [*both, predicted("blink", 51, 52), predicted("blink", 80, 82)])], [paused]
    )
    assert (agreement.both, agreement.only_all, agreement.only_subsampled) == (1, 1, 0)
    assert agreement.lines == ("a: blink 80-82 only with all frames",)


def test_dropped_frames():
    every_second, dropped, pause = (subsampling.used(100, 25.0) for subsampling in SUBSAMPLINGS)
    assert np.flatnonzero(~every_second).tolist() == list(range(1, 100, 2))
    assert 0 < (~dropped).sum() < 25
    assert np.flatnonzero(~pause).tolist() == list(range(50, 75))


def test_an_event_has_the_frames_that_lie_inside_it():
    """At 10 fps .16 to .52 s contains frames 2 to 5; .20 s is frame 2; .61 to .69 s contains none and becomes 7."""
    times = np.arange(20) / FPS
    spans = [
        PredictedEvent.at(Event.completed("blink", 1, *at), times) for at in ((0.16, 0.52), (0.2, 0.5), (0.61, 0.69))
    ]
    assert [(span.first, span.last) for span in spans] == [(2, 5), (2, 5), (7, 7)]


class Scripted:
    """Tracker stub that returns given faces and events by frame index."""

    def __init__(self, faces, events):
        self.faces, self.ended, self.events = faces, events, ()

    def reset(self):
        self.events = ()

    def update(self, frame):
        self.events = self.ended.get(frame.index, ())
        return self.faces(frame.index)


def face_at(track_id, x, signals=OPEN):
    return Face(track_id, np.float32([x - 5, 0, x + 5, 10]), BLANK, 1.0, None, signals)


def test_tracks_are_assigned_to_persons_by_position():
    """Track 1 is on the left in most of its frames, 2 on the right, 3 a second track of the left person."""
    clip = replace(clip_of(frames=6), places={"left": (0.0, 0.5), "right": (0.5, 1.0)})
    frames = [Frame(np.zeros((10, 100, 3), np.uint8), time_s=index / FPS, index=index) for index in range(6)]

    def faces(index):
        left = face_at(1, 60 if index == 0 else 20) if index < 3 else face_at(3, 30)
        return [left, face_at(2, 80)]

    ended = {
        2: (Event.completed("blink", 1, 0.1, 0.2),),
        5: (Event.completed("blink", 2, 0.3, 0.4), Event.completed("yawn", 3, 0.3, 0.5)),
    }
    used = np.array([1, 1, 1, 1, 0, 1], bool)
    tracked = track_frames(Scripted(faces, ended), clip, iter(frames), used)
    assert {p: [(e.kind, e.first) for e in s.events] for p, s in tracked.persons.items()} == {
        "left": [("blink", 1), ("yawn", 3)], "right": [("blink", 3)],
    }  # fmt: skip
    assert sorted(tracked.persons["left"].signals) == [0, 1, 2, 3, 5]
    assert tracked.seconds("left") == pytest.approx(0.5)
    assert tracked.seconds("left", lambda signals: signals.eyes.left.openness is None) == 0
    with pytest.raises(DataError, match="has 6 frames, its labels 7"):
        track_frames(Scripted(faces, {}), replace(clip, frames=7), iter(frames), np.ones(7, bool))


def test_time_without_the_face_does_not_count_as_tracked():
    """Detected in frames 0-4 and 10-14 at 10 fps: .4 s twice; the .6 s between exceed the maximum gap of .25 s."""
    tracked = tracked_clip(clip_of(frames=15))
    for index in range(5, 10):
        del tracked.persons["1"].signals[index]
    assert tracked.seconds("1") == pytest.approx(0.8)


def test_labels_are_read(tmp_path):
    table = tmp_path / "clips.csv"
    table.write_text(
        HEADER + 'b,30,50,1,blink,4,6,3,,0,"odd, this one"\na,25,9,x,smile,0,8,,,1,\na,25,9,y,long,1,2,,,1,\n'
    )
    with pytest.raises(DataError, match=r"a: people.csv places \[\], the labels name \['x', 'y'\]"):
        read_clip_labels(table)
    (tmp_path / "people.csv").write_text("video,person,x_from,x_to\na,x,0,0.4\na,y,0.4,1\n")
    first, second = read_clip_labels(table)
    assert (first.video, first.fps, first.frames, first.person_at(0.5)) == ("a", 25.0, 9, "y")
    assert second.labels == (Label("1", "blink", 4, 6, False, "odd, this one"),)
    assert second.person_at(7.0) == "1"
    for row, words in (
        ("b,30,50,1,blink,4,x,3,,0,\n", "whole frames"),
        ("b,30,50,1,blink,40,60,3,,0,\n", "frames 40 to 60 of 50"),
        ("b,30\n", "columns"),
        ("", "columns"),
    ):
        table.write_text(HEADER + row)
        with pytest.raises(DataError, match=words):
            read_clip_labels(table)
    with pytest.raises(DataError, match="table of labels"):
        read_clip_labels(tmp_path / "none.csv")


def test_spans_are_counted_except_their_edges():
    """Frame counts of three labels with edges of 3 frames, and predicted positives in 30-49.

    A smile in 20-39: 23-36 inside, 17-42 not outside. Unsure in 60-69: 57-72 excluded. From 90 to the clip's end, which
    is no edge: 93-99 inside.
    """
    clip = clip_of(blink(20, 39, kind="smile"), blink(60, 69, sure=False, kind="smile"), blink(90, 99, kind="smile"))
    signals = {index: signals_with(smile_smiling=30 <= index < 50) for index in range(100)} | {0: Signals()}
    score = labelled_spans.span_score(tracked_clip(clip, (), signals), "1", "smile")
    assert (score.inside, score.predicted_inside) == (14 + 7, 7)
    outside = 100 - 1 - 26 - 16 - 13
    assert (score.outside, score.predicted_outside) == (outside, 7), "43-49"
    assert score.shares == pytest.approx((7 / 21, 7 / outside))


def test_yawns_gestures_and_glances_are_listed_with_overlapping_labels():
    clip = clip_of(blink(10, 40, kind="mouth_wide"))
    events = labelled_spans.listed(
        tracked_clip(clip, [predicted("yawn", 12, 38), predicted("blink", 50, 52), predicted("nod", 60, 64)])
    )
    assert [(event.kind, event.first, event.beside) for event in events] == [
        ("yawn", 12, "mouth_wide 10-40"), ("nod", 60, "nothing labelled"),
    ]  # fmt: skip


def test_fatigue_over_clips_in_sequence():
    """Two clips of 60 s: awake, then eyes closed for 40 s: 2/3 of the last minute, far above any level."""
    clip = clip_of(frames=600)
    slept = [predicted("long_closure", 100, 500), predicted("microsleep", 100, 500)]
    asleep = tracked_clip(clip, slept, dict.fromkeys(range(100, 501), SHUT))
    score = labelled_spans.fatigue([tracked_clip(clip), asleep])
    assert score.seconds == pytest.approx(2 * 59.9)
    assert score.entered == {"tired": 1, "drowsy": 1}
    assert score.microsleeps == 1
    assert score.per_hour(1) == pytest.approx(3600 / 119.8)
    assert 0.3 < score.highest_perclos < 0.7
    awake = labelled_spans.fatigue([tracked_clip(clip)])
    assert (awake.highest, awake.entered["tired"]) == (0, 0)
    assert 35 < awake.known_s < 45, "a minute's PERCLOS is known after a third of it"


def lid_event(kind, start_s, end_s):
    return Event.completed(kind, 1, start_s, end_s, 0.9, 5.0)


def test_rendered_lids_are_scored_at_half_closure():
    """One blink predicted .01 s late at the start and .04 s at the end; a false blink and a false wink.

    Closed from 1.0 to 1.1 s; .08 s to close, .16 s to open: half closure at .96 and 1.18, 70 % at .976 and 1.148.
    """
    true = [Lids(1.0, 1.1), Lids(2.0, 2.1)]
    assert true[0].span_s() == pytest.approx((0.96, 1.18))
    assert true[0].span_s(0.7) == pytest.approx((0.976, 1.148))
    events = [lid_event("blink", 0.97, 1.22), lid_event("wink_left", 2.0, 2.1), lid_event("blink", 3.0, 3.1)]
    figures = eyelid_clips.score(true, [*events, Event.completed("nod", 1, 4.0, 4.5)], 30.0).figures()
    assert [figures[name] for name in ("true", "missed", "false")] == [1, 1, 2]
    assert figures["f1"] == pytest.approx(2 / 5)
    errors = [figures[f"{name}_error"] for name in ("duration", "onset", "duration_70")]
    assert errors == pytest.approx([0.03 * 30, 0.01 * 30, (0.25 - 0.172) * 30])
    assert eyelid_clips.score([], [], 30.0).figures()["missed"] == 0


def test_rendered_blinks_do_not_overlap():
    for seed in range(5):
        lids = eyelid_clips.blinks(seed)
        assert len(lids) >= 7
        assert all(b.span_s(0)[0] - a.span_s(0)[1] > 0.1 for a, b in itertools.pairwise(lids))
        assert all(0.13 < blink.duration_s() < 0.38 for blink in lids)
        assert lids[-1].span_s(0)[1] < eyelid_clips.SECONDS - 0.3


def test_the_report_names_every_miss(tmp_path):
    clip = clip_of(blink(10, 12), blink(30, 33), blink(60, 63, sure=False))
    tracked = tracked_clip(clip, [predicted("blink", 10, 12), predicted("blink", 80, 82), predicted("yawn", 40, 70)])
    scores = score_people(tracked)
    spans = {kind: {"a": labelled_spans.span_score(tracked, "1", kind)} for kind in labelled_spans.FLAGS}
    fatigue = {"all clips": labelled_spans.fatigue([tracked])}
    subsampled = [measure.SubsampledRun("half", scores, event_agreement([tracked], [tracked]))]
    eyelids = [eyelid_clips.score([], [], 30.0)]
    listed = labelled_spans.listed(tracked)
    result = measure.SignalsResult([tracked], scores, subsampled, spans, listed, fatigue, eyelids)
    signals_report.report(result).save(tmp_path / "new")
    report = (tmp_path / "new" / "report.md").read_text()
    assert "| a | missed | blink | 30-33 |" in report
    assert "| a | false | blink | 80-82 |" in report
    assert "1 yawn" in report
    figures = json.loads((tmp_path / "new" / "figures.json").read_text())
    assert figures["all"]["blink"]["f1"] == pytest.approx(2 / 4)
    assert figures["all"]["long"]["f1"] is None
    assert cv2.imread(str(tmp_path / "new" / "openness.png")) is not None
    assert total(scores, "blink").true == 1


def test_the_command_on_an_empty_clip(tmp_path):
    """There is no face in the clip: the labelled blink is missed."""
    with VideoSink(tmp_path / "a.mp4", (64, 48), fps=FPS) as video:
        for index in range(12):
            video.write(np.full((48, 64, 3), 90, np.uint8), index / FPS)
    (tmp_path / "clips.csv").write_text(HEADER + "a,10,12,1,blink,4,6,3,8,1,\n")
    words = ["eval", "signals", "--clips", tmp_path, "--labels", tmp_path / "clips.csv", "--no-thinned"]
    words += ["--out", tmp_path / "out"]
    result = CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)
    assert result.exception is None
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert (figures["all"]["blink"]["missed"], figures["all"]["blink"]["precision"]) == (1, None)


def test_a_missing_clip_is_an_error(tmp_path):
    with pytest.raises(DataError, match="labelled"):
        measure.measure(None, [clip_of()], tmp_path)
