"""Training loop: it learns, a resumed run equals an uninterrupted one, and checkpoints are never unpickled."""

import os
import pickle
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from facetrack.errors import DataError
from facetrain.samples.sampling import EpochItems
from facetrain.training.checkpoint import load_weights
from facetrain.training.fit import FitOptions, fit
from facetrain.training.optim import parameter_groups
from facetrain.training.run_folder import train_into
from places import REPOSITORY


class Line(EpochItems):
    """y = 2 x - 1 at random x, drawn anew in each epoch."""

    def __init__(self, names=()):
        super().__init__(64)
        self.names = names

    def item(self, index, rng):
        x = rng.uniform(-1, 1, 1).astype(np.float32)
        return {"x": torch.from_numpy(x), "y": torch.from_numpy(2 * x - 1)}


class Linear(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return {"y": self.dropout(self.layer(x))}


def loss(outputs, batch):
    total = ((outputs["y"] - batch["y"]) ** 2).mean()
    return {"total": total}


OPTIONS = FitOptions(epochs=12, batch=8, learning_rate=0.1, weight_decay=0.0, ema_decay=0.5, workers=0, seed=1)


class StopAfterError(Exception):
    pass


def train(run_dir, stop_after=None, options=OPTIONS, dropout=0.0, names=()):
    torch.manual_seed(0)
    calls = []

    def validate(model):
        calls.append(1)
        if stop_after is not None and len(calls) > stop_after:
            raise StopAfterError
        return {"bias": model.layer.bias.item()}

    model = Linear(dropout)
    return fit(model, Line(names), loss, validate, options, run_dir)


def test_it_learns_and_leaves_its_files(tmp_path):
    model = train(tmp_path)
    assert float(model.layer.weight) == pytest.approx(2, abs=0.1)
    assert float(model.layer.bias) == pytest.approx(-1, abs=0.1)
    for name in ("last.pt", "model.safetensors", "history.jsonl", "curves.png"):
        assert (tmp_path / name).stat().st_size > 0
    assert list((tmp_path / "tensorboard").glob("events*"))
    saved = load_file(tmp_path / "model.safetensors")
    assert torch.equal(saved["layer.weight"], model.layer.weight)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, dropout):
    uninterrupted = train(tmp_path / "whole", dropout=dropout)
    with pytest.raises(StopAfterError):
        train(tmp_path / "cut", stop_after=3, dropout=dropout)
    resumed = train(tmp_path / "cut", dropout=dropout)
    for ours, theirs in zip(resumed.parameters(), uninterrupted.parameters(), strict=True):
        assert torch.equal(ours, theirs)

    def curve(name):
        lines = (tmp_path / name / "history.jsonl").read_text().splitlines()
        return [line.split('"seconds"')[0] + line.split('"train_total"')[1] for line in lines]

    assert curve("cut") == curve("whole")
    assert len(curve("cut")) == 12


def test_a_run_is_not_resumed_with_other_pictures(tmp_path):
    """Of the same number, too: dealt out again, a fold of a cross-validation may train on what it validates."""
    with pytest.raises(StopAfterError):
        train(tmp_path, stop_after=3, names=["a", "b"])
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for names in (["a", "b", "c"], ["b", "a"], ["a"], []):
        with pytest.raises(DataError, match=r"last\.pt was trained on other pictures"):
            train(tmp_path, names=names)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == kept
    state = torch.load(tmp_path / "last.pt")
    del state["samples"]  # as an older version wrote it
    torch.save(state, tmp_path / "last.pt")
    train(tmp_path, names=["a", "b", "c"])


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    train(tmp_path)
    with pytest.raises(DataError, match="another network"):
        fit(nn.Sequential(nn.Linear(3, 3)), Line(), loss, lambda m: {}, OPTIONS, tmp_path)


