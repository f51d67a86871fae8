"""The tracker's decisions frame by frame, on a stage: a detector and a landmarker that know where the actors stand."""

import numpy as np
import pytest

from facetrack.tracking.motion import LastSeen
from facetrack.tracking.tracker import FaceTracker, TrackerOptions
from facetrack.types import Frame, Pose
from staged import BLACK, Stage, actor, frame, ids


@pytest.fixture
def stage():
    return Stage()


def tracker_on(stage, **options):
    return stage.tracker(looks=False, **options)


def test_nothing_there_is_an_empty_list(stage):
    assert tracker_on(stage).update(frame(0)) == []


def test_what_the_network_reads_of_a_face_stands_in_its_signals(stage, monkeypatch):
    ahead = Pose(np.eye(3), np.array([0.0, 0.0, 600.0]), 0.0, 0.0, 0.0)
    monkeypatch.setattr("facetrack.tracking.tracker.fused_pose", lambda *_: ahead)
    tracker = tracker_on(stage)
    stage.actors = [actor(200, 200)]
    for i, (opened, smile) in enumerate([(0.9, 0.8), (0.1, 0.7)]):
        stage.attributes = {"mouth_open": opened, "smile": smile}
        signals = tracker.update(frame(i))[0].signals
        assert (signals.mouth.open_prob, signals.smile.prob, signals.glasses_prob) == (opened, smile, None)


def test_a_face_that_moves_keeps_its_number_without_the_detector(stage):
    tracker = tracker_on(stage, detect_interval_s=1e9)
    for i in range(60):
        stage.actors = [actor(100 + 5 * i, 200)]
        faces = tracker.update(frame(i))
        assert ids(faces) == [1]
        np.testing.assert_allclose(faces[0].landmarks.points, stage.actors[0], atol=1e-3)
    assert stage.detector_calls == 1


def sprint(stage, tracker, steps):
    """Move a face of 40 px by these shares of its size, one each frame; how often it was seen."""
    x, seen = 30.0, 0
    for i, step in enumerate(steps):
        x += step * 40
        stage.actors = [actor(x, 200, 40)]
        seen += ids(tracker.update(frame(i))) == [1]
    return seen


def test_a_face_that_moves_by_more_than_half_its_size_a_frame_is_met_where_it_goes(stage, monkeypatch):
    """The landmarker sees faces that are off by up to 56 % of their size; this one goes 60 %."""
    steps = [0, 0.2, 0.4, *[0.6] * 20]
    assert sprint(stage, tracker_on(stage, detect_interval_s=1e9), steps) == len(steps)
    assert stage.detector_calls == 1
    monkeypatch.setattr(LastSeen, "shift_px", lambda *_: 0j)
    stage.detector_calls = 0
    sprint(stage, tracker_on(stage, detect_interval_s=1e9), steps)
    assert stage.detector_calls > 10, "it would be lost without prediction"


def test_a_start_that_was_too_fast_costs_one_call_and_no_frame(stage):
    steps = [0, 0, *[0.6] * 20]
    assert sprint(stage, tracker_on(stage, detect_interval_s=1e9), steps) == len(steps)
    assert stage.detector_calls == 2


def test_at_rest_trembling_does_not_move_the_crop(stage):
    """By up to 1 % of the size to each side: the crop's steps are less than half as long as the face's."""
    tracker, rng = tracker_on(stage, detect_interval_s=1e9), np.random.default_rng(4)
    places = 200 + 80 * rng.uniform(-0.01, 0.01, (120, 2))
    for i, place in enumerate(places):
        stage.actors = [actor(*place)]
        tracker.update(frame(i))
    crops = np.array([(crop.x, crop.y) for crop in stage.crops[50:]])
    assert np.abs(crops - 200).max() < 0.8
    assert np.diff(crops, axis=0).std() < 0.5 * np.diff(places, axis=0).std()


