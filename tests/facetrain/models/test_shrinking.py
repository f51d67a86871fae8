"""A network cut down says what the larger one said where what is left out did nothing."""

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


def say_the_same(one, other):
    torch.testing.assert_close(points(one), points(other), atol=1e-4, rtol=0)


def test_channels_that_reach_nothing_are_left_out(tmp_path):
    """Every second channel of each wide middle counts for nothing."""
    large = alive(LandmarkNetOptions(**SMALL, expand=(4, 4, 4)))
    with torch.no_grad():
        for stage in (large.stage4, large.stage8, large.stage16):
            stage[1].body[2][0].weight[:, ::2] = 0
    model = smaller(tmp_path, large, LandmarkNetOptions(**SMALL, expand=(2, 2, 2)))
    say_the_same(model, large)
    assert torch.equal(model.stage8[1].body[0][0].weight, large.stage8[1].body[0][0].weight[1::2])


@pytest.mark.parametrize("expand", [(0, 0, 0), (2, 2, 2)])
def test_blocks_that_add_nothing_are_left_out(tmp_path, expand):
    """The middle one of three, by the scale and shift of its last norm."""
    large = alive(LandmarkNetOptions(**(SMALL | {"depths": (1, 1, 3)}), expand=expand))
    with torch.no_grad():
        norm = [m for m in large.stage16[2].modules() if isinstance(m, torch.nn.BatchNorm2d)][-1]
        norm.weight.zero_()
        norm.bias.zero_()
    say_the_same(smaller(tmp_path, large, LandmarkNetOptions(**(SMALL | {"depths": (1, 1, 2)}), expand=expand)), large)


def test_dense_kernels_that_are_products_become_two(tmp_path):
    large = alive(LandmarkNetOptions(**SMALL, expand=(2, 2, 2)))
    with torch.no_grad():
        for stage in (large.stage4, large.stage8, large.stage16):
            dense = stage[0][0].weight  # (O, I, 3, 3)
            each = torch.randn(1, dense.shape[1], 3, 3)
            dense.copy_(each * torch.randn(*dense.shape[:2], 1, 1) / 3)
    options = LandmarkNetOptions(**SMALL, expand=(2, 2, 2), separable_halving=True)
    model = smaller(tmp_path, large, options)
    say_the_same(model, large)
    assert infer_options(model.state_dict(), SMALL["input_px"]) == options
    say_the_same(smaller(tmp_path, model, options), model)
