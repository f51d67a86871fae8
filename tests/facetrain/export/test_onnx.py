"""ONNX export: parity with torch, weights that can be trained further, metadata and its errors."""

import json

import numpy as np
import onnx
import pytest
import torch

from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError, ModelFileError
from facetrack.modelfile import METADATA_KEY, ModelSpec, bundled_path
from facetrain.export.metadata import rewrite_spec
from facetrain.export.onnx import ParityError
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions, SoftArgmax
from facetrain.samples.sources import LandmarkSources
from facetrain.tasks.landmarks import LandmarkRecipe, export_landmarks
from facetrain.tasks.landmarks import landmark_spec as task_spec
from facetrain.training.checkpoint import load_weights

SOURCES = LandmarkSources([], {}, [], {}, ["a set"], "terms of the set", [])


def landmark_spec(recipe, figures):
    return task_spec(recipe, SOURCES, figures)


TINY = LandmarkNetOptions(input_px=64, stem=4, widths=(4, 4, 8), depths=(1, 1, 1), head=4)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    model = LandmarkNet(TINY).eval()
    path = tmp_path_factory.mktemp("export") / "tiny.onnx"
    crops = torch.randint(0, 256, (6, 64, 64, 3), dtype=torch.uint8)
    spec = export_landmarks(model, landmark_spec(LandmarkRecipe(network=TINY), {"validation/x": 1.5}), crops, path)
    return model, path, spec, crops


def test_the_engine_equals_torch_for_any_batch(exported):
    model, path, _, crops = exported
    engine = OnnxEngine(path)
    for n in (1, 2, 6):
        with torch.inference_mode():
            reference = model(crops[:n])
        for name, value in engine(crops[:n].numpy()).items():
            np.testing.assert_allclose(value, reference[name], atol=1e-3)


def test_an_exported_network_can_be_trained_further(exported):
    model, path, _, _ = exported
    loaded = LandmarkNet(TINY).eval()
    load_weights(loaded, path)
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    with pytest.raises(DataError, match="belongs to another network"):
        load_weights(LandmarkNet(), path)


def test_the_file_has_its_metadata(exported):
    _, path, spec, _ = exported
    read = OnnxEngine(path).spec
    assert read == spec
    assert (read.kind, read.input_px, read.margin, read.topology) == ("landmarks", 64, 1.3, "300w-68")
    assert 0 <= read.parity["points"] <= 1e-3
    assert read.metrics == {"validation/x": 1.5}
    # Read independently of OnnxEngine.
    props = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert json.loads(props[METADATA_KEY])["terms"] == spec.terms


def test_a_network_that_differs_from_torch_is_not_written(tmp_path):
    class Inconsistent(torch.nn.Module):
        """Network whose exported outputs differ from torch's, as of a broken export."""

        def forward(self, crops):
            n = crops.shape[0]
            points = crops.float().mean(dim=(1, 2, 3)).view(n, 1, 1).expand(n, 68, 2)
            noise = 0.0 if torch.onnx.is_in_onnx_export() else 1.0
            return {"points": points + noise, "sigma": points[..., 0], "presence": points[:, 0, 0]}

    crops = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with pytest.raises(ParityError, match="nothing was written"):
        export_landmarks(Inconsistent(), landmark_spec(LandmarkRecipe(network=TINY), {}), crops, tmp_path / "bad.onnx")
    assert list(tmp_path.iterdir()) == []


def test_soft_argmax_decodes_a_peak():
    logits = torch.full((1, 68, 28, 28), -50.0)
    logits[0, 0, 10, 20] = 50.0  # row 10, column 20: cells of 4 px, centres at 4 i + 1.5
    np.testing.assert_allclose(SoftArgmax(28, 112)(logits)[0, 0], [81.5, 41.5], atol=1e-4)


def model_file(tmp_path, metadata):
    """Write a one-operator network with the given metadata."""
    x = onnx.helper.make_tensor_value_info("crops", onnx.TensorProto.UINT8, [1])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["crops"], ["y"])], "g", [x], [y])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.helper.set_model_props(model, metadata)
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    return path


def spec_json(**changes):
    spec = landmark_spec(LandmarkRecipe(), {})
    return {METADATA_KEY: json.dumps(json.loads(spec.to_metadata()[METADATA_KEY]) | changes)}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "not facetrack's"),
        ({METADATA_KEY: "{"}, "cannot be read"),
        ({METADATA_KEY: "{}"}, "cannot be read"),
        (spec_json(format=99), "upgrade facetrack"),
        (spec_json(kind="poem"), "kind 'poem'"),
    ],
)
def test_a_file_without_valid_metadata_is_an_error(tmp_path, metadata, message):
    with pytest.raises(ModelFileError, match=message):
        OnnxEngine(model_file(tmp_path, metadata))


def test_keys_of_a_later_minor_version_are_ignored(tmp_path):
    assert ModelSpec.from_metadata(spec_json(flavour="new"), tmp_path / "a.onnx").kind == "landmarks"


def test_a_file_that_is_no_network_is_an_error(tmp_path):
    text = tmp_path / "text.onnx"
    text.write_text("hello")
    with pytest.raises(ModelFileError, match=r"expected an \.onnx file"):
        OnnxEngine(text)
    with pytest.raises(ModelFileError, match="no such model file"):
        OnnxEngine(tmp_path / "missing.onnx")


def test_an_unknown_bundled_name_is_an_error():
    with pytest.raises(ModelFileError, match="no bundled network 'nonsense'"):
        bundled_path("nonsense")


def test_metadata_survives_a_round_trip(tmp_path):
    spec = landmark_spec(LandmarkRecipe(), {"a": 1.0})
    assert ModelSpec.from_metadata(spec.to_metadata(), tmp_path) == spec


def test_changed_metadata_leave_the_network_as_it_is(tmp_path):
    path = model_file(tmp_path, spec_json())
    graph = onnx.load(path).graph.SerializeToString()
    gates = {"presence": 0.5, "log_sigma": -4.0, "bias": -13.0, "enter": 1.0, "keep": -1.0, "clear": 3.0}
    assert rewrite_spec(path, gates=gates).gates == gates
    back = onnx.load(path)
    assert back.graph.SerializeToString() == graph
    stored = json.loads({p.key: p.value for p in back.metadata_props}[METADATA_KEY])
    assert stored == json.loads(spec_json()[METADATA_KEY]) | {"gates": gates}
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"], "no part is left"
    with pytest.raises(ModelFileError, match="not facetrack's"):
        rewrite_spec(model_file(tmp_path, {}), gates=gates)
