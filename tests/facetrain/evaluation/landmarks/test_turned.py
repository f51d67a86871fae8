"""The figures on turned heads: bins, misses and angles by hand; crops' rolls on projected heads."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack import topology
from facetrack.types import Detections
from facetrain.evaluation.landmarks import turned as benchmark
from facetrain.evaluation.landmarks.turned_methods import POINTS, ROTATION, Found, Network, Tracked, matching
from facetrain.sample import Sample
from staged import Stage, actor


def face(yaw, pitch=0.0, roll=0.0, at=100.0):
    """Make a sample whose true points lie on a grid of 100 by 100 px, so that the box's root is 100."""
    grid = np.stack(np.meshgrid(np.linspace(0, 100, 17), np.linspace(0, 100, 4)), axis=-1).reshape(-1, 2)
    angles = {"yaw_deg": yaw, "pitch_deg": pitch, "roll_deg": roll}
    image = np.zeros((300, 300, 3), np.uint8)
    return Sample(
        "a", "a", "aflw2000", image, (grid + at).astype(np.float32), np.ones(68, np.float32), attributes=angles
    )


def in_pose(tabled):
    """Convert AFLW2000's yaw, pitch, roll to those of types.Pose, by SciPy."""
    yaw, pitch, roll = tabled
    turn = Rotation.from_euler("XYZ", [-pitch, -yaw, roll], degrees=True)
    return turn.as_euler("YXZ", degrees=True) * [-1, -1, 1]


class Staged:
    """Finds each sample's points `off` px to the right and its angles 2 degrees off; misses those beyond 80 degrees."""

    def __init__(self, samples, off=3.0):
        self.by_box = {tuple(s.points.min(axis=0)): s for s in samples}
        self.off = off

    def through(self, image, box):
        sample = self.by_box[tuple(box[:2])]
        angles = np.array([float(sample.attributes[f"{name}_deg"]) for name in ("yaw", "pitch", "roll")])
        return None if abs(angles[0]) > 80 else Found(sample.points + np.float32([self.off, 0]), in_pose(angles + 2))

    def detected(self, image):
        found = [self.through(image, np.float32(box)) for box in self.by_box]
        return [one for one in found if one is not None]


def measured(samples, detected=False):
    return benchmark.measure("staged", Staged(samples), samples, detected, lambda items: items)


def test_bins_errors_and_misses_by_hand():
    samples = [face(yaw, at=i) for i, yaw in enumerate((0.0, -30.0, 45.0, 85.0, -95.0), start=1)]
    rows = benchmark.by_yaw(measured(samples))
    assert [(row.name, row.faces, row.missed) for row in rows] == [("0-30", 2, 0), ("30-60", 1, 0), ("60-90", 1, 1)]
    assert rows[0].nme == pytest.approx(3)
    assert rows[1].nme_51 == pytest.approx(3)
    assert math.isnan(rows[2].nme)
    assert measured(samples).shift_x == pytest.approx(3)


def test_angles_beyond_99_degrees_are_left_out():
    samples = [face(10.0), face(-20.0, pitch=-120.0, at=50)]
    errors = benchmark.angle_errors(measured(samples))
    assert errors["faces"] == 1
    assert errors["mean_deg"] == pytest.approx(2)
    assert benchmark.angle_bias(measured(samples)) == pytest.approx([2, 2, 2])


def test_angle_errors_wrap():
    (result,) = [measured([face(10.0, roll=-99.0)])]
    off = benchmark.angle_errors(result)
    assert off["roll_deg"] == pytest.approx(2)


def test_a_face_elsewhere_is_a_miss():
    sample = face(0.0)
    far = Found(sample.points + np.float32([90, 0]), np.zeros(3))
    near = Found(sample.points + np.float32([5, 0]), np.zeros(3))
    box = np.float32([100, 100, 200, 200])
    assert matching([far], box) is None
    assert matching([far, near], box) is near
    assert matching([], box) is None


