"""Expressions: what the network is shown, who is looked at and when, and how what it says is smoothed."""

from __future__ import annotations

import csv
import inspect
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import jsonschema
import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import facetrack
from facetrack import topology
from facetrack.cli import app
from facetrack.errors import ModelFileError
from facetrack.expression import (
    EXPRESSIONS,
    Expression,
    ExpressionOptions,
    Expressions,
    expression_crop,
    face_sheet,
    turned_deg,
)
from facetrack.geometry import crop_matrix, transform
from facetrack.modelfile import bundled_path
from facetrack.report.person import Person, totals
from facetrack.sinks import record
from facetrack.sinks.jsonl import SCHEMA_FILE
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Face, Frame, Landmarks, Pose
from made_signals import signals_with
from staged import BLACK, Stage, actor

ASTRONAUT = Path(facetrack.__file__).parent / "_assets" / "astronaut.jpg"
HAPPY, SAD = (np.eye(7)[EXPRESSIONS.index(name)] for name in ("happiness", "sadness"))


def pose(turn_deg: float = 0.0, x_mm: float = 0.0) -> Pose:
    """A head 500 mm away, turned about the upright axis."""
    cos, sin = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    rotation = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return Pose(rotation, np.array([x_mm, 0, 500.0]), turn_deg, 0.0, 0.0)


def face(track_id=1, turn_deg=0.0, size=80.0, sigma_px=0.5, known_pose=True) -> Face:
    points = actor(150.0 * track_id, 200, size)
    marks = Landmarks(points, np.full(68, sigma_px, np.float32))
    return Face(track_id, np.zeros(4, np.float32), marks, 0.9, pose(turn_deg) if known_pose else None)


def frame(time_s: float) -> Frame:
    return Frame(BLACK, time_s, 0)


class Oracle:
    """Says of every face what it was told to, and counts how many it was asked about."""

    def __init__(self, says=HAPPY):
        self.says, self.asked = says, []

    def __call__(self, image, faces):
        if len(faces):
            self.asked.append(len(faces))
        return np.tile(self.says, (len(faces), 1)).astype(np.float32)


def expression_of(follower, time_s, *faces):
    (first, *_) = follower.update(frame(time_s), faces or [face()])
    return first.signals.expression


def test_the_crop_follows_the_head_and_not_the_mouth_or_the_brows():
    points = actor(300, 200, 100)
    moved = points.copy()
    moved[list(topology.OUTER_LIPS + topology.INNER_LIPS + topology.JAW)] += [3, 25]
    moved[list(topology.RIGHT_BROW + topology.LEFT_BROW)] -= [0, 9]
    assert expression_crop(moved) == expression_crop(points)
    # Twice as large, turned by 30 degrees and moved: the face lies in its crop as before.
    a = np.deg2rad(30)
    other = (points @ (2 * np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])) + [50, 70]).astype(np.float32)
    inside = [transform(p, crop_matrix(expression_crop(p), 56)) for p in (points, other)]
    np.testing.assert_allclose(inside[0], inside[1], atol=0.01)
    assert expression_crop(other).size_px == pytest.approx(2 * expression_crop(points).size_px, rel=1e-5)


def test_a_sheet_holds_the_grey_face_and_the_inner_points():
    picture = np.full((60, 60, 3), (200, 100, 50), np.uint8)
    points = np.full((68, 2), 29.5, np.float32)  # the middle
    points[17] = [59.5, -0.5]  # the upper right corner
    points[18] = [44.5, 500]  # half way to the right border, far below the crop
    points[0] = [1, 1]  # of the jaw: not told
    sheet = face_sheet(picture, points)
    assert sheet.shape == (60, 60, 3)
    assert (sheet[..., 0] == cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)).all()
    assert sheet[0, :51, 1:].tolist() == [[248, 8], [188, 255], *[[128, 128]] * 49]
    assert not sheet[1:, :, 1:].any()
    assert not sheet[0, 51:, 1:].any()


