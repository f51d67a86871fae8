"""A guided calibration: what other threads read of it at any time fits together."""

import numpy as np
import pytest

from facetrack.serve import calibrating
from facetrack.serve.calibrating import GIVE_UP_S, GuidedCalibration
from facetrack.signals.calibration import Calibration
from facetrack.types import Frame
from made_signals import signals_with
from poses import pose
from staged import guided_face

PICTURE = np.zeros((4, 4, 3), np.uint8)
FACE = guided_face(1, signals_with(), pose(0.0))


@pytest.fixture
def guided():
    profiles = []
    guided = GuidedCalibration(profiles.append)
    guided.profiles = profiles
    return guided


def frames(guided, since_s, seconds, faces=True):
    for time_s in np.arange(since_s, since_s + seconds, 0.05):
        guided.write(Frame(PICTURE, index=0, time_s=time_s), [FACE] if faces else [])
        yield guided.to_json()


def test_its_time_starts_with_the_first_face(guided):
    guided.ask()
    assert {found["phase"] for found in frames(guided, 20.0, 5.0, faces=False)} == {"waiting"}
    found = list(frames(guided, 25.0, calibrating.LENGTH_S + 0.1))
    assert (found[0]["phase"], found[0]["step"], found[0]["left_s"]) == ("running", 0, calibrating.LENGTH_S)
    assert list(dict.fromkeys(one["step"] for one in found)) == [0, 1, 2, 3, None]
    assert all((one["phase"] == "running") == (one["step"] is not None) for one in found)
    assert (found[-1]["phase"], found[-1]["profile"]) == ("done", guided.profiles[0].to_json())


def test_a_step_is_due_until_its_profile_is_there(guided, monkeypatch):
    seen, profile = [], Calibration.profile

    def watched(self):
        seen.append(guided.to_json())
        return profile(self)

    monkeypatch.setattr(Calibration, "profile", watched)
    guided.ask()
    list(frames(guided, 0.0, calibrating.LENGTH_S + 0.1))
    assert [(one["phase"], one["step"]) for one in seen] == [("running", 3)]


def test_it_gives_up_without_a_face(guided):
    guided.ask()
    *_, found = frames(guided, 0.0, GIVE_UP_S + 0.2, faces=False)
    assert (found["phase"], found["profile"]) == ("failed", None)
    assert "no face" in found["message"]


def test_a_stopped_one_keeps_the_profile_found_before(guided):
    guided.ask()
    list(frames(guided, 0.0, calibrating.LENGTH_S + 0.1))
    guided.ask()
    list(frames(guided, 20.0, 1.0))
    guided.stop()
    assert (guided.to_json()["phase"], guided.to_json()["profile"]) == ("idle", guided.profiles[0].to_json())