class StagedEngine:
    """Points at a face that stands still in the picture, whatever crop it is shown; counts its runs."""

    class Spec:
        name, kind, topology, margin, input_px = "staged", "landmarks", "300w-68", 1.3, 50
        outputs = dict.fromkeys(("points", "sigma", "presence"), "")

    spec = Spec()

    def __init__(self, rotation=None):
        self.runs, self.rotation = 0, rotation

    def __call__(self, batch):
        self.runs += 1
        points = np.tile(np.float32([[10, 10], [40, 40]]), (34, 1))[None]
        out = {"points": points, "sigma": np.ones((1, 68), np.float32), "presence": np.ones(1, np.float32)}
        if self.rotation is not None:
            out["rotation"] = self.rotation[None]
            out["visibility"] = np.zeros((1, 68), np.float32)
            out["rotation_sigma"] = np.ones((1, 3), np.float32)
        return out


@pytest.mark.parametrize("roll", ["tracker", "eyes", "upright"])
def test_passes_are_counted_and_outputs_are_read(roll):
    engine = StagedEngine(np.eye(3, dtype=np.float32))
    method = Network(engine, None, passes=3, roll=roll)
    found = method.through(np.zeros((100, 100, 3), np.uint8), np.float32([20, 20, 60, 60]))
    assert engine.runs == 3
    assert found.visibility is not None
    assert found.visibility[0] == pytest.approx(0.5)
    assert found.angles_by_source[ROTATION][1] == pytest.approx(0)
    assert set(found.angles_by_source) == {POINTS, ROTATION}


def test_without_a_rotation_the_pose_is_fitted_to_the_points():
    class Detector:
        def __call__(self, image):
            return Detections(np.float32([[20, 20, 60, 60]]), np.float32([0.9]), None)

    (found,) = Network(StagedEngine(), Detector()).detected(np.zeros((100, 100, 3), np.uint8))
    assert found.visibility is None
    assert found.angles_deg.shape == (3,)


class MirrorStage(Stage):
    """Stage that sees its actors in a picture's mirror image, too: the picture's first column is white."""

    def __call__(self, image, crops):
        if image[0, 0, 0]:
            return super().__call__(image, crops)
        last = image.shape[1] - 1
        readings = super().__call__(image, [replace(c, x=last - c.x, roll_rad=-c.roll_rad) for c in crops])
        mirrored = [r.landmarks.points[topology.FLIP] * [-1, 1] + [last, 0] for r in readings]
        return [
            replace(r, landmarks=replace(r.landmarks, points=points.astype(np.float32)))
            for r, points in zip(readings, mirrored, strict=True)
        ]


def test_a_picture_on_its_own_is_read_by_a_tracker_that_forgets_the_one_before():
    stage, picture = MirrorStage(), np.zeros((240, 320, 3), np.uint8)
    picture[:, 0] = 255
    stage.actors = [actor(150, 120, 80)]
    method = Tracked(Network(StagedEngine()), stage.tracker(looks=False, confirmations=1, single=True))
    for _ in range(2):
        (found,) = method.detected(picture)
        np.testing.assert_allclose(found.points, stage.actors[0], atol=1e-3)
    assert method.through(np.zeros((100, 100, 3), np.uint8), np.float32([20, 20, 60, 60])) is not None


def test_a_detector_alone_is_measured_by_its_boxes():
    class Detector:
        def __call__(self, image):
            return Detections(np.float32([[100, 90, 200, 190]]), np.float32([0.9]), None)

    samples = [face(0.0), face(40.0, at=160), face(-50.0)]
    cells = benchmark.recall_by_yaw(Detector(), samples, lambda items: items)
    assert cells == ["1.000", "0.500", "none"]


@pytest.mark.parametrize("angles", [(70, 20, -30), (-85, -10, 5), (10, 40, 60), (0, 0, 0)])
def test_angles_are_compared_in_the_order_of_the_labels(angles):
    np.testing.assert_allclose(benchmark.tabled_angles(in_pose(np.array(angles, float))), angles, atol=1e-6)
    assert np.isnan(benchmark.tabled_angles(np.full(3, np.nan))).all()
