"""`facetrack calibrate` on staged faces whose levels are set by hand, on the generated clip, and on bad input."""

import json

import numpy as np
import pytest

from command_line import assert_one_sentence, facetrack
from facetrack.cli import calibrate
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.errors import FacetrackError, SettingsError
from facetrack.signals import Profile
from facetrack.signals.calibration import Calibration, missing, step_at
from facetrack.signals.choice import signal_options
from facetrack.sinks import VideoSink
from facetrack.types import CameraModel
from made_signals import signals_with
from poses import pose
from staged import FIRST_S, GuidedTracker, frames_until_stopped, guided_face

OPEN = signals_with(
    eyes_right_aspect_ratio=0.34,
    eyes_left_aspect_ratio=0.30,
    mouth_aspect_ratio=0.04,
    eyes_right_openness=0.97,
    eyes_left_openness=0.94,
    eyes_right_gap=0.31,
    eyes_left_gap=0.30,
    smile_prob=0.1,
)
CLOSED = signals_with(
    OPEN, eyes_right_aspect_ratio=0.17, eyes_left_aspect_ratio=0.12, eyes_right_openness=0.02, eyes_left_openness=0.03
)
SMILING = signals_with(OPEN, eyes_right_aspect_ratio=0.28, eyes_left_aspect_ratio=0.25, smile_prob=0.96)


def acted(t, late_s=0.0):
    """(signals, yaw) of a person who does what the steps ask for, some time late."""
    step = step_at(t - late_s) if t > late_s else 0
    if step == 3:
        turned = signals_with(OPEN, eyes_right_aspect_ratio=0.6, eyes_left_aspect_ratio=0.6, mouth_aspect_ratio=0.3)
        return turned, 5.0 + 35 * np.sin(2.5 * (t - 7.5))
    return {1: CLOSED, 2: SMILING}.get(step, OPEN), 5.0


def calibrated(fps, seconds=10.0, late_s=0.0, change=lambda signals: signals):
    calibration = Calibration()
    for i in range(round(fps * seconds) + 1):
        signals, yaw = acted(i / fps, late_s)
        calibration.add(i / fps, change(signals), pose(yaw, -8.0))
    return calibration.profile()


@pytest.mark.parametrize("fps", [10, 30, 60])
@pytest.mark.parametrize("late_s", [0.0, 0.7])
def test_a_person_who_does_what_is_asked(fps, late_s):
    profile = calibrated(fps, late_s=late_s)
    assert (profile.ear_right_open, profile.ear_left_open) == pytest.approx((0.34, 0.30), abs=0.005)
    assert (profile.ear_right_closed, profile.ear_left_closed) == pytest.approx((0.17, 0.12))
    assert (profile.smile_rest, profile.smile_full) == pytest.approx((0.1, 0.96))
    assert profile.mouth_closed == pytest.approx(0.04)
    assert (profile.yaw_deg, profile.pitch_deg) == pytest.approx((5.0, -8.0), abs=0.5)
    assert missing(profile) == []


def test_what_was_not_shown_stays_unknown():
    still = calibrated(30, seconds=2.9)
    assert (still.ear_right_open, still.ear_right_closed, still.smile_full) == (pytest.approx(0.34), None, None)
    assert [line.split(":")[0] for line in missing(still)] == [
        "closed eyes were not seen",
        "a smile was not seen",
    ]

    # Networks that read nothing: the points alone.
    def unread(seen):
        return signals_with(seen, eyes_right_gap=None, eyes_left_gap=None, smile_prob=None)

    blind = calibrated(30, change=unread)
    assert (blind.ear_right_open, blind.ear_right_closed) == pytest.approx((0.34, 0.17), abs=0.005)
    assert blind.smile_rest is None


def test_a_face_hardly_seen_is_refused():
    with pytest.raises(SettingsError, match=r"0\.0 s; expected 2 s"):
        Calibration().profile()
    with pytest.raises(SettingsError, match=r"1\.5 s; expected 2 s"):
        calibrated(30, seconds=1.5)


def actors(time_s):
    """One face that acts the steps, and another that only passes by."""
    signals, yaw = acted(time_s)
    passer_by = guided_face(2, signals_with(OPEN, eyes_right_aspect_ratio=0.2), pose(0.0, -8.0))
    return [guided_face(1, signals, pose(yaw, -8.0)), *([passer_by] if 1 < time_s < 3 else [])]


class Printed:
    def __init__(self):
        self.lines = []

    def print(self, line, **_):
        self.lines.append(line)


