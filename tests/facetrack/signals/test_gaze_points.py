"""`facetrack calibrate --gaze` on staged eyes that follow five points of a screen, and on eyes that do not."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.cli.shell import gaze_points
from facetrack.errors import SettingsError
from facetrack.signals import Profile
from facetrack.signals.gaze_points import HOLD_S, POINTS, SETTLE_S, GazePoints, point_at
from facetrack.signals.profile import NO_PROFILE
from facetrack.types import CameraModel, Pose
from made_signals import signals_with
from staged import FIRST_S, GuidedTracker, frames_until_stopped, guided_face

SCREEN_MM, BELOW_MM, PLACE_MM = (500.0, 280.0), 20.0, np.array([10.0, -20.0, 610.0])
OWN = {"right": (4.0, -3.0), "left": (-2.0, -3.0)}
"""What each eye is off by, yaw and pitch, degrees."""
LENGTH_S = len(POINTS) * (SETTLE_S + HOLD_S)


def looking(index, head=(0.0, 0.0), off=(0.0, 0.0), eyes=("right", "left")):
    """Signals and pose of a head that is turned somewhere, whose eyes look at a point of the screen; by SciPy."""
    turn = Rotation.from_euler("YXZ", [-head[0], -head[1], 0.0], degrees=True)
    x, y = POINTS[index]
    target = np.array([-(x - 0.5) * SCREEN_MM[0], BELOW_MM + y * SCREEN_MM[1], 0.0])
    a, b, c = turn.inv().apply(target - PLACE_MM)
    yaw, pitch = np.degrees(np.arctan2(a, -c)), np.degrees(np.arcsin(-b / np.linalg.norm([a, b, c])))
    values = {}
    for eye in eyes:
        values[f"eyes_{eye}_gaze_yaw_deg"] = float(yaw + OWN[eye][0] + off[0])
        values[f"eyes_{eye}_gaze_pitch_deg"] = float(pitch + OWN[eye][1] + off[1])
    return signals_with(**values), Pose(turn.as_matrix(), PLACE_MM, *head, 0.0)


def calibrated(fps=30, base=NO_PROFILE, **how):
    rng, points = np.random.default_rng(2), GazePoints()
    for i in range(round(fps * LENGTH_S)):
        index = point_at(i / fps)
        settled = (i / fps) % (SETTLE_S + HOLD_S) >= SETTLE_S
        noise = tuple(rng.normal(0, 1.0, 2))  # degrees
        shown = index if settled else (index + 3) % len(POINTS)  # on its way from somewhere else
        points.add(i / fps, *looking(shown, (2.0 * np.sin(i / 20), 1.0), noise, **how))
    return points.profile(base)


@pytest.mark.parametrize("fps", [10, 30])
def test_a_calibrated_person_is_read_on_the_screen(tmp_path, fps):
    profile = calibrated(fps, Profile(mouth_closed=0.04, camera=CameraModel(fov_deg=70.0)))
    assert profile.gaze.sigma_deg < 2.5
    assert (profile.mouth_closed, profile.camera) == (0.04, CameraModel(fov_deg=70.0))
    assert (profile.yaw_deg, profile.pitch_deg) == pytest.approx((0.0, 1.0), abs=0.5)
    signals, _ = looking(0)
    expected = [(getattr(signals.eyes, e).gaze_yaw_deg, getattr(signals.eyes, e).gaze_pitch_deg) for e in OWN]
    assert profile.gaze.right_deg == pytest.approx(expected[0], abs=2.5)  # the head swung by 2 degrees meanwhile
    assert profile.gaze.left_deg == pytest.approx(expected[1], abs=2.5)
    profile.save(tmp_path / "p.json")
    assert Profile.load(tmp_path / "p.json") == profile


def test_one_eye_is_enough():
    gaze = calibrated(eyes=("left",)).gaze
    assert gaze.right_deg is None
    assert gaze.left_deg is not None


def test_eyes_that_were_not_seen_or_did_not_follow_are_refused():
    with pytest.raises(SettingsError, match=r"0\.0 s at point 1 of 5; expected 0\.4 s"):
        GazePoints().profile(NO_PROFILE)
    points = GazePoints()
    for i in range(round(30 * LENGTH_S)):
        wrong = (0, 3, 1, 4, 2)[point_at(i / 30)]
        points.add(i / 30, *looking(wrong))
    with pytest.raises(SettingsError, match=r"did not follow the points: .* degrees off"):
        points.profile(NO_PROFILE)


@pytest.mark.parametrize(
    "gaze",
    [[1, 2], {}, {"right_deg": None, "left_deg": None, "to_screen": [[0, 1, 0], [0, 0, 1]], "sigma_deg": 1.0},
     {"right_deg": [0, 0], "left_deg": None, "to_screen": [[0, 1], [0, 0]], "sigma_deg": 1.0},
     {"right_deg": [0, "up"], "left_deg": None, "to_screen": [[0, 1, 0], [0, 0, 1]], "sigma_deg": 1.0}],
)  # fmt: skip
def test_a_gaze_that_is_none_is_refused(tmp_path, gaze):
    import json

    (tmp_path / "p.json").write_text(json.dumps({"profile": 1, "gaze": gaze}))
    with pytest.raises(SettingsError, match=r"p\.json: profile: gaze is .*; expected right_deg, .* calibrate the gaze"):
        Profile.load(tmp_path / "p.json")


def follower(time_s):
    """One face that looks at the points."""
    index = point_at(time_s)
    return [] if index is None else [guided_face(1, *looking(index))]


class Shown:
    """A window that keeps what it was shown."""

    closed = False

    def __init__(self):
        self.pictures = []

    def show(self, image):
        self.pictures.append(image)
        return ""


def test_the_shell_shows_each_point_and_stops():
    window, taken = Shown(), []
    found = gaze_points.watch_points(frames_until_stopped(taken), GuidedTracker(follower), window)
    assert taken[-1] == pytest.approx(FIRST_S + LENGTH_S, abs=0.1)
    assert found.profile(NO_PROFILE).gaze.sigma_deg < 1.0
    places = []
    for picture in window.pictures:
        rows, columns = np.nonzero(picture.any(axis=2))
        height, width = picture.shape[:2]
        place = (round(columns.mean() / (width - 1), 2), round(rows.mean() / (height - 1), 2))
        if rows.max() - rows.min() < 40 and len(rows) < 2000 and place not in places:  # a point, not the text
            places.append(place)
    assert places == list(POINTS)


def test_no_window_for_points_is_refused(tmp_path):
    from command_line import assert_one_sentence, facetrack

    done = facetrack("calibrate", "--gaze", "--no-window", "--out", "p.json", cwd=tmp_path)
    assert_one_sentence(done, "--gaze", "--no-window", "--video")
    assert list(tmp_path.iterdir()) == []
