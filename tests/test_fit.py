"""The loop: it learns, it resumes onto the same curve, and it never unpickles."""

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from facetrack.errors import DataError
from facetrain.fit import FitOptions, fit, one_cycle


class Line:
    """y = 2 x - 1 with noise that hangs on the epoch."""

    def __init__(self):
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return 64

    def __getitem__(self, index):
        x = np.random.default_rng((self.epoch, index)).uniform(-1, 1, 1).astype(np.float32)
        return {"x": torch.from_numpy(x), "y": torch.from_numpy(2 * x - 1)}


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x):
        return {"y": self.layer(x)}


def loss(outputs, batch):
    total = ((outputs["y"] - batch["y"]) ** 2).mean()
    return {"total": total}


OPTIONS = FitOptions(epochs=12, batch=8, learning_rate=0.1, weight_decay=0.0, ema_decay=0.5, workers=0, seed=1)


class StopAfterError(Exception):
    pass


def train(run_dir, stop_after=None):
    torch.manual_seed(0)
    calls = []

    def validate(model):
        calls.append(1)
        if stop_after is not None and len(calls) > stop_after:
            raise StopAfterError
        return {"bias": model.layer.bias.item()}

    model = Linear()
    return fit(model, Line(), loss, validate, OPTIONS, run_dir)


def test_it_learns_and_leaves_its_files(tmp_path):
    model = train(tmp_path)
    assert float(model.layer.weight) == pytest.approx(2, abs=0.1)
    assert float(model.layer.bias) == pytest.approx(-1, abs=0.1)
    for name in ("last.pt", "model.safetensors", "history.jsonl", "curves.png"):
        assert (tmp_path / name).stat().st_size > 0
    assert list((tmp_path / "tensorboard").glob("events*"))
    saved = load_file(tmp_path / "model.safetensors")
    assert torch.equal(saved["layer.weight"], model.layer.weight)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    whole = train(tmp_path / "whole")
    with pytest.raises(StopAfterError):
        train(tmp_path / "cut", stop_after=3)
    resumed = train(tmp_path / "cut")
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)

    def curve(name):
        lines = (tmp_path / name / "history.jsonl").read_text().splitlines()
        return [line.split('"seconds"')[0] + line.split('"train_total"')[1] for line in lines]

    assert curve("cut") == curve("whole")
    assert len(curve("cut")) == 12


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


def test_too_little_data_for_a_batch_is_one_sentence(tmp_path):
    options = FitOptions(batch=100, workers=0)
    with pytest.raises(DataError, match="64 training samples do not fill one batch of 100"):
        fit(Linear(), Line(), loss, lambda m: {}, options, tmp_path)


def test_one_cycle_rises_peaks_and_falls():
    rates = [one_cycle(step, 100, 1.0, 0.1) for step in range(100)]
    assert int(np.argmax(rates)) in (9, 10)
    assert max(rates) == pytest.approx(1.0)
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] < 0.01
