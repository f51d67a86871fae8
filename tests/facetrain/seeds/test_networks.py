"""Seed networks: published sizes, shapes, and outputs against values computed by hand."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from facetrack import topology
from facetrain.models.cnn128 import Cnn128, Cnn128Options
from facetrain.models.eac import (
    N_REGIONS,
    EacNet,
    EacOptions,
    attention_map,
    mark,
    read_marks,
    region_centres,
)
from facetrain.models.kaggle import Grey, KaggleCnn, KaggleMlp, KaggleVgg, PointRegressor, count_keras_parameters
from facetrain.models.tcdcn import LocalConv, Tcdcn, TcdcnOptions
from facetrain.models.vgg16 import ExpressionVgg, Vgg16Points


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def count(model):
    return sum(p.numel() for p in model.parameters())


def crops(n, side, channels=3):
    return torch.randint(0, 256, (n, side, side, channels), dtype=torch.uint8)


def test_the_slim_vgg_has_exactly_the_published_parameters():
    assert count_keras_parameters(KaggleVgg()) == 7_268_670
    # Twelve convolutions without bias, four numbers a channel of batch norm, dense 4608-512-30.
    widths = [1, 32, 32, 64, 64, 96, 96, 128, 128, 256, 256, 512, 512]
    kernels = sum(9 * a * b for a, b in pairwise(widths))
    assert count_keras_parameters(KaggleVgg()) == kernels + 4 * sum(widths[1:]) + (4608 + 1) * 512 + (512 + 1) * 30


def test_parameter_counts_by_hand():
    assert count(KaggleMlp()) == 9216 * 100 + 100 + 100 * 30 + 30
    convolutions = 32 * 9 + 32 + 64 * 4 * 32 + 64 + 128 * 4 * 64 + 128
    assert count(KaggleCnn()) == convolutions + 128 * 11 * 11 * 1000 + 1000 + 1000 * 1000 + 1000 + 30 * 1000 + 30
    small = KaggleCnn((512, 256), same_padding=True)
    assert count(small) == convolutions + 128 * 12 * 12 * 512 + 512 + 512 * 256 + 256 + 256 * 30 + 30 == 9_618_206


def test_vgg16_has_thirteen_convolutions_of_the_published_size():
    with torch.device("meta"):
        model = Vgg16Points()
    shapes = [m.weight.shape[0] for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    # 14,714,688 in VGG-16 with three colours; one colour less two.
    assert count(model.body) == 14_714_688 - 2 * 64 * 9
    assert [m.weight.shape[0] for m in model.modules() if isinstance(m, nn.Linear)] == [512, 128, 30]


@pytest.mark.parametrize(("strides", "side"), [((2, 2, 1, 1), 17), ((2, 2, 2, 1), 5)])
def test_cnn128_counts_its_pixels_right(strides, side):
    with torch.device("meta"):
        model = Cnn128(Cnn128Options(pool_strides=strides))
        assert model.dense[0].in_features == 256 * side**2
        out = model(torch.empty(2, 128, 128, 3, dtype=torch.uint8))
    assert {name: tuple(value.shape) for name, value in out.items()} == {
        "points": (2, 68, 2),
        "sigma": (2, 68),
        "presence": (2,),
    }


def test_shapes_of_the_small_networks():
    for body in (KaggleMlp(), KaggleCnn((8, 8)), KaggleVgg((2,) * 12, 8), KaggleVgg((2,) * 12, 8, average=True)):
        assert PointRegressor(body)(crops(2, 96))["points"].shape == (2, 15, 2)
    for options in (TcdcnOptions(), TcdcnOptions(local=True), TcdcnOptions(60, kernels=(5, 5, 3, 3))):
        out = Tcdcn(options)(crops(2, options.input_px))
        assert out["points"].shape == (2, 5, 2)
        assert [out[name].shape for name in ("gender", "smile", "glasses", "pose")] == [(2,), (2,), (2,), (2, 5)]
    assert list(Tcdcn(TcdcnOptions(points=68))(crops(2, 40))) == ["points"]
    assert ExpressionVgg(7, 64, 0.05)(crops(2, 64))["expression"].shape == (2, 7)
    for enhance, cut in ((True, True), (False, True), (True, False)):
        net = EacNet(EacOptions(input_px=64, width=0.05, local=2, dense=8, enhance=enhance, crop=cut))
        assert net(crops(2, 64, 4))["expression"].shape == (2, 7)


def test_grey_is_opencvs():
    import cv2

    image = crops(1, 8).numpy()
    grey = Grey()(torch.from_numpy(image))[0, 0].numpy() * 255
    np.testing.assert_allclose(grey, cv2.cvtColor(image[0], cv2.COLOR_BGR2GRAY), atol=0.51)


def test_targets_are_scaled_and_back():
    # A body that predicts (y - 48) / 48 of the point (12, 84): -0.75 and 0.75.
    body = nn.Sequential(nn.Flatten(), nn.Linear(96 * 96, 30))
    nn.init.zeros_(body[1].weight)
    with torch.no_grad():
        body[1].bias.copy_(torch.tensor([-0.75, 0.75]).repeat(15))
    points = PointRegressor(body)(crops(1, 96))["points"]
    torch.testing.assert_close(points[0, 3], torch.tensor([12.0, 84.0]))
    torch.testing.assert_close(
        PointRegressor(body, 0.0, 1.0)(crops(1, 96))["points"][0, 0], torch.tensor([-0.75, 0.75])
    )


def test_tcdcn_is_invariant_to_brightness_and_contrast():
    model = Tcdcn().eval()
    crop = torch.randint(60, 120, (1, 40, 40, 3), dtype=torch.uint8)
    brighter = (crop.int() * 2 + 10).to(torch.uint8)
    torch.testing.assert_close(model(crop)["points"], model(brighter)["points"], atol=0.05, rtol=0)


def test_the_local_convolution_is_the_shared_one_where_its_kernels_agree():
    shared = nn.Conv2d(3, 4, 2)
    local = LocalConv(3, 4, 2, side_in=5)
    with torch.no_grad():
        local.weight.copy_(shared.weight.flatten(1).T.expand(16, -1, -1))
        local.bias.copy_(shared.bias.expand(16, -1))
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(local(x), shared(x))
    with torch.no_grad():
        local.bias[5] += 1.0  # row 1, column 1
    changed = (local(x) - shared(x)).detach().abs().amax(dim=(0, 1))
    assert changed[1, 1] == pytest.approx(1.0, abs=1e-5)
    assert changed.sum() == pytest.approx(1.0, abs=1e-3)


def test_only_the_last_layer_of_the_dense_network_learns():
    five, dense = Tcdcn(), Tcdcn(TcdcnOptions(points=68))
    dense.keep_first_layers(five)
    assert torch.equal(dense.convolutions[2][0].weight, five.convolutions[2][0].weight)
    trained = {name.split(".")[0] + name.split(".")[1] for name, p in dense.named_parameters() if p.requires_grad}
    assert trained == {"convolutions3", "shared1", "pointsweight", "pointsbias"}


def test_the_attention_map_by_hand():
    # On a map of 100 px: 1 at the centre, .095 less per px of Manhattan distance, 0 beyond 5 px along an axis.
    centres, known = torch.full((1, N_REGIONS, 2), 50.0), torch.zeros(1, N_REGIONS)
    known[0, 0] = 1
    attention = attention_map(centres, known, 100)[0, 0]
    assert attention[50, 50] == 1.0
    assert attention[50, 51] == pytest.approx(0.905)
    assert attention[49, 51] == pytest.approx(0.81)
    assert attention[53, 54] == pytest.approx(1 - 0.095 * 7)
    assert attention[55, 55] == pytest.approx(0.05, abs=1e-6)
    assert attention[50, 56] == 0.0
    assert (attention > 0).sum() == 11 * 11


def test_where_two_regions_overlap_the_nearer_one_counts():
    centres = torch.tensor([[[20.0, 20.0], [24.0, 20.0]] + [[0.0, 0.0]] * (N_REGIONS - 2)])
    known = torch.tensor([[1.0, 1.0] + [0.0] * (N_REGIONS - 2)])
    attention = attention_map(centres, known, 100)[0, 0]
    assert attention[20, 23] == pytest.approx(0.905)
    assert attention[0, 0] == 0.0


def test_marks_encode_the_centres_and_missing_regions():
    centres = np.stack([np.arange(N_REGIONS) * 4.0, np.full(N_REGIONS, 7.4)], axis=1).astype(np.float32)
    centres[2] = (-3, 5)
    marked = torch.from_numpy(mark(np.zeros((64, 64, 3), np.uint8), centres))[None]
    decoded, known = read_marks(marked[..., 3])
    assert known[0].tolist() == [1, 1, 0] + [1] * (N_REGIONS - 3)
    assert decoded[0, 5].tolist() == [20.0, 7.0]
    assert decoded[0, 2].tolist() == [31.5, 31.5]


def test_region_centres_of_a_face_drawn_by_hand():
    points = np.zeros((68, 2), np.float32)
    points[list(topology.RIGHT_EYE)], points[list(topology.LEFT_EYE)] = (30, 40), (70, 40)
    points[topology.RIGHT_EYE_INNER], points[topology.LEFT_EYE_INNER] = (30, 40), (70, 40)
    points[topology.RIGHT_BROW[-1]] = (40, 30)
    points[topology.OUTER_LIPS[9]] = (50, 80)
    centres = region_centres(points)
    assert centres.shape == (N_REGIONS, 2)
    np.testing.assert_allclose(centres[0], (40, 10), atol=1e-4)  # half of 40 px above the inner end of the brow
    np.testing.assert_allclose(centres[6], (30, 80), atol=1e-4)  # the cheek, 40 px below the eye
    np.testing.assert_allclose(centres[13], (50, 100), atol=1e-4)  # the chin, 20 px below the lip


def test_batch_norm_adds_two_numbers_a_channel():
    for make in (
        lambda norm: EacNet(EacOptions(input_px=64, width=0.05, local=2, dense=8, norm=norm)),
        lambda norm: ExpressionVgg(7, 64, 0.05, 8, norm),
    ):
        plain, normed = make(False), make(True)
        channels = sum(m.out_channels for m in normed.modules() if isinstance(m, nn.Conv2d) and m.groups == 1)
        assert count(normed) - count(plain) == 2 * channels
        assert normed(crops(2, 64, 4))["expression"].shape == (2, 7)


def test_without_marks_the_attention_changes_nothing():
    net = EacNet(EacOptions(input_px=64, width=0.05, local=2, dense=8)).eval()
    plain = EacNet(EacOptions(input_px=64, width=0.05, local=2, dense=8, enhance=False)).eval()
    plain.load_state_dict(net.state_dict())
    crop = crops(1, 64, 4)
    crop[..., 3] = 0
    torch.testing.assert_close(net(crop)["expression"], plain(crop)["expression"])
    crop[0, 30, 30, 3] = 1
    assert not torch.equal(net(crop)["expression"], plain(crop)["expression"])
