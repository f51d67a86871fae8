"""The training of turned faces from packs and label tables to an exported network, on packs that the test makes."""

import dataclasses

import numpy as np
import pytest
import torch

from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError
from facetrack.landmarker import Landmarker
from facetrain.export.load import open_network
from facetrain.formats.label_tables import LabelTable, empty_table, write_labels
from facetrain.models.attributes import AttributeNet
from facetrain.models.growth import infer_options
from facetrain.models.landmarks import TURNED, LandmarkNet, LandmarkNetOptions
from facetrain.samples.landmark_crops import CropOptions
from facetrain.samples.turned.sources import join, read_turned_sources
from facetrain.tasks.catalogue import find
from facetrain.tasks.turned import TurnedRecipe, fill_from, train_turned
from facetrain.training import recipe as recipes
from facetrain.training.checkpoint import save_weights
from facetrain.training.fit import FitOptions
from made_packs import add_images

TINY = LandmarkNetOptions(input_px=32, stem=4, widths=(4, 4, 8), depths=(1, 1, 1), head=4)
TURNED_TINY = dataclasses.replace(TINY, turned=True)
COUNT = 40


def table_of(names, rng, hand=False):
    arrays = empty_table(names)
    shape = (len(names), 68)
    arrays["points"] = rng.uniform(30, 90, (*shape, 2)).astype(np.float32)
    arrays["weight"] = np.ones(shape, np.float32)
    arrays["visible"] = (rng.random(shape) > 0.3).astype(np.float32)
    arrays["rotation"][:] = np.eye(3)
    arrays["rotation_weight"][:] = 1
    if hand:
        arrays["hand"] = rng.uniform(30, 90, (len(names), 21, 2)).astype(np.float32)
        arrays["hand"][::2, 9:12] = np.nan
    return LabelTable(names, **arrays)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Packs, their label tables in `labels`, and start.safetensors of a network without the further heads."""
    folder, rng = tmp_path_factory.mktemp("packs"), np.random.default_rng(0)
    for pack in ("helen_train", "aflw21"):
        names = tuple(f"face{i}.jpg" for i in range(COUNT))
        add_images(folder / f"{pack}.zip", names, rng, 120)
        table = table_of(names, rng, pack == "aflw21")
        write_labels(table, folder / "labels" / pack)
        np.savez(folder / f"{pack}.npz", names=np.array(names), points=table.points)
    add_images(folder / "no_faces.zip", ["nothing.jpg"], rng, 64)
    torch.manual_seed(0)
    save_weights(LandmarkNet(TINY), folder / "start.safetensors")
    return folder


def recipe_for(folder, epochs):
    fit = FitOptions(epochs=epochs, batch=8, per_epoch=16, workers=0, device="cpu", ema_decay=0.9)
    return TurnedRecipe(
        repeats={"helen_train": 2, "aflw21": 1},
        init=str(folder / "start.safetensors"),
        network=TINY,
        crops=CropOptions(negatives=0.2),
        fit=fit,
    )


def test_pictures_and_labels_are_joined_by_name_and_held_out_parts_stay_apart(folder):
    sources = read_turned_sources(folder, folder / "labels", {"helen_train": 1, "aflw21": 2}, ("aflw21",))
    held = {one.sample.name for one in sources.held["aflw21"]}
    assert held
    assert list(sources.held) == ["aflw21"]
    trained = {one.sample.name for one in sources.training if one.sample.source == "aflw21"}
    assert held | trained == {f"face{i}.jpg" for i in range(COUNT)}
    assert not held & trained
    assert "AFLW" in sources.terms


def test_a_pack_that_is_never_seen_is_for_validation_only(folder):
    sources = read_turned_sources(folder, folder / "labels", {"helen_train": 1, "aflw21": 0}, ("aflw21",))
    assert sources.held["aflw21"]
    assert {one.sample.source for one in sources.training} == {"helen_train"}
    assert not any("AFLW" in line for line in sources.data)


def test_a_table_of_another_pack_is_refused(folder):
    table = table_of(("stranger.jpg",), np.random.default_rng(0))
    with pytest.raises(DataError, match="names none of the pictures"):
        join(folder, table, "aflw21")


def test_training_exports_all_outputs_and_goes_on_where_it_stopped(folder, tmp_path):
    figures = train_turned(folder, tmp_path, recipe_for(folder, epochs=1))
    assert {"aflw21_hand_0", "aflw21_visible_auc", "before_aflw21_fit_0", "sigma_factor"} <= set(figures)
    engine = OnnxEngine(tmp_path / "model.onnx")
    assert list(engine.spec.outputs) == ["points", "sigma", "presence", "visibility", "rotation", "rotation_sigma"]
    outputs = engine(np.zeros((2, 32, 32, 3), np.uint8))
    assert outputs["visibility"].shape == (2, 68)
    np.testing.assert_allclose(outputs["rotation"][0] @ outputs["rotation"][0].T, np.eye(3), atol=1e-5)
    Landmarker(engine)  # the tracker takes the file
    again = open_network(tmp_path / "model.onnx", engine.spec)
    assert set(again(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))) == set(outputs)
    train_turned(folder, tmp_path, recipe_for(folder, epochs=2))
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 2


def test_weights_of_a_plain_network_fill_all_but_the_further_heads(folder):
    torch.manual_seed(1)
    network = LandmarkNet(TURNED_TINY)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert fill_from(network, str(folder / "start.safetensors")) is None
    after = network.state_dict()
    for name, value in after.items():
        if name.startswith(TURNED):
            torch.testing.assert_close(value, before[name])
    assert (after["heatmaps.weight"] != before["heatmaps.weight"]).any()


def test_a_networks_own_further_heads_are_taken_over(folder, tmp_path):
    torch.manual_seed(2)
    taught = LandmarkNet(TURNED_TINY)
    save_weights(taught, tmp_path / "taught.safetensors")
    network = LandmarkNet(TURNED_TINY)
    fill_from(network, str(tmp_path / "taught.safetensors"))
    assert infer_options(taught.state_dict(), 32).turned
    torch.testing.assert_close(network.turned.rotation.weight, taught.turned.rotation.weight)


def test_the_recipe_is_what_the_dataclass_says():
    entry, path = find("landmarks-turned")
    resolved = recipes.load(entry.kind, path)
    assert dataclasses.replace(resolved, fit=TurnedRecipe().fit) == TurnedRecipe()
    assert (resolved.fit.epochs, resolved.fit.per_epoch) == (32, 20_000)


def test_attribute_heads_stand_on_a_turned_trunk_and_keep_its_outputs():
    plain, turned = AttributeNet(TINY).eval(), AttributeNet(TURNED_TINY).eval()
    crops = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    assert set(turned(crops)) - set(plain(crops)) == {"visibility", "rotation", "rotation_sigma"}


def test_without_a_start_the_terms_are_those_of_the_packs(folder, tmp_path):
    recipe = dataclasses.replace(recipe_for(folder, epochs=1), init="", repeats={"aflw21": 1})
    train_turned(folder, tmp_path, recipe)
    assert "HELEN" not in OnnxEngine(tmp_path / "model.onnx").spec.terms