def test_the_network_sees_one_sheet_of_each_face():
    class Engine:
        spec = SimpleNamespace(name="staged", kind="expression", input_px=56, outputs={"probabilities": ""})

        def __call__(self, batch):
            self.batch = batch
            return {"probabilities": np.full((len(batch), 7), 1 / 7)}

    engine = Engine()
    network = Expression(engine)
    assert network(BLACK, []).shape == (0, 7)
    assert not hasattr(engine, "batch"), "nobody to look at: the network does not run"
    assert network(BLACK, [actor(100, 100), actor(300, 200)]).shape == (2, 7)
    assert engine.batch.shape == (2, 56, 56, 3)
    # A step of 1/240 of the crop: two equal faces in two places give equal sheets to that.
    np.testing.assert_allclose(engine.batch[0].astype(int), engine.batch[1].astype(int), atol=1)


@pytest.mark.parametrize(("kind", "output"), [("expression", "expression"), ("landmarks", "probabilities")])
def test_another_network_is_refused(kind, output):
    spec = SimpleNamespace(name="eac", kind=kind, input_px=64, outputs={output: ""})
    with pytest.raises(ModelFileError, match="gives probabilities, as by `facetrack train expression`"):
        Expression(SimpleNamespace(spec=spec))


def test_what_is_told_follows_a_change_by_its_own_times():
    """A first-order low-pass of .5 s: after t seconds exp(-t / .5) of the old is left, whatever the frame rate."""
    for times in ([0.2, 0.4, 0.6, 0.8], [0.25, 0.71, 0.8]):
        oracle = Oracle(HAPPY)
        follower = Expressions(oracle, ExpressionOptions(interval_s=0.05))
        assert expression_of(follower, 0.0)["happiness"] == 1
        oracle.says = SAD
        for time_s in times:
            last = expression_of(follower, time_s)
        assert last["happiness"] == pytest.approx(np.exp(-0.8 / 0.5), abs=1e-6)
        assert last["sadness"] == pytest.approx(1 - np.exp(-0.8 / 0.5), abs=1e-6)
        assert tuple(last) == EXPRESSIONS
        assert sum(last.values()) == pytest.approx(1)


def test_a_face_is_looked_at_five_times_a_second_and_two_in_one_batch():
    oracle = Oracle()
    follower = Expressions(oracle)
    for i in range(60):
        assert expression_of(follower, i / 30, face(1), face(2)) is not None
    assert set(oracle.asked) == {2}
    assert 9 <= len(oracle.asked) <= 10


@pytest.mark.parametrize(
    "unreadable",
    [
        {"turn_deg": 40},
        {"turn_deg": -40},
        {"known_pose": False},
        {"size": 12.0, "sigma_px": 0.1},
        {"sigma_px": 3.0},
    ],
)
def test_unknown_is_unknown_at_once_and_nobody_looks(unreadable):
    oracle = Oracle()
    follower = Expressions(oracle)
    assert expression_of(follower, 0.0) is not None
    assert expression_of(follower, 0.1, face(**unreadable)) is None
    assert expression_of(follower, 0.5, face(**unreadable)) is None
    assert oracle.asked == [1]
    assert expression_of(follower, 0.6)["happiness"] == 1


def test_after_a_second_it_begins_afresh():
    oracle = Oracle(HAPPY)
    follower = Expressions(oracle)
    expression_of(follower, 0.0)
    oracle.says = SAD
    assert expression_of(follower, 0.9)["happiness"] == pytest.approx(np.exp(-0.9 / 0.5), abs=1e-6)
    oracle.says = HAPPY
    follower.update(frame(1.5), [])
    assert expression_of(follower, 2.0)["happiness"] == 1, "what was told 1.1 s ago says nothing about now"


def test_reset_is_as_new():
    oracle = Oracle(SAD)
    follower = Expressions(oracle)
    for i in range(9):
        expression_of(follower, i / 10)
    follower.reset()
    oracle.says = HAPPY
    assert expression_of(follower, 0.05) == expression_of(Expressions(Oracle(HAPPY)), 0.05)


def test_a_head_at_the_pictures_edge_that_faces_the_camera_is_not_turned():
    assert turned_deg(pose(0)) == pytest.approx(0)
    assert turned_deg(pose(30)) == pytest.approx(30)
    # 500 mm to the side and 500 mm away: 45 degrees off the axis; the head that turns as far faces the camera.
    assert turned_deg(pose(0, x_mm=500)) == pytest.approx(45)
    assert min(turned_deg(pose(turn, x_mm=500)) for turn in (45, -45)) == pytest.approx(0, abs=1e-3)


