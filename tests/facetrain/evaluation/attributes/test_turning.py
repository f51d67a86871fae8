"""Yaw of turning heads against the truth: figures by hand on made sweeps, the script, the report's files."""

import numpy as np
import pytest

from facetrain.evaluation.attributes import turning
from facetrain.evaluation.attributes.turning import FUSED, POINTS, ROTATION, Sweep
from facetrain.synth.rendering.truth import HeadState


def sweep(off=2.0, sigma=3.0, jump_at=None):
    """Make 37 frames from -90 to 90 degrees; the fused yaw is off by `off`, and by 20 more from frame jump_at on."""
    truth = np.linspace(-90, 90, 37)
    fused = truth + off
    if jump_at is not None:
        fused[jump_at:] += 20
    yaw = {FUSED: fused, POINTS: truth - 8, ROTATION: np.full(37, np.nan)}
    return Sweep(truth, yaw, np.full(37, sigma), np.full(37, 4.0), np.abs(truth) < 45, np.zeros((20, 30, 3), np.uint8))


def rows_of(report, title):
    return {row[0]: list(row[1:]) for row in next(t for t in report.tables if t.title.startswith(title)).rows}


def test_errors_jumps_and_bands_by_hand():
    report = turning.report([sweep(), sweep(sigma=1.5)], "test")
    rows = rows_of(report, "yaw off")
    assert rows[FUSED] == ["2.0", "2.0", "2.0", "0.0"]
    assert rows[POINTS] == ["8.0", "8.0", "8.0", "0.0"]
    assert rows[ROTATION] == ["nan", "nan", "nan", "nan"]
    assert rows_of(report, "band") == {"0.50": ["1.00"]}
    assert rows_of(report, "points")["frames in which the tracker has the face"] == ["1.00", "0.50", "0.00"]


def test_a_jump_is_seen():
    assert turning.jump([sweep(), sweep(jump_at=20)], FUSED) == pytest.approx(20)


def test_the_report_saves_the_plot_and_the_sheets(tmp_path):
    turning.report([sweep(), sweep()], "test").save(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.md", "figures.json", "yaw.png", "frames_1.png", "frames_2.png"}


def test_the_head_turns_to_the_other_profile_and_back():
    class Actor:
        rest = HeadState(np.zeros(50), {})

    script = turning.profile_to_profile(Actor())
    half = turning.SECONDS / 2
    yaws = [script(time_s).yaw_deg for time_s in (0, half / 2, half, 1.5 * half)]
    assert yaws == pytest.approx([-90, 0, 90, 0])
