"""Crop sampling on the device: the same pixels as OpenCV's, the same network outputs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, of the extra train")

from facetrack.demo_clip.puppet import Puppet
from facetrack.engine.crops import cut_all, plan
from facetrack.engine.onnx import OnnxEngine
from facetrack.engine.torch import TorchEngine, on_device, open_module
from facetrack.geometry import CropBox, crop_from_points, cut
from facetrack.landmarker import Landmarker
from facetrack.modelfile import bundled_path
from facetrack.photograph import SCALE

OUT_PX = 112


def on_the_device(image, crops, out_px=OUT_PX):
    table, factors = plan(crops, out_px, *image.shape[:2])
    return cut_all(torch.from_numpy(image), torch.from_numpy(table), factors, out_px).numpy()


@pytest.fixture(scope="module")
def photograph():
    return np.ascontiguousarray(Puppet().image[:1500, :1233])  # odd width, so that halving drops a column


@pytest.mark.parametrize(
    ("smallest_px", "largest_px", "factors"),
    [(20, 220, {1}), (225, 440, {2}), (450, 890, {4}), (900, 4000, {8, 16, 32}), (20, 900, {1, 2, 4, 8})],
)
def test_crops_are_those_of_opencv(photograph, smallest_px, largest_px, factors):
    """Rotated crops of any size, half of them over the border: at most one grey level off, and rarely."""
    rng = np.random.default_rng(0)
    height, width = photograph.shape[:2]
    crops = [
        CropBox(
            rng.uniform(-50, width + 50), rng.uniform(-50, height + 50),
            rng.uniform(smallest_px, largest_px), rng.uniform(-4, 4),
        )
        for _ in range(24)
    ]  # fmt: skip
    assert set(plan(crops, OUT_PX, height, width).factors) == factors
    ours = on_the_device(photograph, crops).astype(int)
    theirs = np.stack([cut(photograph, crop, OUT_PX) for crop in crops]).astype(int)
    difference = np.abs(ours - theirs)
    assert difference.max() <= 1
    assert difference.mean() < 1e-3
    assert (theirs == 0).mean() > 0.02  # the comparison includes black pixels beyond the border


def test_pixels_are_copied_where_nothing_is_scaled():
    """Worked out by hand: 16 px around (11.5, 19.5) are columns 4..19 and rows 12..27.

    A crop rotated a quarter turn clockwise shows the content rotated counterclockwise.
    """
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    upright, turned = on_the_device(image, [CropBox(11.5, 19.5, 16), CropBox(11.5, 19.5, 16, np.pi / 2)], 16)
    np.testing.assert_array_equal(upright, image[12:28, 4:20])
    np.testing.assert_array_equal(turned, np.rot90(image[12:28, 4:20]))


def test_halving_is_the_mean_of_four():
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    halved = on_the_device(image, [CropBox(31.5, 31.5, 64)], 32)[0]
    mean = image.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(halved, mean, atol=0.5 + 1e-4)


def test_nothing_of_one_size_leaks_into_another():
    """Three levels of a white image are stacked vertically: a crop above or below any of them is black."""
    image = np.full((64, 64, 3), 255, np.uint8)
    crops = [CropBox(31.5, y, size) for size in (31.0, 60.0, 128.0) for y in (-80.0, 31.5, 150.0)]
    sampled = on_the_device(image, crops, 16)
    assert plan(crops, 16, 64, 64).factors == (1, 2, 8)
    for above, inside, below in sampled.reshape(3, 3, 16, 16, 3):
        assert above.max() == below.max() == 0
        assert inside[8, 8].min() == 255


def test_a_crop_larger_than_an_image_of_a_few_pixels():
    image = np.full((3, 5, 3), 200, np.uint8)
    crops = [CropBox(2.0, 1.0, 900.0), CropBox(2.0, 1.0, 3.0)]
    ours = on_the_device(image, crops, 16).astype(int)
    np.testing.assert_allclose(ours, np.stack([cut(image, crop, 16) for crop in crops]), atol=1)


class CutOnDevice:
    """Torch network run by the GPU's code path, on the CPU."""

    def __init__(self, path):
        network, self.spec = open_module(path)
        self._network = on_device(network, self.spec, "cpu", (1, 2, 4))
        self.from_frame = self._network.from_frame

    def __call__(self, batch):
        raise AssertionError("the crops were cut by the caller")


@pytest.mark.net
def test_the_landmarker_predicts_the_same_from_crops_cut_on_the_device(photograph):
    path = bundled_path("landmarks68")
    usual, device = Landmarker(OnnxEngine(path)), Landmarker(CutOnDevice(path))
    points = ((Puppet().points + 0.5) * SCALE - 0.5).astype(np.float32)
    near = crop_from_points(points, usual.margin)
    rng = np.random.default_rng(0)
    for count in (1, 3, 5):
        crops = [
            CropBox(near.x + rng.normal(0, 10), near.y + rng.normal(0, 10), near.size_px * size, rng.normal(0, 0.3))
            for size in rng.uniform(0.6, 1.4, count)
        ]
        for ours, theirs in zip(device(photograph, crops), usual(photograph, crops), strict=True):
            np.testing.assert_allclose(ours.landmarks.points, theirs.landmarks.points, atol=0.02)
            np.testing.assert_allclose(ours.landmarks.sigma, theirs.landmarks.sigma, atol=0.02)
            assert ours.presence == pytest.approx(theirs.presence, abs=1e-3)
            assert ours.presence > 0.5
            assert ours.attributes == pytest.approx(theirs.attributes, abs=5e-3)


@pytest.mark.net
def test_on_the_processor_opencv_cuts():
    assert TorchEngine(bundled_path("landmarks68")).from_frame is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_cuts_the_same(photograph):
    path = bundled_path("landmarks68")
    usual, device = Landmarker(OnnxEngine(path)), Landmarker(TorchEngine(path, device="cuda"))
    crops = [CropBox(670.0, 400.0, size, 0.1) for size in (110.0, 300.0, 352.0)]
    for ours, theirs in zip(device(photograph, crops), usual(photograph, crops), strict=True):
        np.testing.assert_allclose(ours.landmarks.points, theirs.landmarks.points, atol=0.2)  # TF32 in convolutions