def test_off_by_default_and_forgotten_with_the_tracker():
    assert inspect.signature(FaceTracker.from_weights).parameters["expressions"].default is False
    stage = Stage()
    stage.cast(ann=actor(200, 200))
    plain = stage.tracker()
    (seen,) = [plain.update(Frame(BLACK, i / 30, i)) for i in range(5)][-1]
    assert seen.signals.expression is None
    follower = PointTracker()
    tracker = FaceTracker(stage.detect, stage, plain.options, expressions=follower)  # type: ignore[arg-type]
    told_of = [tracker.update(Frame(BLACK, i / 30, i)) for i in range(5)]
    assert told_of[-1][0].signals.expression == {"happiness": 5.0}, "the fifth frame's, as the follower gave it back"
    tracker.reset()
    assert tracker.update(Frame(BLACK, 0.0, 0))[0].signals.expression == {"happiness": 1.0}


class PointTracker:
    """Tells how many frames it was given since the last reset."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.frames = 0

    def update(self, frame, faces):
        self.frames += 1
        expression_of = {"happiness": float(self.frames)}
        return [replace(face, signals=replace(face.signals, expression=expression_of)) for face in faces]


@pytest.mark.net
def test_the_bundled_network_says_what_it_was_trained_on():
    from facetrack.engine.onnx import OnnxEngine

    path = bundled_path("expression")
    assert path.stat().st_size <= 1_000_000
    engine = OnnxEngine(path)
    assert "LFW" in engine.spec.data[0]
    assert "commercial" in engine.spec.terms
    predicted = Expression(engine)(BLACK, [actor(200, 200)])
    assert predicted.shape == (1, 7)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-5)


def test_it_is_written_as_it_is_told():
    guess = dict(zip(EXPRESSIONS, [0.05, 0.0, 0.0, 0.91239, 0.03, 0.0, 0.00761], strict=True))
    told_of = replace(face(), signals=signals_with(expression=guess))
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
    line = record(frame(0.0), [told_of, face(2)])
    validator.validate(line)
    assert line["faces"][0]["signals"]["expression"]["happiness"] == 0.9124
    assert line["faces"][1]["signals"]["expression"] is None
    line["faces"][0]["signals"]["expression"]["age"] = 0.5
    assert not validator.is_valid(line)


@pytest.mark.net
@pytest.mark.parametrize("asked", [False, True])
def test_the_command_guesses_only_if_asked_to(asked, tmp_path):
    """The bundled photograph: a woman who smiles."""
    out = tmp_path / "a.csv"
    command = ["video", str(ASTRONAUT), "--csv", str(out), "--engine", "onnx", *(["--expressions"] * asked)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    with out.open() as file:
        (row,) = csv.DictReader(file)
    if not asked:
        assert {row[f"expression_{name}"] for name in EXPRESSIONS} == {""}
        return
    guess = {name: float(row[f"expression_{name}"]) for name in EXPRESSIONS}
    assert max(guess, key=lambda name: guess[name]) == "happiness"


@pytest.mark.parametrize("command", ["live", "video", "report"])
def test_the_three_commands_that_take_it(command):
    (option,) = [p for p in get_command(app).commands[command].params if p.name == "expressions"]
    assert (option.opts, option.default) == (["--expressions"], False)


def test_the_report_says_how_long_which_was_likeliest():
    person = Person(1)
    happy, sad = ({"happiness": p, "sadness": 1 - p} for p in (0.9, 0.3))
    for i in range(11):  # a tenth of a second each: six of happiness, four of sadness, then the last frame's
        guess = None if i == 10 else happy if i < 6 else sad
        person.add(i / 10, replace(face(), signals=signals_with(expression=guess)), BLACK)
    (total,) = [total for total in totals(person) if total.name == "Looks like"]
    assert total.value == "happiness 60 %"
    assert total.note.startswith("sadness 40 %, a guess")
    plain = Person(1)
    plain.add(0.0, face(), BLACK)
    plain.add(0.1, face(), BLACK)
    assert all(total.name != "Looks like" for total in totals(plain))
