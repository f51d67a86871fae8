"""Events that last, through the tracker: each beginning has one end, whatever becomes of the face."""

import pytest

from facetrack.signals import Profile, SignalOptions
from facetrack.tracking.tracker import TrackerOptions
from facetrack.types import CameraModel
from staged import Stage, actor, frame

FPS = 30


def follow(stage, tracker, frames, seen=lambda i: True):
    """(event, frame) of everything that was reported."""
    found = []
    for i in frames:
        stage.cast(**({"ann": actor(200, 200)} if seen(i) else {}))
        tracker.update(frame(i))
        found += [(event, i) for event in tracker.events]
    return found


def test_a_lost_face_ends_its_events_a_quarter_of_a_second_later(smiling):
    tracker = smiling.tracker(looks=False)
    (began, at), (ended, over) = follow(smiling, tracker, range(60), lambda i: i < 30)
    assert (began.kind, began.phase, began.start_s, at) == ("smile", "began", 0.0, 15)
    assert (ended.phase, ended.since_s, ended.end_s) == ("ended", began.since_s, pytest.approx(29 / FPS))
    assert over == 37  # the last was 29: 8 frames are .267 s
    assert tracker.finish() == ()


def test_a_short_loss_ends_nothing(smiling):
    tracker = smiling.tracker(looks=False)
    assert [event.phase for event, _ in follow(smiling, tracker, range(60), lambda i: not 30 <= i < 36)] == ["began"]


@pytest.mark.parametrize("end", ["finish", "reset"])
def test_the_end_of_the_video_and_a_reset_end_what_lasts(smiling, end):
    tracker = smiling.tracker(looks=False)
    ((began, _),) = follow(smiling, tracker, range(40))
    ended = getattr(tracker, end)()
    assert [(event.phase, event.since_s, event.end_s) for event in ended] == [
        ("ended", began.since_s, pytest.approx(39 / FPS))
    ]
    assert tracker.events == ended
    assert getattr(tracker, end)() == ()


def test_who_is_forgotten_at_once_leaves_no_open_event(smiling):
    tracker = smiling.tracker(looks=False, remember_s=0.05)
    phases = [event.phase for event, _ in follow(smiling, tracker, range(60), lambda i: i < 30)]
    assert phases == ["began", "ended"]


def test_where_the_camera_comes_from():
    lens = CameraModel(fx=700.0)
    profile = SignalOptions(profile=Profile(camera=lens))
    assert TrackerOptions().chosen_camera() == (CameraModel(), "default")
    assert TrackerOptions(signals=profile).chosen_camera() == (lens, "profile")
    assert TrackerOptions(signals=profile, camera=CameraModel(fov_deg=80)).chosen_camera()[1] == "fov"
    assert TrackerOptions(camera=lens).chosen_camera() == (lens, "intrinsics")


def test_the_camera_scales_the_distance():
    """Twice the focal length makes the same face twice as far away."""
    stage = Stage()
    near, far = stage.tracker(looks=False), stage.tracker(looks=False, camera=CameraModel(fov_deg=33.0))
    from facetrack.pose import RIGID_MODEL_MM
    from facetrack.topology import RIGID

    face = actor(320, 240, 150)
    face[list(RIGID)] = RIGID_MODEL_MM[:, :2] + [320, 240]
    stage.cast(ann=face)
    first, second = (tracker.update(frame(0))[0].pose for tracker in (near, far))
    ratio = CameraModel(fov_deg=33.0).intrinsics((640, 480))[0] / CameraModel().intrinsics((640, 480))[0]
    assert second.translation_mm[2] / first.translation_mm[2] == pytest.approx(ratio, rel=0.1)
