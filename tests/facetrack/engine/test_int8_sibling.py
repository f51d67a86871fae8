"""The default network's int8 sibling: found by its name, chosen by the trial, forced by a name, named in the header."""

import json
import shutil

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx, of the extra train")

from facetrack import modelfile
from facetrack.cli.options import Tracking
from facetrack.engine import cache, choice
from facetrack.engine.choice import Candidate, Choice, choose, landmark_network, measure, start_with_fallback
from facetrack.errors import ModelFileError
from facetrack.loops.run_header import networks_of
from facetrack.modelfile import METADATA_KEY, bundled_path, int8_sibling, network_path
from facetrack.tracking.build import make_tracker, tracker_options
from facetrack.tracking.tracker import FaceTracker


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Copy the bundled networks into a folder of their own with an empty cache, without OpenVINO or a GPU."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("landmarks68", "detector", "appearance"):
        shutil.copy(bundled_path(name), folder)
    monkeypatch.setattr(modelfile, "weights_folder", lambda: folder)
    monkeypatch.setattr("facetrack.loops.run_header.weights_folder", lambda: folder)
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "cache")
    return folder


@pytest.fixture
def sibling(weights):
    shutil.copy(weights / "landmarks68.onnx", weights / "landmarks68-int8.onnx")
    return weights / "landmarks68-int8.onnx"


def trial(monkeypatch, **latency_ms):
    """Replace the measurement; returns the list of its runs. int8: latency of the sibling, plain: of the default."""
    runs = []

    def fake(candidates, threads):
        runs.append([candidate.label for candidate in candidates])
        return {c.label: latency_ms["int8" if "int8" in c.path.stem else "plain"] for c in candidates}

    monkeypatch.setattr(choice, "measure", fake)
    return runs


def test_without_a_sibling_there_is_nothing_to_choose(weights, monkeypatch):
    runs = trial(monkeypatch, plain=1.0)
    assert int8_sibling(weights / "landmarks68.onnx") is None
    assert landmark_network(None, None) == (weights / "landmarks68.onnx", "onnx")
    assert runs == []


@pytest.mark.parametrize(("int8", "faster"), [(0.5, "landmarks68-int8"), (2.0, "landmarks68")])
def test_the_faster_file_is_opened_and_the_trial_is_run_once(sibling, monkeypatch, int8, faster):
    runs = trial(monkeypatch, plain=1.0, int8=int8)
    for _ in range(3):
        assert landmark_network(None, None) == (sibling.with_name(f"{faster}.onnx"), "onnx")
    assert runs == [["onnx", "onnx (landmarks68-int8)"]]


def test_a_name_a_path_or_an_engine_forces_the_file(sibling, monkeypatch):
    runs, default = trial(monkeypatch, plain=1.0, int8=0.5), sibling.with_name("landmarks68.onnx")
    assert landmark_network("landmarks68", None) == (default, "onnx")
    assert landmark_network(default, None) == (default, "onnx")
    assert landmark_network("landmarks68-int8", "openvino") == (sibling, "openvino")
    assert landmark_network(None, "onnx") == (default, "onnx")
    assert landmark_network(None, None, provider="cuda") == (default, "onnx")
    assert runs == []


def test_other_weights_of_the_sibling_are_tried_anew(sibling, monkeypatch):
    runs = trial(monkeypatch, plain=1.0, int8=0.5)
    landmark_network(None, None)
    sibling.write_bytes(sibling.read_bytes() + b"\0")
    landmark_network(None, None)
    assert len(runs) == 2


def test_both_engines_and_both_files_are_compared(sibling, monkeypatch):
    monkeypatch.setattr(choice, "find_spec", lambda name: object() if name == "openvino" else None)
    default = sibling.with_name("landmarks68.onnx")

    def fake(candidates, threads):
        return dict(zip((c.label for c in candidates), (1.5, 1.2, 0.9, 0.8), strict=True))

    chosen = choose(default, 1, fake, [sibling])
    assert chosen == Choice(
        "openvino",
        "latency per face: 1.50 ms in onnx, 1.20 ms in openvino, 0.90 ms in onnx (landmarks68-int8), 0.80 ms in "
        "openvino (landmarks68-int8)",
        sibling,
    )


def test_a_sibling_that_cannot_be_used_is_left_out_with_the_reason(sibling):
    sibling.write_bytes(b"no network")
    chosen = choose(sibling.with_name("landmarks68.onnx"), 1, None, [sibling])
    assert (chosen.engine, chosen.path) == ("onnx", None)
    assert chosen.reason.startswith("landmarks68-int8 could not be tried: ")


def test_a_sibling_that_does_not_start_gives_way(sibling, monkeypatch):
    trial(monkeypatch, plain=1.0, int8=0.5)
    default = sibling.with_name("landmarks68.onnx")

    def start(name, path):
        if path == sibling:
            raise RuntimeError("no such operator")
        return path

    assert start_with_fallback(default, start, alternatives=[sibling]) == (
        default, Choice("onnx", "onnx does not start: no such operator"),
    )  # fmt: skip


@pytest.mark.net
def test_the_trial_measures_and_refuses_a_file_with_fewer_outputs(sibling, monkeypatch):
    monkeypatch.setattr(choice, "TRIAL_S", 0.0)
    default = sibling.with_name("landmarks68.onnx")
    candidates = [Candidate(path, "onnx", path.stem) for path in (default, sibling)]
    latency_ms = measure(candidates, 1)
    assert set(latency_ms) == {"landmarks68", "landmarks68-int8"}
    assert min(latency_ms.values()) > 0
    proto = onnx.load(sibling)
    entry = next(item for item in proto.metadata_props if item.key == METADATA_KEY)
    spec = json.loads(entry.value)
    del spec["outputs"]["attributes"]
    entry.value = json.dumps(spec)
    onnx.save(proto, sibling)
    with pytest.raises(ModelFileError, match="without attributes"):
        measure(candidates, 1)


@pytest.mark.net
def test_the_tracker_runs_the_chosen_file_and_the_header_names_it(sibling, monkeypatch, caplog):
    trial(monkeypatch, plain=1.0, int8=0.5)
    tracker = FaceTracker.from_weights()
    assert tracker.landmarker.engine.path == sibling
    assert "landmarks68-int8" in networks_of(tracker)
    assert "landmarks68" not in networks_of(tracker)
    with caplog.at_level("INFO"):
        make_tracker(None, tracker_options(), 1, engine="auto")
    assert caplog.messages[0].startswith("engine: onnx, landmarks68-int8 (latency per face: 1.00 ms in onnx")
    forced = Tracking(model="landmarks68", engine="auto").tracker()
    assert "landmarks68" in networks_of(forced)


def test_a_name_is_a_bundled_networks_and_everything_else_a_path(tmp_path, monkeypatch):
    assert network_path("landmarks68") == bundled_path("landmarks68")
    assert network_path("runs/landmarks68").name == "landmarks68"
    assert str(network_path("other.onnx")) == "other.onnx"
    with pytest.raises(ModelFileError, match="no bundled network 'landmarks69'"):
        network_path("landmarks69")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "landmarks68").mkdir()
    assert str(network_path("landmarks68")) == "landmarks68"
    np.testing.assert_equal(network_path(tmp_path), tmp_path)