def test_a_checkpoint_is_never_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    (tmp_path / "last.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match="is not a checkpoint"):
        train(tmp_path)
    assert not (tmp_path / "owned").exists()


def test_too_little_data_for_a_batch_is_an_error(tmp_path):
    options = FitOptions(batch=100, workers=0)
    with pytest.raises(DataError, match="64 training samples do not fill one batch of 100"):
        fit(Linear(), Line(), loss, lambda m: {}, options, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_patience_ends_the_run_and_the_best_is_kept(tmp_path):
    figures = iter([3.0, 1.0, 2.0, 2.0, 2.0, 0.0])
    kept = []

    def validate(model):
        kept.append(model.layer.weight.item())
        return {"error": next(figures)}

    options = replace(OPTIONS, best_metric="error", patience=3)
    model = fit(Linear(), Line(), loss, validate, options, tmp_path)
    assert len(kept) == 5  # the second is best, and three worse ones follow
    assert model.layer.weight.item() == kept[1]


def test_a_metric_that_validation_does_not_give_is_named(tmp_path):
    with pytest.raises(DataError, match="best_metric is 'f1', but validation gives bias"):
        train(tmp_path, options=replace(OPTIONS, best_metric="f1"))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("schedule", ["cosine", "step", "constant"])
def test_other_optimizers_and_schedules_learn_too(tmp_path, optimizer, schedule):
    options = replace(OPTIONS, optimizer=optimizer, schedule=schedule, epochs=20, warm_up=0.0, ema_decay=0.0)
    assert train(tmp_path, options=options).layer.bias.item() == pytest.approx(-1, abs=0.15)


def test_frozen_parameters_stay(tmp_path):
    model = Linear()
    before = model.layer.weight.item()
    trained = fit(model, Line(), loss, lambda m: {}, replace(OPTIONS, freeze=("layer.weight",)), tmp_path)
    assert trained.layer.weight.item() == before
    assert trained.layer.bias.item() != 0
    with pytest.raises(DataError, match="no parameter starts so"):
        fit(Linear(), Line(), loss, lambda m: {}, replace(OPTIONS, freeze=("body",)), tmp_path / "b")
    with pytest.raises(DataError, match="every parameter is frozen"):
        fit(Linear(), Line(), loss, lambda m: {}, replace(OPTIONS, freeze=("layer",)), tmp_path / "c")


def test_layers_have_their_own_rates_and_biases_do_not_decay():
    groups = parameter_groups(Linear(), 0.1, 0.01, {"layer": 0.5, "layer.bias": 2.0})
    assert {(g["lr"], g["weight_decay"]) for g in groups} == {(0.05, 0.01), (0.2, 0.0)}


def test_weights_of_another_network_are_refused(tmp_path):
    train(tmp_path)
    with pytest.raises(DataError, match="belongs to another network"):
        load_weights(nn.Linear(2, 2), tmp_path / "model.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(DataError, match="not a safetensors file"):
        load_weights(Linear(), tmp_path / "text.safetensors")


@pytest.mark.parametrize("wrong", [{"optimizer": "lion"}, {"schedule": "linear"}])
def test_unknown_choices_are_named(wrong):
    with pytest.raises(DataError, match="expected one of"):
        FitOptions(**wrong)


def run_twice(code: str, *arguments: Path) -> None:
    """Run code in two processes, with torchrun's environment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    packages = [REPOSITORY / "tracker", REPOSITORY / "train", REPOSITORY / "tests" / "support", Path(__file__).parent]
    environment["PYTHONPATH"] = os.pathsep.join(str(path) for path in packages)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)], stderr=subprocess.PIPE, text=True,
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    for process in processes:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error


def test_two_processes_train_the_network_that_one_does(tmp_path):
    """Two gloo processes in torchrun's environment: half batches, averaged gradients, the weights of one process."""
    alone = train(tmp_path / "alone")
    run_twice("import sys, test_fit; from pathlib import Path; test_fit.train(Path(sys.argv[1]))", tmp_path / "two")
    saved = load_file(tmp_path / "two" / "model.safetensors")
    for name, value in alone.state_dict().items():
        np.testing.assert_allclose(saved[name], value, atol=1e-4)


class Normalised(Linear):
    """Linear network whose batch normalisation sees another share of the batches in each process."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1))


@dataclass(frozen=True)
class Recipe:
    fit: FitOptions


def train_normalised(results: Path, run_dir: Path) -> None:
    """Train by `train_into`, write every process's network to `results`, and a file as an export does."""

    def train(data: Path, folder: Path, recipe: Recipe) -> dict[str, float]:
        torch.manual_seed(0)
        network = fit(Normalised(), Line(), loss, lambda m: {}, recipe.fit, folder)
        with (folder / "exported.txt").open("a") as exported:
            exported.write(os.environ["RANK"])
        save_file(network.state_dict(), results / f"{os.environ['RANK']}.safetensors")
        return {}

    train_into(run_dir, train, results, Recipe(replace(OPTIONS, epochs=3)), "command", "line")


def test_every_process_ends_with_the_network_that_is_saved_and_only_the_first_writes(tmp_path):
    code = "import sys, test_fit; from pathlib import Path; test_fit.train_normalised(*map(Path, sys.argv[1:]))"
    for run, written_by in (("begun", "0"), ("resumed", "00")):
        run_twice(code, tmp_path, tmp_path / "run")
        saved = load_file(tmp_path / "run" / "model.safetensors")
        for rank in range(2):
            of_process = load_file(tmp_path / f"{rank}.safetensors")
            for name, value in saved.items():
                np.testing.assert_array_equal(of_process[name], value, err_msg=f"{run}, process {rank}, {name}")
        assert (tmp_path / "run" / "exported.txt").read_text() == written_by
        assert (tmp_path / "run" / "report.md").is_file()
