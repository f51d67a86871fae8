"""Training task of the eye network: forms of its input, the loss's optimum, training and export."""

import numpy as np
import pytest
import torch

from facetrack.engine.onnx import OnnxEngine
from facetrack.modelfile import EYES_COLUMNS, EYES_SIZE
from facetrain.export.load import open_network
from facetrain.models.eyes.labels import SHAPES, pack
from facetrain.models.eyes.loss import EyeLoss
from facetrain.models.eyes.network import EyeNet, EyeNetOptions
from facetrain.samples.eyes.table import COLUMNS, ROWS, Eye, write_table
from facetrain.tasks.eyes import EyesRecipe, train_eyes
from facetrain.training.fit import FitOptions


def batch(count, **values):
    labels = {name: np.zeros((count, *size)) for name, size in SHAPES.items()}
    labels |= {name: np.asarray(value) for name, value in values.items()}
    rows = [pack({name: value[i] for name, value in labels.items()}) for i in range(count)]
    return {"labels": torch.from_numpy(np.stack(rows))}


def test_two_eyes_of_a_face_are_read_as_each_alone():
    torch.manual_seed(0)
    network = EyeNet(EyeNetOptions()).eval()
    eyes = torch.randint(0, 256, (6, 32, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        alone = network(eyes)["eyes"]
        together = network(eyes.reshape(3, 64, 64, 3))["eyes"]
    assert together.shape == (3, 2, EYES_SIZE)
    assert torch.allclose(alone.reshape(3, 2, -1), together, atol=1e-5)


def test_the_gaze_of_a_loss_is_least_where_it_looks():
    loss = EyeLoss(state=0, covered=0, iris=0, contour=0, gap=0)
    truth = batch(1, gaze=[[0.3, -0.2]], gaze_weight=[1.0])

    def at(x, y):
        outputs = torch.zeros(1, 1, EYES_SIZE)
        outputs[0, 0, EYES_COLUMNS["gaze"]] = torch.tensor([x, y])
        return float(loss({"eyes": outputs}, truth)["total"])

    assert at(0.3, -0.2) < min(at(0.35, -0.2), at(0.3, -0.1), at(0.25, -0.3))


def test_eyes_that_look_aside_weigh_more_in_the_gaze():
    # Both are wrong by as much; the one that looks aside by 30 degrees (x = .5) weighs 1 + 6 / 4.
    loss = EyeLoss(state=0, covered=0, iris=0, contour=0, gap=0)

    def term(x):
        outputs = torch.zeros(1, 1, EYES_SIZE)
        outputs[0, 0, EYES_COLUMNS["gaze"]] = torch.tensor([x + 0.1, 0.0])
        return float(loss({"eyes": outputs}, batch(1, gaze=[[x, 0.0]], gaze_weight=[1.0]))["gaze"])

    assert term(0.5) == pytest.approx(2.5 * term(0.0), rel=1e-5)


def test_the_loss_is_least_at_the_truth_with_the_errors_own_scale():
    # A Laplace density's likelihood is largest where its scale is the mean absolute error.
    loss = EyeLoss(state=0, covered=0, iris=0, contour=0)
    truth = batch(2, gap=[0.3, 0.3], gap_weight=[1.0, 1.0])

    def at(gap, scale):
        outputs = torch.zeros(2, 1, EYES_SIZE)
        outputs[:, 0, EYES_COLUMNS["gap"]] = torch.tensor([[0.3 - gap], [0.3 + gap]])
        outputs[:, 0, EYES_COLUMNS["gap_scale"]] = float(np.log(scale))
        return float(loss({"eyes": outputs}, truth)["total"])

    assert at(0.1, 0.1) < min(at(0.1, 0.05), at(0.1, 0.2))
    assert at(0.05, 0.1) < at(0.1, 0.1)


def test_a_set_of_possible_states_is_satisfied_by_any_of_them():
    loss = EyeLoss(contour=0, iris=0, gap=0, covered=0)

    def at(logits, possible):
        outputs = torch.zeros(1, 1, EYES_SIZE)
        outputs[0, 0, EYES_COLUMNS["state"]] = torch.tensor(logits)
        return float(loss({"eyes": outputs}, batch(1, state=[possible], state_weight=[1.0]))["total"])

    assert at([9.0, 0, 0], [1, 1, 0]) == pytest.approx(0, abs=1e-3)
    assert at([0, 9.0, 0], [1, 1, 0]) == pytest.approx(0, abs=1e-3)
    assert at([0, 0, 9.0], [1, 1, 0]) > 5
    # Equal logits: probability 2/3 for two of three.
    assert at([0.0, 0, 0], [1, 1, 0]) == pytest.approx(np.log(1.5), abs=1e-5)


def drawn_eyes(count):
    """Bright discs for open eyes, dark bars for shut ones: what a network learns in a few steps."""
    rng = np.random.default_rng(0)
    for index in range(count):
        crop = np.full((ROWS, COLUMNS, 3), 120, np.uint8)
        is_open = index % 2 == 0
        crop[ROWS // 2 - (8 if is_open else 2) : ROWS // 2 + (8 if is_open else 2), 40:72] = 250 if is_open else 10
        eye = Eye(crop + rng.integers(0, 4, crop.shape, np.uint8), f"{index}", f"{index}", "eyes")
        eye.set_state("open" if is_open else "shut")
        yield eye


def test_training_learns_exports_and_reopens(tmp_path):
    write_table(drawn_eyes(160), tmp_path / "eyes")
    fit = FitOptions(epochs=2, per_epoch=1280, batch=32, workers=0, threads=1, learning_rate=3e-3, ema_decay=0.9)
    figures = train_eyes(tmp_path, tmp_path / "run", EyesRecipe(fit=fit))
    assert figures["eyes"] > 90
    path = tmp_path / "run" / "model.onnx"
    engine = OnnxEngine(path)
    assert (engine.spec.kind, engine.spec.input_px) == ("eyes", 64)
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    with torch.inference_mode():
        again = open_network(path, engine.spec)(torch.from_numpy(crops))["eyes"].numpy()
    assert engine(crops)["eyes"] == pytest.approx(again, abs=1e-3)
