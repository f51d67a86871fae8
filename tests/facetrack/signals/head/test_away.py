"""A head that turns out of sight, against one that is lost, leaves the picture or goes behind somebody."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.signals import FaceSignals, Observation
from facetrack.signals.face import sure_pose
from facetrack.types import Pose

FPS = 20.0
POINTS = np.random.default_rng(0).uniform(100, 200, (68, 2)).astype(np.float32)
SIGMA = SEEN = np.ones(68, np.float32)


def pose(yaw_deg, sigma_deg=None):
    rotation = Rotation.from_euler("YXZ", [-yaw_deg, 0, 0], degrees=True).as_matrix()
    return Pose(rotation, np.array([0.0, 0.0, 600.0]), yaw_deg, 0.0, 0.0, sigma_deg)


def seen_at(time_s, yaw_deg, visibility=SEEN):
    return Observation(time_s, POINTS, SIGMA, pose(yaw_deg), visibility=visibility)


def play(yaws_deg, unseen_s, turned_away=True, back=True, visibility=SEEN):
    """Return the events `facing_away` of a head with these angles, frame by frame, that is then not seen."""
    signals, events, index = FaceSignals(track_id=7), [], 0
    for yaw in yaws_deg:
        events += signals.update(seen_at(index / FPS, yaw, visibility))[1]
        index += 1
    for _ in range(round(unseen_s * FPS)):
        events += signals.expire(index / FPS, turned_away)
        index += 1
    events += signals.update(seen_at(index / FPS, 70.0))[1] if back else signals.interrupt()
    return [event for event in events if event.kind == "facing_away"]


TURN = [0.0] * 10 + [15.0, 30.0, 45.0, 60.0, 75.0]
"""Last seen in frame 14, at .7 s."""


@pytest.mark.parametrize("sign", [1, -1])
def test_a_head_that_turned_away_for_two_seconds(sign):
    began, ended = play([sign * yaw for yaw in TURN], 2.0)
    assert (began.phase, began.track_id, began.end_s) == ("began", 7, None)
    assert began.start_s == pytest.approx(0.7)
    assert began.since_s == pytest.approx(0.7 + 0.3), "the first frame more than .25 s later"
    assert began.amplitude == pytest.approx(75.0)
    assert (ended.phase, ended.since_s) == ("ended", began.since_s)
    assert ended.end_s == pytest.approx(0.75 + 2.0), "the frame that shows it again"


def test_it_ends_with_the_last_frame_of_a_face_that_does_not_come_back():
    _, ended = play(TURN, 2.0, back=False)
    assert ended.end_s == pytest.approx(0.7 + 2.0)


@pytest.mark.parametrize(
    ("yaws", "unseen_s", "turned_away"),
    [
        ([0.0] * 15, 2.0, True),
        ([*TURN, 60.0, 40.0, 20.0], 2.0, True),
        ([0.0] * 10 + [65.0] * 5, 2.0, True),
        ([70.0, 75.0] * 15, 2.0, True),
        (TURN, 2.0, False),
        (TURN, 0.2, True),
    ],
    ids=[
        "lost from the front",
        "turning back",
        "turned too little",
        "in profile all the time",
        "at the edge or behind somebody",
        "a moment",
    ],
)
def test_what_is_no_head_turned_away(yaws, unseen_s, turned_away):
    assert play(yaws, unseen_s, turned_away) == []


def test_a_network_that_knows_no_profiles_cannot_tell():
    assert play(TURN, 2.0, visibility=None) == []


def test_a_guessed_pose_is_no_direction_of_the_head():
    assert sure_pose(None) is None
    assert sure_pose(pose(40.0)) is not None
    assert sure_pose(pose(40.0, (6.0, 8.0, 40.0))) is not None, "roll says nothing of where it looks"
    assert sure_pose(pose(40.0, (20.0, 8.0, 4.0))) is None


def test_glances_go_to_ninety_degrees():
    signals = FaceSignals()
    for index in range(100):
        signals.update(Observation(index / FPS, POINTS, SIGMA, pose(0.0)))
    found, events = signals.update(Observation(5.0, POINTS, SIGMA, pose(85.0)))
    for index in range(1, 10):
        found, more = signals.update(Observation(5.0 + index / FPS, POINTS, SIGMA, pose(85.0)))
        events += more
    assert found.gaze.yaw_deg == pytest.approx(85.0, abs=0.5)
    assert found.attention.on_target is False
    assert [(event.kind, event.phase) for event in events] == [("glance_away", "began")]
