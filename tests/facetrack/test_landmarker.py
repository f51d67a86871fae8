"""Landmarker with a fake engine that returns given points in the crop."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import expit

from facetrack import topology
from facetrack.angles import euler_deg, rotation_from_deg
from facetrack.errors import ModelFileError
from facetrack.geometry import CropBox, crop_matrix, transform
from facetrack.landmarker import BothWays, Landmarker, Reading
from facetrack.modelfile import TRACKER_OUTPUTS, ModelSpec
from facetrack.types import HeadRotation, Landmarks


def spec(**changes):
    values = {
        "name": "test", "kind": "landmarks", "input_px": 112, "mean": 0.0, "scale": 1.0, "topology": "300w-68",
        "outputs": dict.fromkeys(TRACKER_OUTPUTS, ""), "data": [], "terms": "", "reproduce": "", "margin": 1.3,
    }  # fmt: skip
    return ModelSpec(**(values | changes))


class PlantedEngine:
    def __init__(self, points, network=None):
        self.points, self.spec, self.batches = points, network or spec(), []

    def __call__(self, batch):
        self.batches.append(batch.copy())
        n = len(batch)
        return {
            "points": np.repeat(self.points[None], n, axis=0),
            "sigma": np.full((n, 68), 2.0, np.float32),
            "presence": np.zeros(n, np.float32),
        }


class WithOutputs:
    """An engine with further outputs."""

    def __init__(self, engine, **outputs):
        self.spec, self.engine, self.outputs = engine.spec, engine, outputs

    def __call__(self, batch):
        return self.engine(batch) | self.outputs


def test_points_are_mapped_to_the_frame():
    frame_points = np.random.default_rng(0).uniform(60, 140, (68, 2)).astype(np.float32)
    crop = CropBox(100, 100, 224, 0.2)
    engine = PlantedEngine(transform(frame_points, crop_matrix(crop, 112)))
    reading = Landmarker(engine)(np.zeros((240, 320, 3), np.uint8), [crop])[0]
    np.testing.assert_allclose(reading.landmarks.points, frame_points, atol=1e-3)
    np.testing.assert_allclose(reading.landmarks.sigma, 4.0)  # the crop is half the frame's scale
    assert reading.presence == pytest.approx(0.5)


def test_visibility_is_a_probability_and_none_from_a_network_without_it():
    engine = PlantedEngine(np.zeros((68, 2), np.float32))
    image, crop = np.zeros((100, 100, 3), np.uint8), CropBox(50, 50, 20)
    assert Landmarker(engine)(image, [crop])[0].landmarks.visibility is None
    logits = np.linspace(-4, 4, 68, dtype=np.float32)[None]
    visible = Landmarker(WithOutputs(engine, visibility=logits))(image, [crop])[0].landmarks.visibility
    assert visible.dtype == np.float32
    np.testing.assert_allclose(visible, expit(logits[0]), rtol=1e-5)


def test_the_heads_rotation_is_the_pictures_and_its_precision_turns_with_the_crop():
    """SciPy's rotations; the precision against errors drawn with the network's sigma."""
    rng, engine = np.random.default_rng(0), PlantedEngine(np.zeros((68, 2), np.float32))
    image, crop, sigma = np.zeros((100, 100, 3), np.uint8), CropBox(50, 50, 20, 0.7), np.float32([6, 4, 2])
    assert Landmarker(engine)(image, [crop])[0].head is None

    def in_crop(yaw, pitch, roll):
        return Rotation.from_euler("YXZ", [-yaw, -pitch, roll], degrees=True)

    exact, turn = in_crop(40, 15, -20), Rotation.from_rotvec([0, 0, 0.7])  # clockwise: x right, y down
    outputs = {"rotation": exact.as_matrix()[None].astype(np.float32), "rotation_sigma": sigma[None]}
    head = Landmarker(WithOutputs(engine, **outputs))(image, [crop])[0].head
    np.testing.assert_allclose(head.rotation, (turn * exact).as_matrix(), atol=1e-6)
    drawn = [in_crop(*(np.array([40, 15, -20]) + rng.normal(0, 0.1 * sigma))) for _ in range(4000)]
    errors = np.array([(turn * one * (turn * exact).inv()).as_rotvec() for one in drawn])
    covariance = np.cov(errors.T) * 100  # drawn with a tenth of sigma, where rotations add
    scale = np.abs(covariance).max()
    np.testing.assert_allclose(np.linalg.inv(head.precision), covariance, atol=0.1 * scale)


def test_one_batch_for_all_and_none_for_nothing():
    engine = PlantedEngine(np.zeros((68, 2), np.float32))
    landmarker = Landmarker(engine)
    image = np.full((100, 100, 3), 7, np.uint8)
    assert landmarker(image, []) == []
    assert len(landmarker(image, [CropBox(50, 50, 20)] * 3)) == 3
    assert [b.shape for b in engine.batches] == [(3, 112, 112, 3)]
    assert (engine.batches[0] == 7).all()


@pytest.mark.parametrize("wrong", [{"kind": "detector"}, {"topology": "wflw-98"}])
def test_another_network_is_refused(wrong):
    with pytest.raises(ModelFileError, match="expected a landmarks network"):
        Landmarker(PlantedEngine(np.zeros((68, 2), np.float32), spec(**wrong)))


def test_a_network_without_the_trackers_outputs_is_refused():
    with pytest.raises(
        ModelFileError, match=r"has the outputs \['points'\]; expected \['points', 'presence', 'sigma'\]"
    ):
        Landmarker(PlantedEngine(np.zeros((68, 2), np.float32), spec(outputs={"points": ""})))


@pytest.mark.parametrize("broken", ["points", "presence"])
def test_what_is_not_a_number_is_no_face(broken):
    points, presence = np.zeros((1, 68, 2), np.float32), np.full(1, 5.0, np.float32)
    {"points": points, "presence": presence}[broken].reshape(-1)[0] = np.nan
    engine = WithOutputs(PlantedEngine(points[0]), points=points, presence=presence)
    assert Landmarker(engine)(np.zeros((100, 100, 3), np.uint8), [CropBox(50, 50, 20)])[0].presence == 0.0


def test_an_error_to_one_side_is_averaged_away_by_the_mirror_image():
    """A stub that finds the marked pixel's face, always 2 px too far right and turned 4 degrees too far right."""
    truth, yaw_deg = np.random.default_rng(4).uniform(20, 60, (68, 2)).astype(np.float32), 30.0
    picture = np.zeros((90, 120, 3), np.uint8)
    picture[:, 7] = 255

    def biased(image, crops):
        mirrored = not image[0, 7].any()
        points = truth.copy()
        if mirrored:
            assert image[0, 112].all()
            points[:, 0] = 119 - points[:, 0]
            points = points[list(topology.FLIP)]
        assert [(c.x, c.roll_rad) for c in crops] == [(119 - 40.0, -0.2) if mirrored else (40.0, 0.2)]
        turn = rotation_from_deg((-yaw_deg if mirrored else yaw_deg) + 4, 5.0, -9.0 if mirrored else 9.0)
        marks = Landmarks(points + np.float32([2, 0]), np.ones(68, np.float32))
        return [Reading(marks, 0.9 - 0.5 * mirrored, head=HeadRotation(turn, np.eye(3)))]

    (reading,) = BothWays(biased)(picture, [CropBox(40.0, 40.0, 50.0, 0.2)])
    np.testing.assert_allclose(reading.landmarks.points, truth, atol=1e-4)
    np.testing.assert_allclose(euler_deg(reading.head.rotation), (yaw_deg, 5.0, 9.0), atol=0.05)
    assert reading.presence == 0.9
