"""The calibrated confidence of a reading, against values worked out by hand."""

import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from facetrack.errors import ModelFileError
from facetrack.landmarker import Reading
from facetrack.tracking.confidence import DEFAULT, MOST_LOGIT, TYPICAL_SIGMA, Confidence, visible_sigma
from facetrack.tracking.gating import Gates, TrackerOptions
from facetrack.types import Landmarks
from staged import BLACK, SPEC, actor

GATES = Confidence(presence=0.5, log_sigma=-4.0, bias=-13.0, enter=1.0, keep=-1.0, clear=3.0)


def reading(sigma_px=2.0, presence=0.5, visibility=None, x=100.0):
    sigma = np.broadcast_to(np.float32(sigma_px), 68).astype(np.float32)
    return Reading(Landmarks(actor(x, 200), sigma, visibility), presence)


def test_the_log_odds_by_hand():
    """2 px of 80 are .025, whose logarithm is -3.689; presences of .5 and e / (1 + e) have the log-odds 0 and 1."""
    assert GATES(reading()) == pytest.approx(4 * 3.688879 - 13, abs=1e-4)
    assert GATES(reading(presence=1 / (1 + math.exp(-1)))) == pytest.approx(0.5 + 4 * 3.688879 - 13, abs=1e-4)
    assert GATES(reading(presence=1.0)) == pytest.approx(0.5 * MOST_LOGIT + 4 * 3.688879 - 13, abs=1e-4)
    assert GATES(reading(presence=0.0)) == pytest.approx(-0.5 * MOST_LOGIT + 4 * 3.688879 - 13, abs=1e-4)
    assert GATES(reading(np.nan)) == pytest.approx(-4 * math.log(TYPICAL_SIGMA) - 13)


def test_a_limit_of_sigma_holds_whatever_the_presence():
    """5 px of 80 are .0625."""
    assert DEFAULT(reading(5.0, presence=1.0)) == -math.inf
    assert DEFAULT(reading(4.7, presence=1.0)) > DEFAULT.enter
    assert DEFAULT(reading(4.7, presence=0.25)) >= DEFAULT.keep


def test_hidden_points_may_be_as_uncertain_as_they_like():
    sigma, hidden = np.full(68, 2.0), np.arange(68) % 2 == 0
    sigma[hidden] = 40.0
    assert visible_sigma(reading(sigma)) == pytest.approx(21 / 80)
    assert visible_sigma(reading(sigma, visibility=np.where(hidden, 0, 1).astype(np.float32))) == pytest.approx(2 / 80)
    assert visible_sigma(reading(sigma), inside=~hidden) == pytest.approx(2 / 80)


def test_doubt_falls_from_the_gate_to_certainty():
    assert [GATES.doubt(odds) for odds in (0.0, 1.0, 2.0, 3.0, 9.0)] == pytest.approx([1, 1, 0.5, 0, 0])


def test_a_face_half_of_which_is_outside_is_none():
    gates = Gates(TrackerOptions(), replace(SPEC, gates=asdict(GATES)))
    assert gates.may_enter(reading(), BLACK, known=False)
    assert not gates.may_enter(reading(x=-20.0), BLACK, known=True)


def test_gates_of_a_file():
    given = {"presence": 0.5, "log_sigma": -4, "bias": -13, "enter": 1, "keep": -1, "clear": 3}
    assert Confidence.from_values(given, "net") == GATES
    assert Confidence.of(SPEC).log_sigma == -20.0
    assert DEFAULT.keep < DEFAULT.enter < DEFAULT.clear
    with pytest.raises(ModelFileError, match=r"network .net. has gates .* run `facetrack eval gates`"):
        Confidence.from_values({"presence": 1.0}, "net")
    with pytest.raises(ModelFileError, match="keep <= enter <= clear"):
        Confidence.from_values({**given, "keep": 2}, "net")
