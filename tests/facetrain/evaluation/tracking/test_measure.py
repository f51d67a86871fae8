"""Tracking scores on a clip of six frames whose metrics are computed by hand."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack import topology
from facetrack.cli import app
from facetrack.errors import DataError
from facetrack.sinks import VideoSink
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Face, Frame, Landmarks
from facetrain.evaluation.tracking import report, timing
from facetrain.evaluation.tracking.measure import WHOLE, evaluated_faces, score
from facetrain.synth.crowd.sprites import Photographed, Sprite
from facetrain.synth.crowd.truth import ClipTruth, FaceTruth, Span, frame_line, header_line
from staged import Stage

FPS = 10.0


def points_at(x: float, y: float) -> np.ndarray:
    """68 points in a box of 10x10 px from (x, y), the outer eye corners 8 px apart."""
    points = np.full((68, 2), 5, np.float32)
    points[0], points[16] = (0, 0), (10, 10)
    points[list(topology.EYE_OUTER_CORNERS)] = [(1, 3), (9, 3)]
    return points + np.float32([x, y])


def truth_of(person: int, x: float, present: bool = True) -> FaceTruth:
    return FaceTruth(person, points_at(x, 100), 1.0 if present else 0.0, present)


def face_of(track_id: int, x: float, y: float = 100) -> Face:
    points = points_at(x, y)
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    return Face(track_id, box, Landmarks(points, np.ones(68, np.float32)), 1.0)


def clip_of(frames: list[list[FaceTruth]], *spans: Span) -> ClipTruth:
    return ClipTruth(FPS, (640, 480), 0, spans or (Span("one", 0, len(frames) - 1),), [tuple(f) for f in frames])


def hand_made() -> tuple[ClipTruth, list[list[Face]]]:
    """Ground truth and tracked faces of two persons in six frames.

    Person 1 has ID 1 in frames 0-2 and ID 3 in 3-5. Person 2 has ID 2 in frames 0, 1, 3, 4, with an offset of 2.5 px
    (IoU 7.5 / 12.5 = .6), and is lost in 2 and 5. In frame 1 ID 9 is a false positive.
    """
    faces = [[face_of(1 if i < 3 else 3, 50)] + [face_of(2, 202.5)] * (i not in (2, 5)) for i in range(6)]
    faces[1].append(face_of(9, 400))
    return clip_of([[truth_of(1, 50), truth_of(2, 200)] for _ in range(6)]), faces


def test_the_metrics_are_those_computed_by_hand():
    """12 faces, 10 matched, 2 missed, 1 false, 1 switch: MOTA 1 - 4/12. MOTP (6 * 1 + 4 * .6) / 10.

    ID F1: ID 1 (or 3) for person 1 and 2 for person 2 are 3 + 4 true positives of 11 predicted and 12 true faces:
    14 / 23. NME: 2.5 of 8 px in 4 of 10.
    """
    row = score(*hand_made()).rows[WHOLE]
    assert row["mota"] == pytest.approx(1 - 4 / 12)
    assert row["motp"] == pytest.approx(0.84)
    assert row["idf1"] == pytest.approx(14 / 23)
    assert row["nme"] == pytest.approx(100 * 2.5 / 8 * 4 / 10)
    counted = ("switches", "fragmentations", "false_positives", "misses", "faces")
    assert [row[name] for name in counted] == [1, 1, 1, 2, 12]


def test_episodes_name_frames_persons_and_track_ids():
    episodes = [(e.kind, e.first, e.last, e.what) for e in score(*hand_made()).episodes]
    assert episodes == [
        ("switch", 3, 3, "person 1: ID 1 became 3"),
        ("false positive", 1, 1, "ID 9"),
        ("missed", 2, 2, "person 2"),
        ("missed", 5, 5, "person 2"),
    ]


def test_scenes_are_scored_separately_and_together():
    truth, faces = hand_made()
    halves = clip_of([list(f) for f in truth.frames], Span("first", 0, 2), Span("second", 3, 5))
    rows = score(halves, faces).rows
    assert rows["first"]["mota"] == pytest.approx(1 - 2 / 6)
    assert rows["second"]["mota"] == pytest.approx(1 - 1 / 6), "a change between scenes is a switch in neither"
    assert rows[WHOLE] == score(truth, faces).rows[WHOLE]


def test_a_returning_person_keeps_the_track_id_or_not():
    """Absent in frames 3-8, .6 s; detected in frame 10, .1 s late."""
    absence = range(3, 9)
    frames = [[truth_of(1, 50)] if i not in absence else [] for i in range(12)]
    for track_id, outcome in ((1, "kept the ID"), (7, "became 7")):
        faces = [[face_of(1, 50)] if i < 3 else [face_of(track_id, 50)] if i >= 10 else [] for i in range(12)]
        (back,) = [e for e in score(clip_of(frames), faces).episodes if e.kind == "return"]
        assert (back.first, back.last, back.kept) == (9, 10, track_id == 1)
        assert back.what == f"person 1, ID 1, absent for 0.6 s: {outcome}, detected after 0.10 s"
    (back,) = [e for e in score(clip_of(frames), [[face_of(1, 50)]] * 3 + [[]] * 9).episodes if e.kind == "return"]
    assert back.what.endswith("not detected again")


def test_a_track_id_shared_by_two_people_is_named():
    frames = [[truth_of(1, 50)]] * 2 + [[truth_of(2, 50)]] * 2
    assert score(clip_of(frames), [[face_of(4, 50)]] * 4).shared == {4: [1, 2]}


def test_a_face_on_an_occluded_person_is_ignored():
    truth = [truth_of(1, 50), truth_of(2, 52, present=False), truth_of(3, 300, present=False)]
    present, faces = evaluated_faces(truth, [face_of(1, 51), face_of(2, 52), face_of(3, 300), face_of(4, 500)])
    assert [t.person for t in present] == [1]
    assert len(faces) == 2, "the face of person 1, and the false positive"
    assert faces[-1].track_id == 4
    present, faces = evaluated_faces(truth, [face_of(1, 51.9)])
    assert [f.track_id for f in faces] == [1], "a single face between two persons is matched to the present one"


def test_another_clip_s_ground_truth_is_refused():
    truth, faces = hand_made()
    with pytest.raises(DataError, match="5 frames, its ground truth 6"):
        score(truth, faces[:5])


def test_the_report_lists_the_errors(tmp_path):
    truth, faces = hand_made()
    frames = [Frame(np.zeros((48, 64, 3), np.uint8), time_s=i / FPS, index=i) for i in range(6)]
    report.report(score(truth, faces), faces, truth, frames, "clip.mp4").save(tmp_path)
    assert "person 1: ID 1 became 3" in (tmp_path / "report.md").read_text()
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["scenes"]["one"]["misses"] == 2
    assert {path.name for path in tmp_path.iterdir()} == {"report.md", "figures.json", "one.png", "episodes.png"}
    assert cv2.imread(str(tmp_path / "one.png")) is not None


def test_the_command_scores_an_empty_clip(tmp_path):
    """No face in ground truth and tracks: no false positive; ratios over nothing are null."""
    with VideoSink(tmp_path / "c.mp4", (64, 48), fps=FPS) as video:
        for index in range(3):
            video.write(np.full((48, 64, 3), 90, np.uint8), index / FPS)
    lines = [header_line(FPS, (64, 48), 0, [Span("one", 0, 2)]), *(frame_line(index, []) for index in range(3))]
    (tmp_path / "c.jsonl").write_text("".join(lines))
    words = ["eval", "tracking", tmp_path / "c.mp4", "--truth", tmp_path / "c.jsonl", "--out", tmp_path / "out"]
    result = CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)
    assert result.exception is None
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert figures["scenes"]["one"]["false_positives"] == 0
    assert figures["scenes"]["one"]["mota"] is None


def test_timings_are_relative_to_one_face(tmp_path):
    """3 ms with one face and 7 ms with three are 1 ms + 2 ms per face."""
    timings = [timing.Timing(1, 1.0, 3.0, 4.0), timing.Timing(3, 2.5, 7.0, 8.0)]
    assert timing.slope_ms(timings) == pytest.approx((1.0, 2.0))
    report = timing.report(timings)
    assert report.tables[0].rows[1] == ["3", "2.5", "7.00", "8.00", "2.33", "2.00"]
    report.save(tmp_path)
    assert cv2.imread(str(tmp_path / "frame_time.png")) is not None


def test_every_count_is_timed_on_as_many_people():
    """A tracker stub counts the white squares on black, 60x60 px each."""
    white = np.full((61, 61, 4), 255, np.float32)
    white[..., 3] = 1
    square = Photographed(Sprite(white, points_at(0, 0) * 6, np.float32([30, 30]), 60.0))
    tracker = FaceTracker(lambda image: None, Stage())
    tracker.update = lambda frame: [None] * round((frame.image > 128).sum() / 3 / 61**2)  # type: ignore[method-assign]
    black = np.zeros((480, 640, 3), np.uint8)
    timings = timing.measure([square] * 3, black, tracker, (1, 3), rounds=1)
    assert [(t.faces, t.followed) for t in timings] == [(1, 1.0), (3, 3.0)]
    assert all(0 < t.median_ms <= t.p95_ms for t in timings)
