"""Expression signal: network input, limits and intervals of the predictions, smoothing."""

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
    """Return the pose of a head 500 mm away, rotated about the vertical axis."""
    cos, sin = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    rotation = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return Pose(rotation, np.array([x_mm, 0, 500.0]), turn_deg, 0.0, 0.0)


def face(track_id=1, turn_deg=0.0, size=80.0, sigma_px=0.5, known_pose=True) -> Face:
    points = actor(150.0 * track_id, 200, size)
    landmarks = Landmarks(points, np.full(68, sigma_px, np.float32))
    return Face(track_id, np.zeros(4, np.float32), landmarks, 0.9, pose(turn_deg) if known_pose else None)


def frame(time_s: float) -> Frame:
    return Frame(BLACK, time_s=time_s, index=0)


class FakeNetwork:
    """Network that predicts `output` for every face and records the batch sizes."""

    def __init__(self, output=HAPPY):
        self.output, self.batch_sizes = output, []

    def __call__(self, image, faces):
        if len(faces):
            self.batch_sizes.append(len(faces))
        return np.tile(self.output, (len(faces), 1)).astype(np.float32)


def expression_of(expressions, time_s, *faces):
    (first, *_) = expressions.update(frame(time_s), faces or [face()])
    return first.signals.expression


def test_the_crop_follows_the_head_and_not_the_mouth_or_the_brows():
    points = actor(300, 200, 100)
    moved = points.copy()
    moved[list(topology.OUTER_LIPS + topology.INNER_LIPS + topology.JAW)] += [3, 25]
    moved[list(topology.RIGHT_BROW + topology.LEFT_BROW)] -= [0, 9]
    assert expression_crop(moved) == expression_crop(points)
    # Scaled by two, rotated by 30 degrees and shifted: the points in the crop are the same.
    a = np.deg2rad(30)
    other = (points @ (2 * np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])) + [50, 70]).astype(np.float32)
    inside = [transform(p, crop_matrix(expression_crop(p), 56)) for p in (points, other)]
    np.testing.assert_allclose(inside[0], inside[1], atol=0.01)
    assert expression_crop(other).size_px == pytest.approx(2 * expression_crop(points).size_px, rel=1e-5)


def test_the_network_input_holds_the_grey_face_and_the_inner_points():
    image = np.full((60, 60, 3), (200, 100, 50), np.uint8)
    points = np.full((68, 2), 29.5, np.float32)  # the centre
    points[17] = [59.5, -0.5]  # the upper right corner
    points[18] = [44.5, 500]  # half way to the right border, far below the crop
    points[0] = [1, 1]  # of the jaw: not encoded
    sheet = face_sheet(image, points)
    assert sheet.shape == (60, 60, 3)
    assert (sheet[..., 0] == cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)).all()
    assert sheet[0, :51, 1:].tolist() == [[248, 8], [188, 255], *[[128, 128]] * 49]
    assert not sheet[1:, :, 1:].any()
    assert not sheet[0, 51:, 1:].any()


def test_the_batch_has_one_input_per_face():
    class Engine:
        spec = SimpleNamespace(name="staged", kind="expression", input_px=56, outputs={"probabilities": ""})

        def __call__(self, batch):
            self.batch = batch
            return {"probabilities": np.full((len(batch), 7), 1 / 7)}

    engine = Engine()
    network = Expression(engine)
    assert network(BLACK, []).shape == (0, 7)
    assert not hasattr(engine, "batch"), "the network must not run without faces"
    assert network(BLACK, [actor(100, 100), actor(300, 200)]).shape == (2, 7)
    assert engine.batch.shape == (2, 56, 56, 3)
    # The resolution is 1/240 of the crop: equal faces at two positions have equal inputs up to one step.
    np.testing.assert_allclose(engine.batch[0].astype(int), engine.batch[1].astype(int), atol=1)


@pytest.mark.parametrize(("kind", "output"), [("expression", "expression"), ("landmarks", "probabilities")])
def test_another_network_is_refused(kind, output):
    spec = SimpleNamespace(name="eac", kind=kind, input_px=64, outputs={output: ""})
    with pytest.raises(ModelFileError, match="the output probabilities, as of `facetrack train expression`"):
        Expression(SimpleNamespace(spec=spec))


def test_the_smoothing_is_a_low_pass_in_time():
    """A first-order low-pass of .5 s: after t seconds exp(-t / .5) of the old value remain, at any frame rate."""
    for times in ([0.2, 0.4, 0.6, 0.8], [0.25, 0.71, 0.8]):
        network = FakeNetwork(HAPPY)
        expressions = Expressions(network, ExpressionOptions(interval_s=0.05))
        assert expression_of(expressions, 0.0)["happiness"] == 1
        network.output = SAD
        for time_s in times:
            last = expression_of(expressions, time_s)
        assert last["happiness"] == pytest.approx(np.exp(-0.8 / 0.5), abs=1e-6)
        assert last["sadness"] == pytest.approx(1 - np.exp(-0.8 / 0.5), abs=1e-6)
        assert tuple(last) == EXPRESSIONS
        assert sum(last.values()) == pytest.approx(1)


