"""Seed recipes: losses, masks, and every network overfitting a few faces and exporting."""

import dataclasses
import math

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from facetrack import topology, topology_maps
from facetrack.demo_clip.puppet import Puppet
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError
from facetrack.geometry import CropBox
from facetrack.landmarker import Landmarker
from facetrain.augment.mirror import mirrored
from facetrain.augment.webcam import AugmentOptions
from facetrain.formats.public.kaggle import as_kaggle
from facetrain.metrics.binary import binary_figures
from facetrain.metrics.confusion import confusion_matrix, f1_scores, save_confusion
from facetrain.models.cnn128 import Cnn128Options
from facetrain.models.eac import EacOptions
from facetrain.models.tcdcn import TcdcnOptions
from facetrain.sample import Sample
from facetrain.samples.landmark_crops import CropOptions
from facetrain.seeds import cnn128, expression, kaggle, tcdcn
from facetrain.seeds.faces import TaskFaces, jittered_faces
from facetrain.seeds.pictures import FlippedPictures, Pictures
from facetrain.seeds.suite import SEEDS, Seed, row
from facetrain.training import recipe as recipes
from facetrain.training.checkpoint import load_checkpoint
from facetrain.training.fit import FitOptions

STILL = AugmentOptions(
    rotation_deg=0, wide_rotation_deg=0, shift=0.0, scale=(1.0, 1.0), flip=0.0, light=0.0, grey=0.0,
    blur=0.0, noise=0.0, jpeg=0.0, low_resolution=0.0, occlusion=0.0,
)  # fmt: skip
QUICK = FitOptions(epochs=25, batch=8, learning_rate=3e-3, weight_decay=0.0, ema_decay=0.0, workers=0, threads=1)


@pytest.fixture(scope="module")
def faces():
    """One photographed face under twelve names, which seed the jitter of the crops."""
    puppet = Puppet()
    image = cv2.resize(puppet.image, puppet.size, interpolation=cv2.INTER_AREA)
    points, ones = puppet.points.astype(np.float32), np.ones(68, np.float32)
    return [Sample(f"a{i}.jpg", f"a{i}", "puppet", image, points, ones) for i in range(12)]