def test_a_face_that_leaves_is_gone_in_the_same_frame(stage):
    tracker = tracker_on(stage)
    stage.actors = [actor(100, 200)]
    assert ids(tracker.update(frame(0))) == [1]
    stage.actors = []
    assert tracker.update(frame(1)) == []


def test_a_short_loss_keeps_the_number_and_a_long_one_does_not(stage):
    tracker = tracker_on(stage, remember_s=1.0)
    stage.actors = [actor(100, 200)]
    tracker.update(frame(0))
    stage.actors = []
    for i in range(1, 10):
        tracker.update(frame(i))
    stage.actors = [actor(130, 210)]
    assert ids(tracker.update(frame(10))) == [1]
    stage.actors = []
    for i in range(11, 60):
        tracker.update(frame(i))
    stage.actors = [actor(130, 210)]
    assert ids(tracker.update(frame(60))) == [2]


def test_a_face_covered_for_a_moment_comes_back_without_the_detector(stage):
    tracker = tracker_on(stage, detect_interval_s=1e9)
    stage.actors = [actor(100, 200, 90), actor(400, 200)]
    tracker.update(frame(0))
    stage.actors = [actor(400, 200)]
    assert ids(tracker.update(frame(1))) == [2]
    tracker.detector = lambda image: pytest.fail("the detector was asked")
    stage.actors = [actor(100, 200, 90), actor(400, 200)]
    assert ids(tracker.update(frame(2))) == [1, 2]


def test_who_comes_back_does_not_exceed_max_faces(stage):
    tracker = tracker_on(stage, max_faces=1)
    stage.actors = [actor(100, 200)]
    tracker.update(frame(0))
    stage.actors = [actor(400, 200)]
    assert ids(tracker.update(frame(1))) == [2]
    stage.actors = [actor(100, 200), actor(400, 200)]
    assert ids(tracker.update(frame(2))) == [2]


def test_a_new_face_is_found_within_the_interval(stage):
    tracker = tracker_on(stage, detect_interval_s=0.2)
    stage.actors = [actor(100, 200)]
    tracker.update(frame(0))
    stage.actors = [actor(100, 200), actor(400, 200)]
    seen = [ids(tracker.update(frame(i))) for i in range(1, 8)]
    assert seen[-1] == [1, 2]
    assert seen[0] == [1]


def test_a_live_loop_searches_for_new_faces_itself_and_lost_faces_are_looked_for_at_once(stage):
    tracker = tracker_on(stage, detect_interval_s=0.1)
    stage.actors = [actor(100, 200)]
    assert ids(tracker.update(frame(0), search=False)) == [1], "nobody was followed"
    stage.actors = [actor(100, 200), actor(400, 200)]
    for i in range(1, 30):
        assert ids(tracker.update(frame(i), search=False)) == [1]
    assert stage.detector_calls == 1
    assert tracker.search_is_due(29 / 30)
    tracker.search(frame(29))
    assert ids(tracker.update(frame(30), search=False)) == [1, 2]
    assert stage.detector_calls == 2
    stage.actors = [actor(160, 200), actor(400, 200)]  # the first one jumped
    assert ids(tracker.update(frame(31), search=False)) == [1, 2]
    assert stage.detector_calls == 3


def test_when_a_search_is_due(stage):
    """Every .2 s, or at another interval; every .1 s at least while somebody is missed, for two seconds."""
    tracker = tracker_on(stage)
    stage.actors = [actor(100, 200), actor(400, 200)]
    tracker.update(frame(0))
    assert [tracker.search_is_due(t) for t in (0.19, 0.21)] == [False, True]
    assert [tracker.search_is_due(t, 0.4) for t in (0.39, 0.41)] == [False, True]
    assert [tracker.search_is_due(t, 1.0) for t in (0.99, 1.01)] == [False, True]
    stage.actors = [actor(100, 200)]
    tracker.update(frame(3))  # at .1 s: lost, looked for
    assert [tracker.search_is_due(t, 1.0) for t in (0.19, 0.21)] == [False, True]
    assert [tracker.search_is_due(t, 5.0) for t in (1.99, 2.01)] == [True, False]


