"""A grown network predicts what the smaller one predicts."""

import numpy as np
import pytest
import torch

from facetrack.errors import DataError
from facetrain.models.growth import infer_options, widen_to
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.training.checkpoint import load_weights, save_weights
from small_networks import SMALL, alive, points


@pytest.mark.parametrize("expand", [(0, 0, 0), (2, 2, 2)])
def test_a_deeper_network_predicts_the_same(tmp_path, expand):
    small = alive(LandmarkNetOptions(**SMALL, expand=expand))
    save_weights(small, tmp_path / "small.safetensors")
    large = LandmarkNet(LandmarkNetOptions(**(SMALL | {"depths": (2, 3, 2)}), expand=expand)).eval()
    assert np.abs(points(large) - points(small)).max() > 1e-2
    load_weights(large, tmp_path / "small.safetensors", fit=widen_to)
    np.testing.assert_allclose(points(large), points(small), atol=1e-4)


def test_wider_kernels_predict_the_same_and_can_be_cropped_again(tmp_path):
    small = alive(LandmarkNetOptions(**SMALL, expand=(2, 2, 2), kernels=(3, 3, 3)))
    save_weights(small, tmp_path / "small.safetensors")
    wide = LandmarkNet(LandmarkNetOptions(**SMALL, expand=(2, 2, 2), kernels=(3, 5, 5))).eval()
    load_weights(wide, tmp_path / "small.safetensors", fit=widen_to)
    np.testing.assert_allclose(points(wide), points(small), atol=1e-4)
    save_weights(wide, tmp_path / "wide.safetensors")
    cropped = LandmarkNet(small.options).eval()
    load_weights(cropped, tmp_path / "wide.safetensors", fit=widen_to)
    np.testing.assert_allclose(points(cropped), points(small), atol=1e-4)


def test_another_width_is_refused(tmp_path):
    save_weights(alive(LandmarkNetOptions(**SMALL)), tmp_path / "small.safetensors")
    with pytest.raises(DataError, match="another network"):
        load_weights(LandmarkNet(), tmp_path / "small.safetensors", fit=widen_to)


@pytest.mark.parametrize("expand", [(0, 0, 0), (2, 3, 2)])
def test_options_are_inferred_from_the_weights(expand):
    kernels = (3, 5, 3) if expand[0] else (3, 3, 3)
    options = LandmarkNetOptions(**(SMALL | {"depths": (1, 2, 3)}), expand=expand, kernels=kernels)
    assert infer_options(LandmarkNet(options).state_dict(), 32) == options
    with pytest.raises(KeyError):
        infer_options(torch.nn.Linear(2, 2).state_dict(), 32)
