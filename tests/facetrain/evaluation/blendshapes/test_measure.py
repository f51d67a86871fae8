"""Figures of the blendshapes on values whose R2 and cross-talk are known."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from facetrain.evaluation.blendshapes.measure import PersonValues, blink_gains, r2_within

NAMES = ("eyeBlinkLeft", "eyeBlinkRight", "browDownLeft", "browDownRight", "jawOpen")


def person(ours: np.ndarray, truth: np.ndarray, clip: str = "a") -> PersonValues:
    return PersonValues(clip, np.arange(len(ours)), ours.astype(np.float32), truth.astype(np.float32))


def test_r2_of_exact_of_mean_and_of_half_way_values() -> None:
    truth = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    ours = np.array([[0.0, 0.5, 0.25], [1.0, 0.5, 0.75]])
    assert r2_within([person(ours, truth)]) == pytest.approx([1.0, 0.0, 0.75])


def test_r2_is_of_each_persons_own_spread() -> None:
    """Two people who never move: their difference is no spread that a network could explain."""
    still = [person(np.full((4, 1), level), np.full((4, 1), level)) for level in (0.2, 0.8)]
    moved = person(np.array([[0.3], [0.5]]), np.array([[0.2], [0.6]]))
    # Errors .01 + .01 over the third person's spread .04 + .04.
    assert r2_within([*still, moved]) == pytest.approx([0.75])


def test_share_of_a_blink_that_moves_the_brows(tmp_path: Path) -> None:
    values = np.zeros((40, len(NAMES)))
    values[18:22, :2] = 0.8
    values[18:22, 2:4] = 0.2
    teacher = values.copy()
    teacher[:, 2:4] = 0.0
    events = tmp_path / "events.csv"
    rows = ["a,blink,18,21,1", "a,blink,2,3,0", "b,blink,18,21,1", "a,smile,5,9,1"]
    events.write_text("\n".join(["video,kind,first_frame,last_frame,sure", *rows]))
    gains, blinks = blink_gains(SimpleNamespace(names=NAMES), [person(values, teacher)], events)
    assert blinks == 1
    assert gains == {"browDown": pytest.approx((0.25, 0.0))}
