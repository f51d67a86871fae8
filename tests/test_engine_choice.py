"""`--engine auto`: what is chosen, why, and how often it is measured."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from facetrack.engine import cache, choice
from facetrack.engine.choice import Choice, choose
from facetrack.modelfile import bundled_path

WEIGHTS = bundled_path("landmarks68")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A machine without a GPU, with OpenVINO, and an empty cache; returns the set of what can be imported."""
    installed = {"openvino"}
    monkeypatch.setattr(choice, "find_spec", lambda name: object() if name in installed else None)
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    return installed


class Trial:
    def __init__(self, onnx, openvino):
        self.took_ms, self.runs = {"onnx": onnx, "openvino": openvino}, []

    def __call__(self, path, threads):
        self.runs.append((path, threads))
        return self.took_ms


@pytest.mark.parametrize(("onnx", "openvino", "winner"), [(2.0, 1.5, "openvino"), (1.5, 2.0, "onnx"), (2, 2, "onnx")])
def test_the_faster_one_is_chosen_and_said(here, onnx, openvino, winner):
    chosen = choose(WEIGHTS, 1, Trial(onnx, openvino))
    assert chosen == Choice(winner, f"a face takes {onnx:.2f} ms in onnx, {openvino:.2f} ms in openvino")


def test_the_trial_is_run_once(here):
    trial = Trial(2, 1)
    assert [choose(WEIGHTS, 1, trial).engine for _ in range(3)] == ["openvino"] * 3
    assert trial.runs == [(WEIGHTS, 1)]


def test_it_is_run_again_for_other_weights_threads_processors_or_versions(here, monkeypatch):
    trial = Trial(2, 1)
    choose(WEIGHTS, 1, trial)
    choose(WEIGHTS, 2, trial)
    choose(bundled_path("appearance"), 1, trial)
    monkeypatch.setattr(cache, "cpu_name", lambda: "another")
    choose(WEIGHTS, 1, trial)
    monkeypatch.setattr(cache, "version", lambda package: f"{package} 99")
    choose(WEIGHTS, 1, trial)
    assert len(trial.runs) == 5
    choose(WEIGHTS, 1, trial)
    assert len(trial.runs) == 5


@pytest.mark.parametrize("damage", ["", "{}", '{"onnx": "fast", "openvino": 1}'])
def test_a_damaged_record_is_measured_again(here, damage):
    choose(WEIGHTS, 1, Trial(2, 1))
    path = choice.choice_key(WEIGHTS, 1).path(".json")
    path.write_text(damage)
    again = Trial(1, 2)
    assert choose(WEIGHTS, 1, again).engine == "onnx"
    assert len(again.runs) == 1
    assert json.loads(path.read_text()) == {"onnx": 1, "openvino": 2}


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(here, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(cache, "cache_folder", lambda: blocked)
    assert choose(WEIGHTS, 1, Trial(2, 1)).engine == "openvino"


def test_without_openvino_it_is_onnx_runtime(here):
    here.clear()
    trial = Trial(2, 1)
    assert choose(WEIGHTS, 1, trial) == Choice("onnx", "openvino is not installed")
    assert trial.runs == []


def test_with_a_gpu_and_its_extra_it_is_tensorrt(here, monkeypatch):
    torch = pytest.importorskip("torch", reason="needs the extra train")
    here.add("torch_tensorrt")
    trial = Trial(2, 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose(WEIGHTS, 1, trial).engine == "tensorrt"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose(WEIGHTS, 1, trial).engine == "openvino"


@pytest.mark.parametrize(("name", "engine"), [("x.xml", "openvino"), ("x.pt2", "torch")])
def test_a_file_that_one_engine_reads_decides(here, tmp_path, name, engine):
    assert choose(tmp_path / name).engine == engine


def test_the_command_says_what_it_chose(tmp_path):
    """On standard error, in one line; the trial is kept."""
    from facetrack.puppet import Puppet
    from facetrack.sinks import ImageSink

    need_openvino()
    with ImageSink(tmp_path / "in.png") as sink:
        sink.write(Puppet().image)
    done = subprocess.run(
        [sys.executable, "-m", "facetrack", "image", "in.png", "--out", "a.png", "--engine", "auto"],
        cwd=tmp_path, env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("engine: ")]
    assert len(said) == 1
    assert said[0].split()[1] in ("onnx", "openvino")
    assert "1 face found" in done.stderr
    assert [p.suffix for p in (tmp_path / "cache" / "facetrack" / "engines").iterdir()] == [".json"]


def need_openvino():
    """Not by importing it: that alone reports to its makers (`engine.openvino.need_openvino`)."""
    if find_spec("openvino") is None:
        pytest.skip("needs the extra openvino")
