"""A pruned network predicts what the larger one predicts if the pruned parts have no effect."""

import pytest
import torch

from facetrain.models.growth import infer_options, widen_to
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.training.checkpoint import load_weights, save_weights
from small_networks import SMALL, alive, points


def smaller(tmp_path, large, options):
    save_weights(large, tmp_path / "large.safetensors")
    model = LandmarkNet(options).eval()
    load_weights(model, tmp_path / "large.safetensors", fit=widen_to)
    return model


def assert_same_points(model, expected):
    torch.testing.assert_close(points(model), points(expected), atol=1e-4, rtol=0)


def test_channels_without_effect_are_pruned(tmp_path):
    """Every second expanded channel has zero output weights."""
    large = alive(LandmarkNetOptions(**SMALL, expand=(4, 4, 4)))
    with torch.no_grad():
        for stage in (large.stage4, large.stage8, large.stage16):
            stage[1].body[2][0].weight[:, ::2] = 0
    model = smaller(tmp_path, large, LandmarkNetOptions(**SMALL, expand=(2, 2, 2)))
    assert_same_points(model, large)
    assert torch.equal(model.stage8[1].body[0][0].weight, large.stage8[1].body[0][0].weight[1::2])


@pytest.mark.parametrize("expand", [(0, 0, 0), (2, 2, 2)])
def test_blocks_without_effect_are_pruned(tmp_path, expand):
    """The second of three blocks is an identity: scale and shift of its last norm are zero."""
    large = alive(LandmarkNetOptions(**(SMALL | {"depths": (1, 1, 3)}), expand=expand))
    with torch.no_grad():
        norm = [m for m in large.stage16[2].modules() if isinstance(m, torch.nn.BatchNorm2d)][-1]
        norm.weight.zero_()
        norm.bias.zero_()
    options = LandmarkNetOptions(**(SMALL | {"depths": (1, 1, 2)}), expand=expand)
    assert_same_points(smaller(tmp_path, large, options), large)


def test_dense_kernels_of_rank_1_are_factorised(tmp_path):
    large = alive(LandmarkNetOptions(**SMALL, expand=(2, 2, 2)))
    with torch.no_grad():
        for stage in (large.stage4, large.stage8, large.stage16):
            dense = stage[0][0].weight  # (O, I, 3, 3)
            each = torch.randn(1, dense.shape[1], 3, 3)
            dense.copy_(each * torch.randn(*dense.shape[:2], 1, 1) / 3)
    options = LandmarkNetOptions(**SMALL, expand=(2, 2, 2), separable_halving=True)
    model = smaller(tmp_path, large, options)
    assert_same_points(model, large)
    assert infer_options(model.state_dict(), SMALL["input_px"]) == options
    assert_same_points(smaller(tmp_path, model, options), model)