def test_the_guide_waits_for_a_face_tells_each_step_once_and_stops():
    logged, taken = Printed(), []
    found = calibrate.watch(frames_until_stopped(taken), GuidedTracker(actors), calibrate.Guide(logged, None))
    assert [line.split(":")[0] for line in logged.lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert taken[-1] == pytest.approx(FIRST_S + 10.0, abs=0.05)
    assert found.known_s == pytest.approx(10.0, abs=0.05)
    assert found.profile().ear_right_open == pytest.approx(0.34, abs=0.005)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """3 s of the photograph whose lids and lips are moved: its eyes are shut for .6 s of them."""
    path = tmp_path_factory.mktemp("clip") / "in.mp4"
    film = SyntheticClip(ClipOptions(duration_s=3.0, fps=15, blinks=((1.0, 1.6),), yawns=(), speed=0.0))
    with VideoSink(path, film.options.size, fps=15) as sink:
        for shown, _ in film:
            sink.write(shown.image, shown.time_s)
    return path


@pytest.mark.net
def test_the_command_on_the_generated_clip(tmp_path, clip):
    done = facetrack("calibrate", "--video", clip, "--out", "p.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "wrote p.json" in done.stderr
    profile = Profile.load(tmp_path / "p.json")
    assert profile.ear_right_closed is not None
    assert profile.ear_right_open is not None
    assert profile.ear_right_closed < 0.8 * profile.ear_right_open
    assert profile.smile_full is None  # she smiles all the time
    assert json.loads((tmp_path / "p.json").read_text())["profile"] == 1
    done = facetrack("video", clip, "--csv", "a.csv", "--profile", "p.json", "--target-zone", "30,20", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["calibrate", "--video", "no.mp4", "--out", "p.json"], ["no.mp4", "does not exist"]),
        (["calibrate", "--video", "CLIP", "--out", "no/p.json"], ["no/p.json", "does not exist"]),
        (["video", "CLIP", "--csv", "a.csv", "--profile", "no.json"], ["no.json", "profile's path"]),
        (["video", "CLIP", "--csv", "a.csv", "--fatigue-weights", "no.toml"], ["no.toml", "copy the default"]),
        (["live", "--camera", "CLIP", "--no-window", "--target-zone", "20"], ["--target-zone", "20,15"]),
    ],
)
@pytest.mark.net
def test_bad_input_is_one_sentence(tmp_path, clip, arguments, words):
    done = facetrack(*[str(clip) if a == "CLIP" else a for a in arguments], cwd=tmp_path)
    assert_one_sentence(done, *words)
    assert list(tmp_path.iterdir()) == []


def test_options_reach_the_signals(tmp_path):
    Profile(ear_right_open=0.31, smile_rest=0.2).save(tmp_path / "p.json")
    options = signal_options(tmp_path / "p.json", None, "30,10.5")
    assert options.profile.ear_right_open == 0.31
    assert (options.attention.yaw_deg, options.attention.pitch_deg) == ((-30.0, 30.0), (-10.5, 10.5))
    assert signal_options().attention.yaw_deg == (-20.0, 20.0)
    assert signal_options(target_zone="desk").attention.down_is_target
    assert signal_options(target_zone="driver").attention.long_down_s == 2.0
    for zone in ("a,b", "1,2,3", "0,5", "5,-5", "nan,5", "100,5", ""):
        with pytest.raises(FacetrackError, match="or two angles"):
            signal_options(target_zone=zone)


def test_a_profile_keeps_the_lens(tmp_path):
    for lens in (CameraModel(fov_deg=75.0), CameraModel(fx=700.0, fy=690.0, cx=320.0, cy=240.0, width=640, height=480)):
        Profile(mouth_closed=0.04, camera=lens).save(tmp_path / "p.json")
        assert Profile.load(tmp_path / "p.json") == Profile(mouth_closed=0.04, camera=lens)
    assert json.loads((tmp_path / "p.json").read_text())["camera"]["fx"] == 700.0
    Profile(mouth_closed=0.04).save(tmp_path / "p.json")
    assert Profile.load(tmp_path / "p.json").camera is None


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ({"focal": 700}, "camera is .*focal.* expected fov_deg, or fx"),
        ({"fov_deg": 200}, "camera: fov_deg is 200.*under 180"),
        ({"fx": "wide"}, "camera"),
        ({}, "camera is {}"),
        ([700, 700], "camera is"),
        ({"fov_deg": True}, "camera: fov_deg is True; expected a number"),
    ],
)
def test_a_camera_that_is_none_is_refused(tmp_path, camera, words):
    (tmp_path / "p.json").write_text(json.dumps({"profile": 1, "camera": camera}))
    with pytest.raises(SettingsError, match=f"p.json: profile: {words}"):
        Profile.load(tmp_path / "p.json")
