"""`--engine auto`: the chosen engine, its reason, and the caching of the speed comparison."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.engine import cache, choice
from facetrack.engine.choice import Candidate, Choice, check, choose, open_engine, start_with_fallback
from facetrack.errors import FacetrackError, ModelFileError
from facetrack.modelfile import bundled_path

WEIGHTS = bundled_path("landmarks68")


@pytest.fixture
def installed_packages(tmp_path, monkeypatch):
    """Simulate a machine without a GPU, with OpenVINO and an empty cache; returns the set of importable packages."""
    installed = {"openvino"}
    monkeypatch.setattr(choice, "find_spec", lambda name: object() if name in installed else None)
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    return installed


class Trial:
    def __init__(self, onnx, openvino):
        self.latency_ms, self.runs = {"onnx": onnx, "openvino": openvino}, []

    def __call__(self, candidates, threads):
        self.runs.append((candidates[0].path, threads))
        return self.latency_ms


@pytest.mark.parametrize(("onnx", "openvino", "winner"), [(2.0, 1.5, "openvino"), (1.5, 2.0, "onnx"), (2, 2, "onnx")])
def test_the_faster_engine_is_chosen_and_reported(installed_packages, onnx, openvino, winner):
    chosen = choose(WEIGHTS, 1, Trial(onnx, openvino))
    assert chosen == Choice(winner, f"latency per face: {onnx:.2f} ms in onnx, {openvino:.2f} ms in openvino")


def test_the_trial_is_run_once(installed_packages):
    trial = Trial(2, 1)
    assert [choose(WEIGHTS, 1, trial).engine for _ in range(3)] == ["openvino"] * 3
    assert trial.runs == [(WEIGHTS, 1)]


@pytest.mark.net
def test_it_is_run_again_for_other_weights_threads_processors_or_versions(installed_packages, monkeypatch):
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
def test_a_damaged_record_is_measured_again(installed_packages, damage):
    choose(WEIGHTS, 1, Trial(2, 1))
    candidates = [Candidate(WEIGHTS, name, name) for name in ("onnx", "openvino")]
    path = choice.choice_key(candidates, 1).path(".json")
    path.write_text(damage)
    again = Trial(1, 2)
    assert choose(WEIGHTS, 1, again).engine == "onnx"
    assert len(again.runs) == 1
    assert json.loads(path.read_text()) == {"onnx": 1, "openvino": 2}


def test_without_a_writable_cache_no_trial_is_run(installed_packages, tmp_path, monkeypatch):
    """The trial would cost a second at every start."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(cache, "cache_folder", lambda: blocked)
    trial = Trial(2, 1)
    chosen = choose(WEIGHTS, 1, trial)
    assert chosen.engine == "onnx"
    assert chosen.reason.startswith("openvino could not be tried: ")
    assert "cannot be written" in chosen.reason
    assert trial.runs == []


def test_a_failure_of_openvino_is_not_fatal(installed_packages):
    def broken(candidates, threads):
        raise RuntimeError("no such plugin: CPU\nat plugin.cpp:12")

    assert choose(WEIGHTS, 1, broken) == Choice("onnx", "openvino could not be tried: no such plugin: CPU")


def test_without_openvino_there_is_no_trial_and_no_reason(installed_packages):
    installed_packages.clear()
    trial = Trial(2, 1)
    assert choose(WEIGHTS, 1, trial) == Choice("onnx", "")
    assert trial.runs == []


def test_a_missing_network_is_reported_by_onnx_runtime(installed_packages, tmp_path):
    trial = Trial(2, 1)
    assert choose(tmp_path / "no.onnx", 1, trial) == Choice("onnx", "")
    assert trial.runs == []
    with pytest.raises(ModelFileError, match="no such model file"):
        open_engine(tmp_path / "no.onnx", "auto")


class Starts:
    """Start function that succeeds for the given engines and raises for all others; `calls` records the names."""

    def __init__(self, *names):
        self.names, self.calls = names, []

    def __call__(self, name, path):
        self.calls.append(name)
        if name not in self.names:
            raise RuntimeError(f"{name} is broken\nat line 3")
        return f"running {name}"


def test_onnx_runtime_takes_over_where_the_chosen_engine_does_not_start(installed_packages, monkeypatch):
    monkeypatch.setattr(choice, "choose", lambda path, threads, alternatives: Choice("openvino", "faster"))
    start = Starts("onnx")
    running, chosen = start_with_fallback(WEIGHTS, start)
    assert running == "running onnx"
    assert chosen == Choice("onnx", "openvino does not start: openvino is broken")
    assert start.calls == ["openvino", "onnx"]
    assert start_with_fallback(WEIGHTS, Starts("openvino"))[1] == Choice("openvino", "faster")
    with pytest.raises(RuntimeError, match="onnx is broken"):
        start_with_fallback(WEIGHTS, Starts())