def fives(faces):
    points = topology.five_from_68(faces[0].points)
    bits = [{"male": i % 2, "smile": i // 2 % 2, "glasses": 0.0, "pose_bin": i % 5 + 1.0} for i in range(len(faces))]
    ones = np.ones(5, np.float32)
    return [
        dataclasses.replace(face, points=points, weight=ones, scheme=topology_maps.FIVE, attributes=known)
        for face, known in zip(faces, bits, strict=True)
    ]


def pictures(n=3, k=15):
    rng = np.random.default_rng(0)
    points = rng.uniform(10, 80, (n, k, 2)).astype(np.float32)
    return Pictures(rng.integers(0, 256, (n, 96, 96, 3), np.uint8), points, np.ones((n, k), np.float32))


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.recipe)
def test_every_recipe_loads_also_with_its_quick_values(seed):
    path = recipes.FOLDER / f"{seed.recipe}.toml"
    whole = recipes.load(seed.kind, path)
    assert recipes.load(seed.kind, path, (), quick=True) != whole
    if isinstance(whole, kaggle.KaggleRecipe | expression.ExpressionRecipe):
        assert whole.network == seed.recipe


def test_kaggle_loss_is_the_authors_and_masks_what_is_missing():
    truth = torch.tensor([[[10.0, 20.0], [0.0, 0.0]]])
    predicted = truth + torch.tensor([[[4.8, -9.6], [1000.0, 1000.0]]])
    batch = {"points": truth, "weight": torch.tensor([[1.0, 0.0]])}
    # ((4.8 / 48)^2 + (9.6 / 48)^2) / 2
    assert kaggle.KaggleLoss()({"points": predicted}, batch)["total"].item() == pytest.approx(0.025)
    assert kaggle.KaggleLoss(unit=1.0)({"points": predicted}, batch)["total"].item() == pytest.approx(0.025 * 48**2)


def test_rmse_is_kaggles_and_the_loss_its_square_over_48():
    held_out = pictures()
    held_out.weight[0, 3] = 0
    predicted = held_out.points + np.float32(3.0)
    predicted[0, 3] += 500
    assert kaggle.rmse_px(predicted, held_out) == pytest.approx(3.0)
    # Nouri's figures: a validation loss of .00326 is 2.74 px.
    assert math.sqrt(0.00326) * 48 == pytest.approx(2.74, abs=0.005)


def test_constant_predictions_have_no_spread():
    held_out = pictures()
    assert kaggle.spread(
        np.broadcast_to(kaggle.mean_shape(held_out), held_out.points.shape), held_out
    ) == pytest.approx(0, abs=1e-6)
    assert kaggle.spread(held_out.points, held_out) == pytest.approx(1.0)


def test_real_kaggle_rows_are_unchanged_but_masked():
    points = np.full((15, 2), 30.0, np.float32)
    points[4] = np.nan
    image = np.full((96, 96, 3), 77, np.uint8)
    sample = Sample("1", "1", "kaggle", image, points, np.ones(15, np.float32), topology_maps.KAGGLE_15)
    made = kaggle.pictures_of([as_kaggle(sample)])
    assert np.array_equal(made.crops[0], image)
    assert made.weight[0].tolist() == [1.0] * 4 + [0.0] + [1.0] * 10
    assert np.isfinite(made.points).all()


def test_the_spread_is_of_the_known_points():
    held_out = pictures()
    held_out.weight[:, 2] = 0
    held_out.weight[0, 5] = 0
    predicted = held_out.points.copy()
    predicted[:, 2] += np.array([0, 300, 900], np.float32)[:, None]
    predicted[0, 5] += 500
    assert kaggle.spread(predicted, held_out) == pytest.approx(1.0)
    assert kaggle.spread(predicted[:2], held_out) == pytest.approx(kaggle.spread(held_out.points[:2], held_out))


def test_mirrored_pictures_have_their_points_swapped():
    held_out = pictures(1)
    item = FlippedPictures(held_out, kaggle.FLIP, flip=1.0)[0]
    assert torch.equal(item["crop"], torch.from_numpy(held_out.crops[0, :, ::-1].copy()))
    assert item["points"][0].tolist() == pytest.approx([95 - held_out.points[0, 1, 0], held_out.points[0, 1, 1]])
    twice = mirrored(mirrored(held_out.points, kaggle.FLIP, 96), kaggle.FLIP, 96)
    np.testing.assert_allclose(twice, held_out.points, atol=1e-4)


def multi_task(pose_weight=0.3, auxiliary=True):
    loss = tcdcn.MultiTaskLoss(pose=pose_weight, auxiliary=auxiliary)
    outputs = {
        "points": torch.zeros(2, 5, 2), "gender": torch.zeros(2), "smile": torch.zeros(2), "glasses": torch.zeros(2),
        "pose": torch.zeros(2, 5),
    }  # fmt: skip
    batch = {
        "points": torch.full((2, 5, 2), 8.0), "weight": torch.tensor([[1.0] * 5, [0.0] * 5]),
        "gender": torch.tensor([1.0, 0.0]), "smile": torch.tensor([1.0, -1.0]), "glasses": torch.tensor([-1.0, -1.0]),
        "pose": torch.tensor([2.0, -1.0]),
    }  # fmt: skip
    return loss(outputs, batch)


def test_the_multi_task_loss_by_hand():
    terms = multi_task()
    # One face has points: half of ten squares of 8 / 40.
    assert terms["points"].item() == pytest.approx(0.5 * 10 * 0.04)
    assert terms["smile"].item() == pytest.approx(math.log(2))
    assert terms["glasses"].item() == 0.0
    assert terms["pose"].item() == pytest.approx(math.log(5))
    expected = 0.2 + 0.1 * (math.log(2) + math.log(2) + 0) + 0.3 * math.log(5)
    assert terms["total"].item() == pytest.approx(expected)
    assert multi_task(auxiliary=False)["total"].item() == pytest.approx(0.2)


def test_missing_points_have_no_weight_but_attributes_are_used(faces):
    sample = fives(faces)[1]
    nothing = np.zeros((0, 2), np.float32)
    without_points = dataclasses.replace(sample, points=nothing, weight=nothing[:, 0], scheme="")
    item = TaskFaces([without_points], topology_maps.FIVE, 40, 2.2, STILL)[0]
    assert item["weight"].sum() == 0
    assert torch.isfinite(item["points"]).all()
    assert (item["gender"].item(), item["pose"].item()) == (1.0, 1.0)


def test_a_mirrored_head_has_the_opposite_pose(faces):
    item = TaskFaces(fives(faces)[1:2], topology_maps.FIVE, 40, 2.2, dataclasses.replace(STILL, flip=1.0))[0]
    assert item["pose"].item() == 3.0
    assert item["points"][0, 0] < item["points"][1, 0]  # the right eye is still on the image's left


def test_binary_metrics_by_hand():
    figures = binary_figures(np.array([1, 1, 1, 0, 0]) > 0, np.array([1, 1, 0, 1, -1.0]))
    assert figures == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3})


