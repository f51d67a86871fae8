"""Measurements of the gaze on readings and courses made by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.types import CameraModel, EyeGaze, GazeSignals, Pose
from facetrain.evaluation.gaze import looks, methods, pupils
from facetrain.evaluation.gaze.heads import HeadErrors
from facetrain.evaluation.gaze.report import GazeFigures, report
from facetrain.synth.rendering.truth import HeadState


def posed(yaw):
    turn = Rotation.from_euler("YXZ", [-yaw, 0, 0], degrees=True).as_matrix()
    return Pose(turn, np.array([0.0, 0.0, 600.0]), yaw, 0.0, 0.0)


def test_errors_are_angles_between_lines_of_sight():
    """A head turned by 20 whose eyes look back by 20 looks ahead; found 6 degrees beside it."""
    state = HeadState(np.zeros(1), {}, yaw_deg=20.0, gaze_deg=(-20.0, 0.0))
    found = HeadErrors(yaw_deg=[20.0, 40.0])
    found.add("some", methods.Look((-14.0, 0.0), posed(20.0)), state)
    found.add("some", None, state)
    assert found.mean_deg("some", 0.0, 30.0) == pytest.approx(6.0)
    assert np.isnan(found.mean_deg("some", 30.0, 45.0))


def test_slopes_and_means():
    found = HeadErrors()
    for yaw in (-20.0, 0.0, 10.0):
        state = HeadState(np.zeros(1), {}, gaze_deg=(yaw, yaw / 2))
        found.add("half", methods.Look((yaw / 2 + 3, yaw / 8), posed(0.0)), state)
    assert found.slopes("half") == pytest.approx((0.5, 0.25))
    assert methods.together((EyeGaze(0.0, 3.0, 1.0), EyeGaze(10.0, 3.0, 3.0))) == pytest.approx((1.0, 3.0))
    assert methods.together((None, EyeGaze(10.0, 3.0, 3.0))) == pytest.approx((10.0, 3.0))
    assert methods.together((None, None)) is None


def test_every_look_has_its_seconds():
    """Two of each look aside, and those that were recognised wrong are counted against it."""
    times_s = [i / looks.FPS for i in range(round(looks.FPS * looks.course()[-1][1]))]
    truth = [next(look for a, b, look in looks.course() if a <= t < b) for t in times_s]
    found = looks.seconds(times_s, truth)
    assert [s.truth for s in found].count("left") == [s.truth for s in found].count("down") == 2
    assert set(looks.shares(found).values()) == {1.0}
    wrong = looks.seconds(times_s, [None if look == "up" else look for look in truth])
    assert looks.shares(wrong) == {"ahead": 1.0, "left": 1.0, "right": 1.0, "up": 0.0, "down": 1.0, "aside": 0.75}


def test_what_a_frame_tells():
    assert looks.recognised(GazeSignals(14.0, 5.0, "eyes")) == "right"
    assert looks.recognised(GazeSignals(-7.0, -9.0, "eyes")) == "down"
    assert looks.recognised(GazeSignals(3.0, -5.0, "eyes")) == "ahead"
    assert looks.recognised(GazeSignals(20.0, 0.0, "head")) is None
    assert looks.recognised(None) is None


def test_pupils_that_are_followed_by_half():
    truth = np.random.default_rng(0).normal(0, 0.05, (200, 2))
    found = pupils.figures(np.stack([truth, 0.5 * truth + (0.02, 0.0)], axis=1))
    assert (found["slope across"], found["slope up and down"]) == pytest.approx((0.5, 0.5))
    error = np.linalg.norm(0.5 * truth - (0.02, 0.0), axis=1)
    assert found["mean error, % of the eye's width"] == pytest.approx(100 * error.mean())
    assert found["mean error, degrees"] == pytest.approx(np.degrees(np.arcsin(error * 28.5 / 10.4)).mean())


def test_a_rolled_eye_has_its_own_axes():
    """By SciPy: an eye 20 px wide, rolled by 30 degrees about its middle; the pupil .1 along and .05 below."""
    turn = Rotation.from_euler("z", 30, degrees=True).as_matrix()[:2, :2]
    ends, pupil = np.array([(-10.0, 0.0), (10.0, 0.0)]) @ turn.T + 40, turn @ (2.0, 1.0) + 40
    assert pupils.along(pupil, ends) == pytest.approx((0.1, 0.05), abs=1e-6)


def test_exact_irises_of_a_frontal_head_look_where_they_do():
    camera, size = CameraModel(fov_deg=60.0), (640, 480)
    focal = 320 / np.tan(np.radians(30))
    points = np.zeros((68, 2), np.float32)
    for eye, middle_mm in ((36, -31.5), (42, 31.5)):
        points[eye], points[eye + 3] = ((middle_mm - 13, 0), (middle_mm + 13, 0))
    across = 10.4 * np.sin(np.radians(15))
    irises = np.array([(-32.4 + across, -2.5), (32.4 + across, -2.5)])
    scale = focal / 600.0
    look = methods.look_of(
        methods.exact_reading(points * scale + (319.5, 239.5), irises * scale + (319.5, 239.5)),
        posed(0.0),
        camera,
        size,
    )
    assert look.in_head == pytest.approx((15.0, 0.0), abs=0.6)


def test_the_report_has_every_part():
    found = GazeFigures(pupils={"pupils": 2.0}, looks={"eye network": [looks.Second("left", "left")]})
    found.heads = HeadErrors(sigma_deg=[2.0])
    state = HeadState(np.zeros(1), {}, gaze_deg=(5.0, 0.0))
    found.heads.yaw_deg.append(10.0)
    found.heads.add("eye network", methods.Look((5.0, 0.0), posed(0.0)), state)
    text = report(found, "Gaze", {})
    assert [table.title for table in text.tables] == [
        "mean error on rendered heads, degrees, by yaw of the head", "how far the found look follows the true one",
        "seconds recognised, still head", "held-out pupils of scut_eyes",
    ]  # fmt: skip
    assert text.figures["recognised"]["eye network"]["left"] == 1.0