def test_a_provider_is_onnx_runtimes_and_leaves_no_choice(installed_packages):
    assert start_with_fallback(WEIGHTS, Starts("onnx"), provider="cuda") == ("running onnx", Choice("onnx", ""))
    check("auto", "cuda")
    with pytest.raises(FacetrackError, match="expected cpu or cuda or tensorrt with `engine` auto"):
        check("auto", "rocm")


def test_a_file_of_another_engine_is_not_given_to_onnx_runtime(installed_packages, tmp_path):
    start = Starts("onnx")
    with pytest.raises(RuntimeError, match="torch is broken"):
        start_with_fallback(tmp_path / "x.safetensors", start)
    assert start.calls == ["torch"]


def test_with_a_gpu_and_its_extra_it_is_tensorrt(installed_packages, monkeypatch):
    torch = pytest.importorskip("torch", reason="needs the extra train")
    installed_packages.add("torch_tensorrt")
    trial = Trial(2, 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose(WEIGHTS, 1, trial).engine == "tensorrt"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose(WEIGHTS, 1, trial).engine == "openvino"


@pytest.mark.parametrize(("name", "engine"), [("x.xml", "openvino"), ("x.safetensors", "torch")])
def test_a_file_that_one_engine_reads_decides(installed_packages, tmp_path, name, engine):
    assert choose(tmp_path / name).engine == engine


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    from facetrack.demo_clip.puppet import Puppet
    from facetrack.sinks import ImageSink

    path = tmp_path_factory.mktemp("photograph") / "in.png"
    with ImageSink(path) as sink:
        sink.write(Puppet().image[:800:2, 200:1100:2])
    return path


def image_command(photograph, folder, **environment):
    """Run `facetrack image`; returns the lines about its engine on standard error, and all of standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "facetrack", "image", str(photograph), "--out", "a.png", "-v"],
        cwd=folder, env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")} | environment,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 face found" in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("engine: ")], done.stderr


@pytest.mark.net
def test_the_command_prints_the_chosen_engine(photograph, tmp_path):
    """One line on standard error; the trial is cached."""
    skip_without_openvino()
    engine_lines, _ = image_command(photograph, tmp_path)
    assert len(engine_lines) == 1
    assert engine_lines[0].split()[1].rstrip(",") in ("onnx", "openvino")
    assert [p.suffix for p in (tmp_path / "cache" / "facetrack" / "engines").iterdir()] == [".json"]


def test_a_broken_openvino_costs_one_line(photograph, tmp_path):
    """A package that cannot be imported shadows the installed one, if any."""
    (tmp_path / "broken" / "openvino").mkdir(parents=True)
    (tmp_path / "broken" / "openvino" / "__init__.py").write_text("raise OSError('libopenvino.so: wrong ELF class')")
    engine_lines, stderr = image_command(photograph, tmp_path, PYTHONPATH=str(tmp_path / "broken"))
    assert engine_lines == ["engine: onnx (openvino could not be tried: libopenvino.so: wrong ELF class)"]
    assert "Traceback" not in stderr
    assert list((tmp_path / "cache").rglob("*.json")) == []


@pytest.mark.net
def test_with_onnx_runtime_alone_nothing_is_printed(photograph, tmp_path, installed_packages, monkeypatch):
    installed_packages.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(choice, "default_alternatives", list)
    done = CliRunner().invoke(app, ["image", str(photograph), "--out", "a.png"])
    assert done.exit_code == 0, done.output
    assert "engine:" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def skip_without_openvino():
    """Skip without the package; not by importing it, which sends telemetry (`engine.openvino.need_openvino`)."""
    if find_spec("openvino") is None:
        pytest.skip("needs the extra openvino")


@pytest.mark.parametrize(("alternative_ms", "chosen"), [(1.15, True), (1.35, False)])
def test_an_alternative_may_cost_a_fifth_more(tmp_path, monkeypatch, alternative_ms, chosen):
    monkeypatch.setattr(choice, "_cached_trial", lambda *_: {"onnx": 1.0, "onnx (other)": alternative_ms})
    path, other = tmp_path / "own.onnx", tmp_path / "other.onnx"
    path.touch()
    assert (choice.choose(path, alternatives=[other], engines=("onnx",)).path == other) is chosen
