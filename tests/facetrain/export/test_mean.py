"""Mean of trainings: every weight is the mean, other architectures are refused."""

import dataclasses

import pytest
import torch

from facetrack.engine.torch import open_module
from facetrack.errors import DataError
from facetrain.export.mean import write_mean
from small_networks import TINY, exported, random_network


def trained(folder, seed, options=TINY):
    return exported(random_network(options, seed), folder / f"{seed}.onnx", {"x": float(seed)})


def test_every_weight_is_the_mean_and_the_last_metadata_stay(tmp_path):
    first, second = trained(tmp_path, 1), trained(tmp_path, 2)
    write_mean([first, second], tmp_path / "mean.onnx")
    (a, _), (b, _), (mean, spec) = (open_module(path) for path in (first, second, tmp_path / "mean.onnx"))
    for (name, value), one, other in zip(
        mean.state_dict().items(), a.state_dict().values(), b.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(value.double(), (one.double() + other.double()) / 2, msg=name, check_dtype=False)
    assert spec.metrics == {"x": 2.0}


def test_another_architecture_is_refused(tmp_path):
    deeper = trained(tmp_path, 3, dataclasses.replace(TINY, depths=(2, 1, 1)))
    with pytest.raises(DataError, match=r"3\.onnx has other weights than .*4\.onnx"):
        write_mean([deeper, trained(tmp_path, 4)], tmp_path / "mean.onnx")
    assert not (tmp_path / "mean.onnx").exists()
