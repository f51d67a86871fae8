"""Comparison of detectors: geometry and metrics by hand, stub detectors, and the command on generated packs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from made_packs import detector_packs

pytest.importorskip("torch", reason="needs the extra 'train'")

from facetrack.cli import app
from facetrack.errors import DataError, FacetrackError
from facetrack.modelfile import bundled_path
from facetrack.types import Detections
from facetrain.evaluation.detector import clips, measure, methods, placed_faces, report, turned_faces
from facetrain.evaluation.detector.measure import Comparison, Row
from facetrain.evaluation.detector.methods import DetectorMethod
from facetrain.samples.pictures import FacePicture

NONE = np.zeros((0, 4), np.float32)


def detections(*rows: tuple[float, ...]) -> Detections:
    """Return detections; each row is x0, y0, x1, y1, score."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(table[:, :4], table[:, 4], None)


def card() -> tuple[np.ndarray, np.ndarray]:
    """Draw a block 20 px wide and 40 high, red above and blue below; return the image and the outline of the block."""
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[30:50, 40:60] = (0, 0, 255)
    picture[50:70, 40:60] = (255, 0, 0)
    corners = np.float32([[39.5, 29.5], [59.5, 29.5], [59.5, 69.5], [39.5, 69.5]])
    return picture, np.resize(corners, (68, 2))


