"""Training of the blendshape network on faces whose blendshapes follow from their points by a known rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.facetrack.blendshapes.test_features import SIGNALS, face_at

from facetrack.blendshapes import ShapeNetwork
from facetrack.errors import DataError
from facetrack.types.signals import ARKIT_52
from facetrain.samples.blendshapes.table import (
    LIPS_PX,
    ShapeRow,
    pose_values,
    read_tables,
    signal_values,
    signals_of,
    write_table,
)
from facetrain.tasks.blendshapes import ShapeRecipe, r2, rows_of, train_blendshapes

LEFT_BROW, CHIN = range(22, 27), range(5, 12)


def made(index: int, rng: np.random.Generator) -> ShapeRow:
    """Make a face with its left brow up by 8 mm x browOuterUpLeft and its chin down by 20 mm x jawOpen."""
    brow, jaw = rng.uniform(0, 1, 2)
    moved = np.zeros((68, 3))
    moved[LEFT_BROW, 1], moved[CHIN, 1] = -8.0 * brow, 20.0 * jaw
    face = face_at(*rng.normal(0, 8, 3).tolist(), moved)
    shapes = np.zeros(52, np.float32)
    shapes[ARKIT_52.index("browOuterUpLeft")], shapes[ARKIT_52.index("jawOpen")] = brow, jaw
    shapes[ARKIT_52.index("browOuterUpRight")] = 0.1 * rng.random()
    assert face.pose is not None
    lips = np.zeros(LIPS_PX[::-1], np.uint8)
    marks = face.landmarks
    return ShapeRow(
        f"{index}.jpg", f"person {index}", "made", 0, marks.points, marks.sigma, pose_values(face.pose),
        signal_values(face.signals), shapes, lips,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("tables")
    assert write_table((made(index, rng) for index in range(400)), folder / "made.npz") == 400
    return folder


def test_a_training_learns_the_rule_and_leaves_out_what_does_not_vary(tables: Path, tmp_path: Path) -> None:
    recipe = ShapeRecipe(tables=str(tables), epochs=20, decay=0.05, noise=0.01, least_r2=0.6)
    figures = train_blendshapes(tmp_path, tmp_path / "run", recipe)
    network = ShapeNetwork(tmp_path / "run" / "model.npz")
    assert "jawOpen" in network.names
    assert not {"mouthSmileLeft", "tongueOut"} & set(network.names)
    assert figures["r2/jawOpen"] > 0.8
    rows = rows_of(read_tables(tables))
    predicted = network(rows.features)[:, network.names.index("jawOpen")]
    assert np.corrcoef(predicted, rows.values[:, ARKIT_52.index("jawOpen")])[0, 1] > 0.9


def test_signals_come_back_from_the_table() -> None:
    back = signals_of(signal_values(SIGNALS))
    assert (back.mouth.openness, back.mouth.open_prob) == pytest.approx((0.4, 0.5))
    assert (back.eyes.left.gap, back.eyes.right.gaze_yaw_deg) == pytest.approx((0.05, 12.0))
    assert back.smile.prob == pytest.approx(0.7)


def test_r2_by_hand() -> None:
    truth = np.array([[0.0, 0.5], [1.0, 0.5]], np.float32)
    assert r2(np.array([[0.0, 0.5], [0.5, 0.5]], np.float32), truth)[0] == pytest.approx(1 - 0.125 / 0.25)
    assert np.isnan(r2(truth, truth)[1])


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no table of faces"):
        read_tables(tmp_path)