def test_confusion_and_f1_by_hand(tmp_path):
    matrix = confusion_matrix(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), 3)
    assert matrix.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert f1_scores(matrix).tolist() == pytest.approx([0.5, 2 / 3, 0.0])
    save_confusion(matrix, ("a", "b", "c"), tmp_path / "c.png")
    assert cv2.imread(str(tmp_path / "c.png")) is not None


def test_a_class_of_too_few_faces_does_not_select_the_epoch():
    class FirstPixel(torch.nn.Module):  # predicts the class whose index is the crop's first pixel
        def __init__(self):
            super().__init__()
            self.one = torch.nn.Parameter(torch.ones(1))

        def forward(self, crops):
            return {"expression": torch.nn.functional.one_hot(crops[:, 0, 0, 0].long(), 7).float() * self.one}

    labels = np.array([0] * 10 + [1] * 10 + [2] * 9)
    predicted = np.array([0] * 10 + [1] * 5 + [0] * 5 + [1] * 9)
    crops = np.broadcast_to(predicted[:, None, None, None], (29, 2, 2, 3)).astype(np.uint8)
    figures = expression.figures_of(FirstPixel(), crops, labels)
    f1 = [20 / 25, 10 / 24, 0]  # the third class has nine faces, all misclassified
    assert figures == pytest.approx({"macro_f1": sum(f1) / 3, "macro_f1_measurable": sum(f1) / 2, "accuracy": 15 / 29})


def test_a_kaggle_network_overfits_a_few_faces(faces, tmp_path):
    fast = dataclasses.replace(QUICK, epochs=8, learning_rate=1e-3, optimizer="adam")
    recipe = kaggle.KaggleRecipe(network="kaggle-mlp", flip=0.0, fit=fast)
    faces = [as_kaggle(face) for face in faces]
    figures = kaggle.train_points(faces * 16, faces, tmp_path, recipe)
    assert figures["rmse_px"] < 0.5 * figures["rmse_mean_shape_px"]
    assert figures["spread"] > 0.7
    engine = OnnxEngine(tmp_path / "model.onnx")
    assert (engine.spec.topology, engine.spec.input_px) == ("kaggle-15", 96)
    assert engine(kaggle.pictures_of(faces[:2]).crops)["points"].shape == (2, 15, 2)
    assert kaggle.ensemble_rmse([tmp_path, tmp_path]) == pytest.approx(figures["rmse_px"], rel=1e-4)
    with pytest.raises(DataError, match="expected kaggle-mlp"):
        kaggle.build_network(kaggle.KaggleRecipe(network="lenet"))


def test_cnn128_learns_and_its_network_runs_in_the_tracker(faces, tmp_path):
    network = Cnn128Options(input_px=64, width=0.15, dense=48)
    still = dataclasses.replace(STILL, shift=0.05)
    crops = CropOptions(margin=1.3, negatives=0.0, augment=still)
    recipe = cnn128.Cnn128Recipe(network=network, crops=crops, fit=dataclasses.replace(QUICK, epochs=8))
    figures = cnn128.train_faces(faces * 5, faces, faces[:2], [], tmp_path, recipe)
    assert figures["nme"] < 3
    assert figures["nme_shift_0.1"] > figures["nme"]
    face = faces[0]
    middle = (face.points.min(axis=0) + face.points.max(axis=0)) / 2
    size = 1.3 * float(np.ptp(face.points, axis=0).max())
    box = CropBox(*map(float, middle), size)
    reading = Landmarker(OnnxEngine(tmp_path / "model.onnx"))(face.image, [box])[0]
    assert np.linalg.norm(reading.landmarks.points - face.points, axis=1).mean() < 4
    assert (reading.landmarks.sigma > 0).all()


