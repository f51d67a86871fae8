"""Changes of a running tracker: smoothing, profile, numbers."""

import numpy as np
import pytest

from facetrack.signals.profile import Profile
from facetrack.tracking.changes import number_on, set_profile, set_smoothing
from poses import pose
from staged import Stage, actor, frame, ids


def shaken(changes=None, frames=120):
    """Follow a face whose points shake by .5 px; returns the tracker and (N, 2) px, its first point in each frame."""
    noise, stage = np.random.default_rng(1).normal(0.0, 0.5, (frames, 68, 2)), Stage()
    tracker = stage.tracker(looks=False)
    seen = []
    for i in range(frames):
        if changes and i in changes:
            changes[i](tracker)
        stage.cast(ann=(actor(200, 200) + noise[i]).astype(np.float32))
        faces = tracker.update(frame(i))
        seen.append(faces[0].landmarks.points[0] if faces else [np.nan, np.nan])
    return tracker, np.array(seen)


def test_smoothing_begins_and_ends_on_the_way():
    _, off = shaken()
    tracker, changed = shaken({40: lambda t: set_smoothing(t, "high"), 80: lambda t: set_smoothing(t, "off")})
    np.testing.assert_array_equal(changed[5:40], off[5:40])
    np.testing.assert_array_equal(changed[81:], off[81:])
    assert np.diff(changed[50:80], axis=0).std() < 0.3 * np.diff(off[50:80], axis=0).std()
    assert tracker.options.smoothing == "off"
    with pytest.raises(ValueError, match="is 'much'"):
        set_smoothing(tracker, "much")


def test_a_profile_gives_the_neutral_and_ends_what_its_levels_began(monkeypatch):
    monkeypatch.setattr("facetrack.tracking.tracker.fused_pose", lambda *_: pose(20.0, 5.0))
    stage = Stage()
    stage.attributes = {"smile": 0.9}
    stage.cast(ann=actor(200, 200))
    tracker = stage.tracker(looks=False)
    for i in range(40):
        (*_, face) = tracker.update(frame(i)) or [None]
    assert face.signals.smile.smiling
    ended = set_profile(tracker, Profile(yaw_deg=20.0, pitch_deg=5.0, roll_deg=0.0, smile_rest=0.9))
    assert [(event.kind, event.phase) for event in ended] == [("smile", "ended")]
    (face,) = tracker.update(frame(40))
    assert (face.signals.head.yaw_deg, face.signals.head.pitch_deg) == pytest.approx((0.0, 0.0), abs=0.01)
    assert not face.signals.smile.smiling
    assert set_profile(tracker, tracker.options.signals.profile) == ()


def test_numbers_go_on():
    stage = Stage()
    stage.cast(ann=actor(200, 200), ben=actor(400, 200))
    old, new = stage.tracker(looks=False), stage.tracker(looks=False)
    for i in range(5):
        old.update(frame(i))
    number_on(new, old)
    for i in range(5):
        faces = new.update(frame(i))
    assert ids(faces) == [3, 4]
