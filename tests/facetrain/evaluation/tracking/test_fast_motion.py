"""Lost frames and errors under fast motion, counted by hand on hand-made tracks."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack import topology
from facetrack.cli import app
from facetrack.errors import DataError
from facetrack.geometry import points_box
from facetrack.types import Face, Frame, Landmarks
from facetrain.cli.evaluate.motion import positive_numbers
from facetrain.evaluation.tracking import fast_motion
from facetrain.evaluation.tracking.fast_motion import Motion, measure, virtual_camera


def points_at(x, y=100.0):
    """68 points in a box of 10x10 px from (x, y), the outer eye corners 8 px apart."""
    points = np.full((68, 2), 5, np.float32)
    points[0], points[16] = (0, 0), (10, 10)
    points[list(topology.EYE_OUTER_CORNERS)] = [(1, 3), (9, 3)]
    return points + np.float32([x, y])


def face_of(track_id, x):
    return Face(track_id, points_box(points_at(x)), Landmarks(points_at(x), np.ones(68, np.float32)), 1.0)


def measured(truths, faces):
    """Measure frames of (x, visible share) for each person, with the tracked faces of each frame."""
    image = np.zeros((8, 8, 3), np.uint8)
    clip = [
        (Frame(image, time_s=i / 10, index=i), [(points_at(x), visible) for x, visible in people])
        for i, people in enumerate(truths)
    ]
    return measure(clip, lambda frame: faces[frame.index], 3.0, 10.0)


def test_lost_frames_track_ids_steps_and_errors():
    """One face 10 px wide at 0, 4, 10, 12, 30, 31 px; two of five frames are lost.

    In the fifth frame less than half of the face is visible, so that the frame is excluded. Tracked: exactly, with an
    offset of 2 px (IoU 8 / 12), not at all, with an offset of 4 px (6 / 14: lost), -, with another ID. NME: 0, 2 of 8
    px and 0.
    """
    truths = [[(0, 1.0)], [(4, 1.0)], [(10, 0.5)], [(12, 1.0)], [(30, 0.49)], [(31, 1.0)]]
    faces = [[face_of(1, 0)], [face_of(1, 6)], [], [face_of(1, 16)], [], [face_of(2, 31)]]
    motion = measured(truths, faces)
    assert (motion.speed, motion.fps, motion.faces, motion.lost, motion.numbers) == (3.0, 10.0, 5, 2, 2)
    assert motion.fastest == pytest.approx(1.8), "18 of 10 px"
    assert motion.nme == pytest.approx(25 / 3)


def test_two_faces_are_counted_separately():
    truths = [[(0, 1.0), (100, 1.0)], [(0, 1.0), (107, 1.0)]]
    motion = measured(truths, [[face_of(1, 0)], [face_of(2, 107), face_of(1, 0), face_of(3, 300)]])
    assert (motion.faces, motion.lost, motion.numbers) == (4, 1, 3)
    assert motion.fastest == pytest.approx(0.7)
    assert motion.nme == 0


def test_without_tracked_faces_the_error_is_nan():
    motion = measured([[(0, 1.0)]] * 3, [[]] * 3)
    assert (motion.faces, motion.lost, motion.numbers, motion.fastest) == (3, 3, 0, 0.0)
    assert np.isnan(motion.nme)


def test_the_camera_three_times_as_fast_makes_three_times_as_long_steps():
    """Mean step of the points in the first tenth of a second, so short that the path is straight."""

    def mean_step(speed):
        points = [truths[0][0] for _, truths in virtual_camera(speed, fps=60.0, seconds=0.1)]
        return np.linalg.norm(np.diff(points, axis=0), axis=2).mean()

    assert mean_step(3.0) / mean_step(1.0) == pytest.approx(3.0, rel=0.25)


MOTIONS = [Motion(1.0, 30.0, 0.074, 300, 0, 1, 2.5), Motion(6.0, 30.0, 0.45, 200, 200, 0, float("nan"))]


def test_the_report_has_a_row_for_each_speed(tmp_path):
    report = fast_motion.report(MOTIONS)
    assert report.tables[0].rows == [
        ["1", "7", "300", "0", "0.0", "1", "2.50"],
        ["6", "45", "200", "200", "100.0", "0", "-"],
    ]
    report.save(tmp_path)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [(f["speed"], f["lost"], f["nme"]) for f in figures] == [(1.0, 0, 2.5), (6.0, 200, None)]
    assert "| 6 | 45 | 200 | 200 | 100.0 | 0 | - |" in (tmp_path / "report.md").read_text()
    assert cv2.imread(str(tmp_path / "motion.png")) is not None


@pytest.mark.parametrize("text", ["", "fast", "1,,2", "0", "-1,2", "nan", "inf", "1;2"])
def test_speeds_that_are_none_are_refused(text):
    assert positive_numbers("1,2.5, 3") == [1.0, 2.5, 3.0]
    with pytest.raises(DataError, match=r"--speeds is .* expected numbers above 0"):
        positive_numbers(text)


def test_the_command_tracks_the_demo_s_face(tmp_path):
    words = ["eval", "motion", "--speeds", "1,3", "--seconds", "0.2", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words, standalone_mode=False)
    assert result.exception is None
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert [(f["speed"], f["faces"], f["lost"], f["numbers"]) for f in figures] == [(1.0, 6, 0, 1), (3.0, 6, 0, 1)]


def test_a_frame_rate_of_zero_writes_nothing(tmp_path):
    result = CliRunner().invoke(app, ["eval", "motion", "--fps", "0", "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, DataError)
    assert not (tmp_path / "out").exists()