def test_all_followed_faces_go_through_in_one_batch(stage):
    tracker = tracker_on(stage, detect_interval_s=1e9)
    stage.actors = [actor(100 + 150 * i, 200) for i in range(4)]
    tracker.update(frame(0))
    stage.landmarker_calls.clear()
    assert ids(tracker.update(frame(1))) == [1, 2, 3, 4]
    assert stage.landmarker_calls == [4]


def test_two_tracks_on_one_face_become_one(stage):
    tracker = tracker_on(stage, detect_interval_s=1e9)
    stage.actors = [actor(100, 200), actor(180, 200)]
    assert ids(tracker.update(frame(0))) == [1, 2]
    stage.actors = [actor(140, 200)]  # both crops now hold this one
    assert len(tracker.update(frame(1))) == 1
    assert len(tracker.update(frame(2))) == 1


def test_max_faces_keeps_the_largest(stage):
    tracker = tracker_on(stage, max_faces=1)
    stage.actors = [actor(100, 200, 60), actor(400, 200, 120)]
    faces = tracker.update(frame(0))
    assert len(faces) == 1
    assert faces[0].box[2] - faces[0].box[0] > 100


@pytest.mark.parametrize(
    ("priority", "new_face", "takes"),
    [
        ("largest", actor(400, 200, 97), False),
        ("largest", actor(400, 200, 99), True),
        ("central", actor(319.5, 99.5, 60), False),
        ("central", actor(319.5, 139.5, 60), True),
    ],
    ids=["1.47 times as large", "1.53 times as large", "1.33 times as central", "1.71 times as central"],
)
def test_a_new_face_takes_a_place_only_if_it_counts_half_as_much_again(stage, priority, new_face, takes):
    """Ratios of 1.5 decide.

    80 px squared are 6400. Of the 800 px across the picture the one who is followed is .25 (200 px) from its middle,
    new faces .175 and .125: 1 / .3, 1 / .225 and 1 / .175.
    """
    tracker = tracker_on(stage, max_faces=1, priority=priority, detect_interval_s=0.1)
    first = actor(119.5, 239.5)
    stage.actors = [first]
    assert ids(tracker.update(frame(0))) == [1]
    stage.actors = [first, new_face]
    for i in range(1, 30):
        faces = tracker.update(frame(i))
    assert ids(faces) == [2 if takes else 1]
    stage.actors = [first]
    faces = [tracker.update(frame(i)) for i in range(30, 40)][-1]
    assert ids(faces) == [1], "who gave way keeps the number"


@pytest.mark.parametrize(("priority", "number_of_large"), [("largest", 1), ("central", None)])
def test_of_two_who_are_found_at_once_the_one_who_counts_more_is_followed(stage, priority, number_of_large):
    tracker = tracker_on(stage, max_faces=1, priority=priority)
    stage.actors = [actor(320, 240, 60), actor(100, 100, 120)]
    (face,) = tracker.update(frame(0))
    assert np.ptp(face.landmarks.points[:, 0]) == pytest.approx(120 if number_of_large else 60, abs=0.01)


def test_an_uncertain_new_face_is_not_admitted(stage):
    stage.actors = [actor(100, 200)]
    ghost = stage.detect(BLACK)
    stage.actors = []
    tracker = FaceTracker(lambda image: ghost, stage, TrackerOptions())
    assert tracker.update(frame(0)) == []


def test_an_uncertain_reading_is_no_new_face_but_may_be_a_known_face(stage):
    """A wall that looks like a face has large sigma: 80 px faces here, so 3.6 px is 4.5 % of the size."""
    tracker = tracker_on(stage)
    stage.actors, stage.sigma_px = [actor(100, 200)], 3.6
    assert tracker.update(frame(0)) == []
    stage.sigma_px = 1.0
    assert ids(tracker.update(frame(1))) == [1]
    stage.sigma_px = 3.6
    assert ids(tracker.update(frame(2))) == [1]
    stage.sigma_px = 6.0
    assert tracker.update(frame(3)) == []
    stage.sigma_px = 3.6
    assert ids(tracker.update(frame(4))) == [1]


