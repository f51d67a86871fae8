"""Mean of trainings: every weight is the mean, other architectures are refused."""

import dataclasses

import pytest
import torch

from facetrack.engine.torch import open_module
from facetrack.errors import DataError
from facetrain.export.mean import write_mean
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.samples.sources import LandmarkSources
from facetrain.tasks.landmarks import LandmarkRecipe, export_landmarks, landmark_spec

TINY = LandmarkNetOptions(input_px=64, stem=4, widths=(4, 4, 8), depths=(1, 1, 1), head=4)


def exported(folder, seed, options=TINY):
    torch.manual_seed(seed)
    path = folder / f"{seed}.onnx"
    sources = LandmarkSources([], {}, [], {}, [f"set {seed}"], "terms", [])
    spec = landmark_spec(LandmarkRecipe(network=options), sources, {"x": float(seed)})
    export_landmarks(LandmarkNet(options).eval(), spec, torch.zeros((2, 64, 64, 3), dtype=torch.uint8), path)
    return path


def test_every_weight_is_the_mean_and_the_last_metadata_stay(tmp_path):
    first, second = exported(tmp_path, 1), exported(tmp_path, 2)
    write_mean([first, second], tmp_path / "mean.onnx")
    (a, _), (b, _), (mean, spec) = (open_module(path) for path in (first, second, tmp_path / "mean.onnx"))
    for (name, value), one, other in zip(
        mean.state_dict().items(), a.state_dict().values(), b.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(value.double(), (one.double() + other.double()) / 2, msg=name, check_dtype=False)
    assert spec.metrics == {"x": 2.0}


def test_another_architecture_is_refused(tmp_path):
    deeper = exported(tmp_path, 3, dataclasses.replace(TINY, depths=(2, 1, 1)))
    with pytest.raises(DataError, match=r"3\.onnx has other weights than .*4\.onnx"):
        write_mean([deeper, exported(tmp_path, 4)], tmp_path / "mean.onnx")
    assert not (tmp_path / "mean.onnx").exists()