def test_a_face_is_classified_five_times_a_second_and_two_in_one_batch():
    network = FakeNetwork()
    expressions = Expressions(network)
    for i in range(60):
        assert expression_of(expressions, i / 30, face(1), face(2)) is not None
    assert set(network.batch_sizes) == {2}
    assert 9 <= len(network.batch_sizes) <= 10


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
def test_unreadable_faces_are_unknown_at_once_and_not_classified(unreadable):
    network = FakeNetwork()
    expressions = Expressions(network)
    assert expression_of(expressions, 0.0) is not None
    assert expression_of(expressions, 0.1, face(**unreadable)) is None
    assert expression_of(expressions, 0.5, face(**unreadable)) is None
    assert network.batch_sizes == [1]
    assert expression_of(expressions, 0.6)["happiness"] == 1


def test_after_a_second_the_smoothing_restarts():
    network = FakeNetwork(HAPPY)
    expressions = Expressions(network)
    expression_of(expressions, 0.0)
    network.output = SAD
    assert expression_of(expressions, 0.9)["happiness"] == pytest.approx(np.exp(-0.9 / 0.5), abs=1e-6)
    network.output = HAPPY
    expressions.update(frame(1.5), [])
    assert expression_of(expressions, 2.0)["happiness"] == 1, "a prediction 1.1 s old must be forgotten"


def test_reset_equals_a_new_object():
    network = FakeNetwork(SAD)
    expressions = Expressions(network)
    for i in range(9):
        expression_of(expressions, i / 10)
    expressions.reset()
    network.output = HAPPY
    assert expression_of(expressions, 0.05) == expression_of(Expressions(FakeNetwork(HAPPY)), 0.05)


def test_a_head_at_the_images_edge_that_faces_the_camera_is_not_turned():
    assert turned_deg(pose(0)) == pytest.approx(0)
    assert turned_deg(pose(30)) == pytest.approx(30)
    # 500 mm to the side and 500 mm away: 45 degrees off the axis; a head with that yaw faces the camera.
    assert turned_deg(pose(0, x_mm=500)) == pytest.approx(45)
    assert min(turned_deg(pose(turn, x_mm=500)) for turn in (45, -45)) == pytest.approx(0, abs=1e-3)


def test_off_by_default_and_forgotten_with_the_tracker():
    assert inspect.signature(FaceTracker.from_weights).parameters["expressions"].default is False
    stage = Stage()
    stage.cast(ann=actor(200, 200))
    plain = stage.tracker()
    (tracked,) = [plain.update(Frame(BLACK, time_s=i / 30, index=i)) for i in range(5)][-1]
    assert tracked.signals.expression is None
    expressions = FrameCounter()
    tracker = FaceTracker(stage.detect, stage, plain.options, expressions=expressions)  # type: ignore[arg-type]
    results = [tracker.update(Frame(BLACK, time_s=i / 30, index=i)) for i in range(5)]
    assert results[-1][0].signals.expression == {"happiness": 5.0}, "expected the value of the fifth frame"
    tracker.reset()
    assert tracker.update(Frame(BLACK, time_s=0.0, index=0))[0].signals.expression == {"happiness": 1.0}


class FrameCounter:
    """Fake of `Expressions` whose value is the number of frames since the last reset."""

    network = None

    def __init__(self):
        self.reset()

    def reset(self):
        self.frames = 0

    def update(self, frame, faces):
        self.frames += 1
        expression_of = {"happiness": float(self.frames)}
        return [replace(face, signals=replace(face.signals, expression=expression_of)) for face in faces]


@pytest.mark.net
def test_the_bundled_network_names_its_training_data_and_predicts_probabilities():
    from facetrack.engine.onnx import OnnxEngine

    path = bundled_path("expression")
    assert path.stat().st_size <= 1_000_000
    engine = OnnxEngine(path)
    assert "LFW" in engine.spec.data[0]
    assert "commercial" in engine.spec.terms
    predicted = Expression(engine)(BLACK, [actor(200, 200)])
    assert predicted.shape == (1, 7)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-5)


def test_the_probabilities_are_written_to_the_record():
    probabilities = dict(zip(EXPRESSIONS, [0.05, 0.0, 0.0, 0.91239, 0.03, 0.0, 0.00761], strict=True))
    classified = replace(face(), signals=signals_with(expression=probabilities))
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
    line = record(frame(0.0), [classified, face(2)])
    validator.validate(line)
    assert line["faces"][0]["signals"]["expression"]["happiness"] == 0.9124
    assert line["faces"][1]["signals"]["expression"] is None
    line["faces"][0]["signals"]["expression"]["age"] = 0.5
    assert not validator.is_valid(line)


@pytest.mark.net
@pytest.mark.parametrize("enabled", [False, True])
def test_the_command_predicts_expressions_only_with_the_option(enabled, tmp_path):
    """On the bundled photograph of a smiling face."""
    out = tmp_path / "a.csv"
    command = [
        "video",
        str(ASTRONAUT),
        "--fps",
        "25",
        "--csv",
        str(out),
        "--engine",
        "onnx",
        *(["--expressions"] * enabled),
    ]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    with out.open() as file:
        (row,) = csv.DictReader(file)
    if not enabled:
        assert {row[f"expression_{name}"] for name in EXPRESSIONS} == {""}
        return
    predicted = {name: float(row[f"expression_{name}"]) for name in EXPRESSIONS}
    assert max(predicted, key=lambda name: predicted[name]) == "happiness"


@pytest.mark.parametrize("command", ["live", "video", "report"])
def test_the_three_commands_that_have_the_option(command):
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