def middle_of(mask: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(mask)
    return np.array([x.mean(), y.mean()])


@pytest.mark.parametrize(
    ("turn", "size", "red_is"), [(0, (40, 80), (0, -1)), (90, (80, 40), (1, 0)), (-90, (80, 40), (-1, 0))]
)
def test_a_pasted_face_is_where_the_ground_truth_is(turn, size, red_is):
    picture, outline = card()
    background = np.zeros((480, 640, 3), np.uint8)
    frame, box = placed_faces.paste_face(picture, outline, background, 80, turn, np.random.default_rng(1))
    np.testing.assert_allclose(box[2:] - box[:2], size, atol=1e-3)
    y, x = np.nonzero(frame.max(axis=2) > 127)
    extent = np.array([x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5])
    np.testing.assert_allclose(extent, box, atol=1.01)
    red, blue = middle_of(frame[..., 2] > 127), middle_of(frame[..., 0] > 127)
    np.testing.assert_allclose((red - blue) / 40, red_is, atol=0.05)


def test_turned_by_45_degrees_the_extent_is_the_diagonal():
    picture, outline = card()
    _, box = placed_faces.paste_face(
        picture, outline, np.zeros((480, 640, 3), np.uint8), 80, 45, np.random.default_rng(0)
    )
    np.testing.assert_allclose(box[2:] - box[:2], (40 + 80) / np.sqrt(2), rtol=1e-4)


def test_a_mirrored_face_is_where_the_ground_truth_is():
    picture, outline = card()
    frame, box = placed_faces.paste_face(
        picture,
        outline + np.float32([10, 0]),
        np.zeros((480, 640, 3), np.uint8),
        40,
        0,
        np.random.default_rng(0),
        mirror=True,
    )  # the outline is 10 px to the right of the block: mirrored, 10 px to the left
    y, x = np.nonzero(frame.max(axis=2) > 127)
    np.testing.assert_allclose([x.min() - 0.5, y.min() - 0.5], box[:2] + np.float32([10, 0]), atol=1.01)


@pytest.mark.parametrize(
    ("edge", "patch"),
    [(0, (90, 58, 150, 232)), (1, (90, 58, 210, 160)), (2, (150, 58, 210, 232)), (3, (90, 160, 210, 232))],
)
def test_halves_are_occluded(edge, patch):
    """The box is 100 x 120: a tenth beyond it is 10 and 12 px, the forehead 42 px, the middle (150, 160)."""
    box, image = np.float32([100, 100, 200, 220]), np.full((480, 640, 3), 7, np.uint8)
    assert placed_faces.occlusion_box(box, edge, image) == patch
    out = placed_faces.occlude(image, box, np.random.default_rng(5), edge)
    x0, y0, x1, y1 = patch
    out[y0:y1, x0:x1] = 7
    np.testing.assert_array_equal(out, image)
    assert placed_faces.occlusion_box(box - 90, edge, image)[:2] >= (0, 0)


def test_light_and_noise_by_hand():
    grey, box = np.full((200, 300, 3), 200, np.uint8), np.float32([100, 50, 200, 150])
    rng = np.random.default_rng(0)
    dim = placed_faces.low_light(grey, box, rng, 0.25)
    assert dim.mean() == pytest.approx(50, abs=0.2)
    assert dim.std() == pytest.approx(6, abs=0.2)
    lit = placed_faces.side_light(grey, box, rng, 0.1).astype(float)[0, :, 0]
    lit = lit if lit[0] < lit[-1] else lit[::-1]
    assert (lit[0], lit[-1]) == (20, 200)
    assert lit[149:151].mean() == pytest.approx(110, abs=2)  # the middle of the face, of the picture too
    noisy = placed_faces.gaussian_noise(np.full((200, 300, 3), 128, np.uint8), box, rng, 25)
    assert noisy.std() == pytest.approx(25, abs=0.5)
    assert (noisy[..., 0] == noisy[..., 2]).all()


def test_precision_by_size_excludes_other_sizes():
    truth = np.float32([[0, 0, 10, 10], [100, 0, 140, 40]])
    scenes = [(np.zeros((9, 9, 3), np.uint8), truth, NONE)]
    detected = [detections((100, 0, 140, 40, 0.9), (0, 50, 40, 90, 0.8), (0, 0, 10, 10, 0.7))]
    # Small: the large hit and the large false positive are excluded. Large: rank 1 is a hit, rank 2 is not, recall 1.
    assert measure.precision_between(detected, scenes, 8, 16) == pytest.approx(1)
    assert measure.precision_between(detected, scenes, 32, 64) == pytest.approx(1)
    # All: hits at ranks 1 and 3 of three: (1 + 2/3) / 2.
    assert measure.precision_between(detected, scenes, 0, 1e9) == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(measure.precision_between(detected, scenes, 16, 24))


class Staged:
    """Detector stub: one face unless the image is black, its score the mean grey level over 100."""

    def __call__(self, image):
        score = float(image.mean()) / 100
        return detections((0, 0, 10, 10, score)) if score > 0.02 else detections()


def empty(grey: int) -> FacePicture:
    encoded = cv2.imencode(".png", np.full((20, 20, 3), grey, np.uint8))[1].tobytes()
    none = np.zeros((0, 68, 2), np.float32)
    return FacePicture(str(grey), str(grey), "no_faces", encoded, none, none[:, :5], NONE)


def test_the_threshold_allows_one_false_positive_in_twenty():
    comparison = Comparison([DetectorMethod("staged", lambda threshold: Staged(), 0.7)])
    rows = comparison.set_thresholds([empty(grey) for grey in (90, 80, 60, *[0] * 17)])
    assert comparison.thresholds["staged"] == pytest.approx(0.8)  # only .9 is above it
    assert [row.values["staged"] for row in rows] == pytest.approx([0.8, 0.05, 0.7, 0.1, 0.15])
    truth = np.float32([[0, 0, 10, 10]])
    frames = [(np.full((20, 20, 3), grey, np.uint8), truth, NONE) for grey in (85, 70, 0, 90)]
    assert comparison.recall(frames, "", 4) == {"staged": 0.5}


def test_pseudo_labels_persist_in_the_neighbouring_frames():
    face, other = (0, 0, 40, 40), (100, 0, 160, 60)
    frames = [np.full((4, 4, 3), index, np.uint8) for index in range(3)]
    reference = {
        0: detections((*face, 0.6), (*other, 0.9)),
        1: detections((*face, 0.9), (*other, 0.85), (200, 0, 220, 20, 0.9), (300, 0, 340, 40, 0.5)),
        2: detections((2, 0, 42, 40, 0.6), (*other, 0.4)),
    }
    labelled = clips.reference_frame(*frames, lambda image: reference[int(image[0, 0, 0])])
    # The second box is missing in the last frame, the third is too small, the fourth has a low score.
    np.testing.assert_array_equal(labelled.confident, [face])
    assert len(labelled.candidates) == 4
    detected = detections((*face, 0.9), (305, 0, 345, 40, 0.8), (500, 0, 540, 40, 0.8), (600, 0, 640, 40, 0.3))
    assert clips.count(detected, labelled, 0.5) == clips.ClipCount(faces=1, found=1, extra=1)


def test_what_is_best_and_what_is_written(tmp_path):
    rows = [Row(t.group, t.name, 2, {"a": 0.5, "b": 1.0}, t.amount) for t in placed_faces.CONDITIONS]
    rows += [Row("time", "ms", 9, {"a": 1.0, "b": 2.0}, best=-1), Row("time", "none", 9, {"a": float("nan"), "b": 2.0})]
    assert report.best(rows[0]) == {"b"}
    assert report.best(rows[-2]) == {"a"}
    assert report.best(Row("x", "y", 1, {"a": 1.0, "b": 1.0})) == set()
    report.report(rows, ["c is left out"]).save(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| 24 px | 2 | 0.500 | **1.000** |" in text
    assert "c is left out" in text
    figures = json.loads((tmp_path / "figures.json").read_text())["rows"]
    assert figures[-1]["values"] == {"a": None, "b": 2.0}
    assert cv2.imread(str(tmp_path / "recall.png")) is not None


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Packs of enough people that some are held out."""
    people = [f"Person{chr(65 + i // 26)}{chr(97 + i % 26)}" for i in range(40)]
    return detector_packs(tmp_path / "data", people, ["Some_One.jpg"], 20, 60, "20,20,50,50")


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)


def test_the_command(data, tmp_path):
    out = tmp_path / "out"
    done = run("eval", "detector", "--data", data, "--limit", 1, "--side", 160, "--out", out)
    assert done.exception is None, done.output
    assert "YuNet is left out" in done.output
    assert "MediaPipe is left out" in done.output
    rows = json.loads((out / "figures.json").read_text())["rows"]
    groups = {row["group"] for row in rows}
    assert {placed_faces.SIZE_GROUP, placed_faces.TURN_GROUP, measure.TIME_GROUP} <= groups
    assert all(list(row["values"]) == ["detector"] for row in rows)


def test_only_held_out_people_are_read(data):
    from facetrain.samples.detector.scenes import SceneOptions
    from facetrain.tasks.detector import DetectorRecipe, read_sources

    shares = {"helen_train": 0.4, "ytfaces_train": 0.4, "expressions": 0.2}
    recipe = DetectorRecipe(teacher="", scenes=SceneOptions(shares=shares))
    training, validation = read_sources(data, recipe)
    held_out = measure.read_held_out(data, recipe)
    for name in ("faces", "crowds", "empties"):
        assert [p.name for p in getattr(held_out, name)] == [p.name for p in getattr(validation, name)]
    assert not {p.group for p in training.faces} & {p.group for p in held_out.faces}


def test_mistakes_are_one_sentence(data, tmp_path):
    for words, message in [
        (["--model", bundled_path("landmarks68")], "a detector network is needed"),
        (["--model", bundled_path("detector"), "--model", bundled_path("detector")], "different names"),
        (["--data", tmp_path / "nowhere"], "check the path"),
    ]:
        done = run("eval", "detector", "--data", data, *words)
        assert isinstance(done.exception, FacetrackError), done.output
        assert message in str(done.exception)


def test_names_of_runs_must_differ(tmp_path):
    with pytest.raises(DataError, match="different names"):
        methods.open_methods([bundled_path("detector")] * 2, tmp_path, 320)


def test_bins_of_yaw_by_hand():
    yaw = np.array([-90.0, -60.0, -59.9, -30.0, 0.0, 29.9, 30.0, 60.0, 95.0])
    assert turned_faces.in_bins(yaw) == [
        ("0 to 30 degrees", [4, 5]),
        ("30 to 60 degrees", [2, 3, 6]),
        ("60 to 90 degrees", [0, 1, 7, 8]),
    ]


def test_turned_faces_are_placed_at_every_size_and_empty_bins_are_left_out():
    points = np.float32(np.random.default_rng(1).uniform(30, 90, (68, 2)))
    encoded = cv2.imencode(".jpg", np.full((120, 120, 3), 90, np.uint8))[1].tobytes()
    none = np.zeros((0, 4), np.float32)
    face = FacePicture("a", "a", "aflw21", encoded, points[None], points[None, :5], none)
    conditions = list(turned_faces.placed([("0 to 30 degrees", []), ("60 to 90 degrees", [face])], [face], 3))
    assert [condition.name for condition, _ in conditions] == ["120 px, 60 to 90 degrees", "60 px, 60 to 90 degrees"]
    for (_, labelled), size in zip(conditions, (120, 60), strict=True):
        boxes = [box for _, box, _ in labelled]
        assert len(boxes) == 3
        assert all((box[0, 2:] - box[0, :2]).max() == pytest.approx(size, rel=0.02) for box in boxes)