def test_tcdcn_trains_all_stages(faces, tmp_path):
    few = dataclasses.replace(QUICK, epochs=5)
    recipe = tcdcn.TcdcnRecipe(
        network=TcdcnOptions(widths=(4, 8, 8, 8), features=24),
        dense_network=TcdcnOptions(widths=(4, 8, 8, 8), features=24, points=68),
        augment=STILL, tasks_fit=few, points_fit=few, dense_fit=few,
    )  # fmt: skip
    model, figures = tcdcn.train_tasks(fives(faces) * 4, fives(faces), tmp_path, recipe)
    assert figures["error"] < figures["error_with_tasks"] + 1
    assert figures["error"] < 15
    assert {type(value) for value in figures.values()} == {float}  # else last.pt could not be loaded without pickle
    assert load_checkpoint(tmp_path / "points" / "last.pt")["epoch"] == 5
    tcdcn.train_dense(model, faces, faces, faces, tmp_path, recipe)
    kept = OnnxEngine(tmp_path / "tasks" / "model.onnx").spec
    assert (kept.topology, set(kept.outputs)) == ("five", {"points", "gender", "smile", "glasses", "pose"})
    assert OnnxEngine(tmp_path / "dense" / "model.onnx").spec.topology == "300w-68"


@pytest.mark.parametrize("network", ["eac", "expression-vgg"])
def test_expression_networks_learn_a_difference(faces, tmp_path, network):
    dark = [dataclasses.replace(face, attributes={"emotion": "anger"}, image=face.image // 8) for face in faces]
    light = [dataclasses.replace(face, attributes={"emotion": "happiness"}) for face in faces]
    frozen = ("body.0",) if network == "expression-vgg" else ()
    fast = dataclasses.replace(QUICK, epochs=4, per_epoch=96, freeze=frozen)
    recipe = expression.ExpressionRecipe(
        network=network, smoothing=0.0, width=0.05, dense=32,
        eac=EacOptions(input_px=64, width=0.05, local=4, dense=32), augment=STILL, fit=fast,
        pretrain=dataclasses.replace(QUICK, epochs=1),
    )  # fmt: skip
    figures = expression.train_faces(dark + light, dark + light, tmp_path, recipe)
    assert figures["macro_f1"] > 0.95
    assert figures["f1_fear"] == 0.0
    assert (tmp_path / "confusion.png").stat().st_size > 0
    assert OnnxEngine(tmp_path / "model.onnx").spec.outputs.keys() == {"expression"}
    if network == "expression-vgg":
        body = str(tmp_path / "body" / "body.safetensors")
        again = expression.build([], tmp_path, dataclasses.replace(recipe, body=body))
        trained = load_file(tmp_path / "model.safetensors")
        assert torch.equal(again.body[0][0].weight, trained["body.0.0.weight"])  # frozen: as it was pretrained


def test_the_table_contains_the_runs_figures(tmp_path):
    (tmp_path / "history.jsonl").write_text('{"seconds": 30.0}\n{"seconds": 60.0}\n')
    seed = Seed("x", lambda *_: {}, dict, "faces", {"rmse_px": "RMSE {:.2f} px"}, "2.74", "less data")
    made = row(seed, tmp_path, {"rmse_px": 3.14159}, 10.0)
    assert list(made.values()) == ["x", "faces", "2", "1.5 min", "RMSE 3.14 px", "2.74", "less data"]


def test_jittered_test_crops_are_reproducible(faces):
    first, second = jittered_faces(faces, 1.15, 40), jittered_faces(faces, 1.15, 40)
    assert np.array_equal(first.crops, second.crops)
    assert len(np.unique(first.points[:, 0, 0])) == len(faces)
