"""`facetrack train`, from labelled faces to an exported network, with a small network."""

import json
import re
import shutil
import sys
import tomllib
from unittest import mock

import cv2
import pytest
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import FacetrackError
from facetrain.tasks import catalogue
from facetrain.training import recipe

TINY = [
    "network.input_px=64", "network.stem=4", "network.widths=[4, 4, 8]", "network.depths=[1, 1, 1]", "network.head=4",
    "fit.epochs=1", "fit.batch=16", "fit.workers=0", "folds=0",
]  # fmt: skip


def run(*arguments):
    """Run the command in this process; raises the exceptions that it raises."""
    words = [str(a) for a in arguments]
    with mock.patch.object(sys, "argv", ["facetrack", *words]):
        result = CliRunner().invoke(app, words, standalone_mode=False)
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
    for name in ("best.png", "median.png", "worst.png"):
        assert cv2.imread(str(trained / name)) is not None, name
    spec = OnnxEngine(trained / "model.onnx").spec
    assert (spec.kind, spec.input_px) == ("landmarks", 64)
    assert any("synthetic" in line for line in spec.data)
    assert json.loads((trained / "history.jsonl").read_text())["train_total"] > 0


def test_the_resolved_recipe_is_saved(trained):
    entry, _ = catalogue.find("landmarks")
    saved = recipe.load(entry.kind, trained / "recipe.toml")
    assert saved.network.widths == (4, 4, 8)
    assert saved.fit.batch == 16


def test_the_recipe_of_a_run_trains_it_again(trained, tmp_path):
    again = tmp_path / "again"
    run("train", trained / "recipe.toml", "--out", again)
    assert (again / "history.jsonl").read_text().split('"train')[1:] == (
        (trained / "history.jsonl").read_text().split('"train')[1:]
    )
    old, new = (tomllib.loads((folder / "recipe.toml").read_text()) for folder in (trained, again))
    assert old["run"].pop("command").endswith("--set folds=0")
    assert new["run"].pop("command") == f"facetrack train {trained / 'recipe.toml'} --out {again}"
    assert old == new
    assert old["run"]["data"] == "synthetic:24"
    assert old["task"] == "landmarks"


def test_every_line_is_in_the_log(trained):
    lines = (trained / "log.txt").read_text().splitlines()
    assert lines[0] == f"landmarks, from synthetic:24 into {trained}"
    (epoch,) = [line for line in lines if line.startswith("epoch 1/1  ")]
    assert re.search(r"loss [\d.]+ ↓  synthetic:24 NME 51 [\d.]+ % ↓  synthetic:24 NME [\d.]+ % ↓$", epoch)
    assert "↓ lower is better" in lines[lines.index(epoch) + 1]
    assert f"facetrack live --model {trained / 'model.onnx'}" in lines[-1]


@pytest.mark.parametrize(
    ("more", "message"),
    [(["--set", "fit.batch=8"], r"fit\.batch 16, now 8"), (["--data", "synthetic:25"], r"data synthetic:24, now syn")],
)
def test_a_run_is_not_resumed_with_other_settings(trained, more, message):
    before = (trained / "recipe.toml").read_text()
    with pytest.raises(FacetrackError, match=message):
        run("train", "landmarks", "--data", "synthetic:24", "--out", trained, *settings(TINY), *more)
    assert (trained / "recipe.toml").read_text() == before


def test_alone_it_lists_the_recipes_and_trains_landmarks(monkeypatch, tmp_path):
    from facetrain.training import run_folder

    monkeypatch.chdir(tmp_path)
    with mock.patch.object(run_folder, "train_into") as training:
        lines = run("train").output.splitlines()
    run_dir, train, data, resolved, command, task = training.call_args.args
    assert (str(run_dir), str(data), command, task) == (
        "runs/landmarks", "synthetic:240", "facetrack train", "landmarks",
    )  # fmt: skip
    entry, path = catalogue.find("landmarks")
    assert train is entry.train
    settings = ["fit.epochs=2", "fit.batch=32", "fit.learning_rate=5e-4", "fit.ema_decay=0.95", "validation_share=0.2"]
    assert resolved == recipe.load(entry.kind, path, ["init=bundled", *settings])
    assert {line.split()[0] for line in lines[1 : 1 + len(catalogue.ENTRIES)]} == set(catalogue.ENTRIES)


def test_the_report_describes_the_run(trained):
    text = (trained / "report.md").read_text()
    assert text.splitlines()[0] == "# run"
    assert f"facetrack train landmarks --data synthetic:24 --out {trained}" in text
    pictures = re.findall(r"!\[.*?\]\((.+?)\)", text)
    assert pictures == ["curves.png", "best.png", "median.png", "worst.png"]
    assert all((trained / name).is_file() for name in pictures)
    spec = OnnxEngine(trained / "model.onnx").spec
    assert spec.terms in text
    assert all(line in text for line in spec.data)
    assert f"| sigma | {spec.parity['sigma']:.2g} |" in text
    assert "| epochs | 1 in " in text
    assert f"facetrack video in.mp4 --out annotated.mp4 --model {trained / 'model.onnx'}" in text
    assert "Resumed" not in text
    resolved = re.search(r"```toml\n(.*?)```", text, re.DOTALL).group(1)
    saved = tomllib.loads((trained / "recipe.toml").read_text())
    assert tomllib.loads(resolved) == {name: saved[name] for name in saved if name not in ("task", "run")}


def test_a_resumed_run_reports_all_of_its_epochs(trained, tmp_path):
    resumed = tmp_path / "resumed"
    shutil.copytree(trained, resumed)
    (resumed / "report.md").unlink()
    run("train", "landmarks", "--data", "synthetic:24", "--out", resumed, *settings(TINY))  # no epoch is left
    text = (resumed / "report.md").read_text()
    assert "| epochs | 1 in " in text
    assert "Resumed" in text


def test_a_run_folder_is_evaluated(trained, tmp_path):
    run("eval", trained, "--data", "synthetic:6", "--boxes", "truth", "--out", tmp_path)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["faces"] == 6
    assert figures["nme_by_box_shift"]["0.0"] == pytest.approx(figures["nme"], rel=1e-5)
    assert figures["nme_by_box_scale"]["1.0"] == pytest.approx(figures["nme"], rel=1e-5)
    assert "optimistic" in figures["notes"][0]
    text = (tmp_path / "report.md").read_text()
    pictures = re.findall(r"!\[.*?\]\((.+?)\)", text)
    assert pictures == ["ced.png", "box_jitter.png", "best.png", "median.png", "worst.png"]
    assert all(cv2.imread(str(tmp_path / name)) is not None for name in pictures)


def test_help_fits_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = CliRunner().invoke(app, ["train", "--help"]).output
    assert len(text.strip().splitlines()) <= 24
    assert all(name in text for name in catalogue.ENTRIES)


def test_fine_tuning_starts_from_the_weights(trained, tmp_path):
    weights = trained / "model.onnx"
    run("train", "finetune", "--data", "synthetic:24", "--out", tmp_path, "--init", weights, *settings(TINY))
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
        (["train", "--data", "synthetic"], "nothing to train"),
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