def test_an_uncertain_new_face_is_shown_once_it_was_seen_three_times(stage):
    """2.5 of 80 px are .031: likely enough to be shown, but not at once."""
    tracker = tracker_on(stage)
    stage.actors, stage.sigma_px = [actor(100, 200)], 2.5
    assert [ids(tracker.update(frame(i))) for i in range(4)] == [[], [], [1], [1]]
    assert stage.detector_calls == 1


def test_what_lies_still_and_stays_unlikely_is_never_shown(stage):
    """A fold of cloth, 3 of 80 px or .0375: enough to enter, and the same in every frame."""
    tracker = tracker_on(stage)
    stage.actors, stage.sigma_px = [actor(100, 200)], 3.0
    assert [face for i in range(60) for face in tracker.update(frame(i))] == []


def test_an_uncertain_new_face_that_turns_less_certain_is_never_shown(stage):
    tracker = tracker_on(stage)
    stage.actors = [actor(100, 200)]
    for i in range(30):
        stage.sigma_px = (2.5, 2.5, 3.6)[i % 3]
        assert tracker.update(frame(i)) == []
    stage.sigma_px = 2.5
    seen = [ids(tracker.update(frame(i))) for i in range(30, 33)]
    assert seen == [[], [], [1]], "no number was given before"


def test_who_never_was_clear_is_shown_only_while_likely_and_keeps_the_number(stage):
    """2.5 of 80 px are likely, 3.0 may enter, 1.0 are clear; 4.5, more than a new face may have, are kept only then."""
    tracker = tracker_on(stage)
    stage.actors, seen = [actor(100, 200)], []
    for i, sigma_px in enumerate([2.5] * 4 + [3.0] * 20 + [2.5] * 2 + [1.0] + [4.5] * 10):
        stage.sigma_px = sigma_px
        seen.append(ids(tracker.update(frame(i))))
    assert seen == [[]] * 2 + [[1]] * 2 + [[]] * 20 + [[1]] * 13


def test_an_uncertain_new_face_that_turns_clear_is_shown_at_once(stage):
    tracker = tracker_on(stage, confirmations=10)
    stage.actors, stage.sigma_px = [actor(100, 200)], 2.5
    assert tracker.update(frame(0)) == []
    stage.sigma_px = 1.0
    assert ids(tracker.update(frame(1))) == [1]


def test_a_network_without_sigma_is_taken_at_its_word(stage):
    stage.actors, stage.sigma_px = [actor(100, 200)], np.nan
    assert ids(tracker_on(stage).update(frame(0))) == [1]


def test_after_a_cut_in_the_film_the_same_place_is_somebody_else(stage):
    tracker = tracker_on(stage)
    stage.actors = [actor(200, 200)]
    scenes = [
        np.random.default_rng(scene).integers(0, 256, (24, 32, 3), np.uint8).repeat(20, 0).repeat(20, 1)
        for scene in (1, 2)
    ]
    seen = [ids(tracker.update(Frame(scenes[i // 3], time_s=i / 30, index=i))) for i in range(6)]
    assert seen == [[1]] * 3 + [[2]] * 3
    assert stage.detector_calls == 2  # one call finds the face again


def test_reset_equals_fresh(stage):
    tracker = tracker_on(stage)
    stage.actors = [actor(100, 200)]
    tracker.update(frame(5))
    tracker.reset()
    assert ids(tracker.update(frame(0))) == [1]


def test_time_must_increase(stage):
    tracker = tracker_on(stage)
    tracker.update(frame(3))
    with pytest.raises(ValueError, match="not after"):
        tracker.update(frame(3))


@pytest.mark.parametrize("bad", [{"smoothing": "much"}, {"max_faces": 0}, {"priority": "oldest"}])
def test_options_are_checked(bad):
    with pytest.raises(ValueError, match="expected"):
        TrackerOptions(**bad)
