"""`facetrack train` from labelled faces to a network that `facetrack video` takes, small."""

import json
import sys

import pytest
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import FacetrackError
from facetrain import catalogue, recipe

TINY = [
    "network.input_px=64", "network.stem=4", "network.widths=[4, 4, 8]", "network.depths=[1, 1, 1]", "network.head=4",
    "fit.epochs=1", "fit.batch=16", "fit.workers=0",
]  # fmt: skip


def run(*arguments):
    """The command, in this process; what it raises on purpose comes out as it is."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def settings(values):
    return [part for value in values for part in ("--set", value)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("train") / "run"
    run("train", "landmarks", "--data", "synthetic:24", "--out", out, *settings(TINY))
    return out


def test_a_run_folder_holds_everything(trained):
    for name in ("model.onnx", "model.safetensors", "last.pt", "recipe.toml", "history.jsonl", "curves.png"):
        assert (trained / name).stat().st_size > 0, name
    assert (trained / "predictions.png").exists()
    spec = OnnxEngine(trained / "model.onnx").spec
    assert (spec.kind, spec.input_px) == ("landmarks", 64)
    assert any("synthetic" in line for line in spec.data)
    assert json.loads((trained / "history.jsonl").read_text())["train_total"] > 0


def test_the_resolved_recipe_is_saved(trained):
    entry, _ = catalogue.find("landmarks")
    saved = recipe.load(entry.kind, trained / "recipe.toml")
    assert saved.network.widths == (4, 4, 8)
    assert saved.fit.batch == 16


def test_fine_tuning_starts_from_the_weights(trained, tmp_path):
    weights = trained / "model.onnx"
    run("train", "finetune", "--data", "synthetic:24", "--out", tmp_path, "--init", weights, *settings(TINY[:5]),
        "--set", "fit.epochs=1", "--set", "fit.workers=0")  # fmt: skip
    spec = OnnxEngine(tmp_path / "model.onnx").spec
    assert "Started from landmarks68" in spec.terms or spec.terms == OnnxEngine(weights).spec.terms


@pytest.mark.parametrize("name", catalogue.ENTRIES)
def test_every_recipe_loads_also_its_short_version(name):
    entry, path = catalogue.find(name)
    for quick in (False, True):
        assert isinstance(recipe.load(entry.kind, path, (), quick), entry.kind)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "nothing to train"),
        (["train", "landmarks"], "no data"),
        (["train", "poems", "--data", "synthetic"], "no recipe 'poems'"),
        (["train", "landmarks", "--data", "nowhere"], "nowhere does not exist"),
        (["train", "landmarks", "--data", "synthetic", "--set", "fit.colour=1"], "unknown key colour"),
        (["train", "landmarks", "--data", "synthetic", "--set", "fit.schedule=linear"], "expected one of"),
        (["train", "finetune", "--data", "synthetic:24", "--init", "nowhere.onnx"], "nowhere.onnx"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FacetrackError, match=message) as caught:
        run(*arguments)
    assert "\n" not in str(caught.value)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(FacetrackError, match=r"facetrack\[train\]"):
        run("train", "landmarks", "--data", "synthetic")
