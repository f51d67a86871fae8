"""Rendered heads of the ICT model: ground truth against `facetrack.pose` and OpenCV, lids, mirroring, packs."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from facetrack import topology
from facetrack.errors import DataError
from facetrack.pose import head_pose
from facetrack.signals import mouth_opening
from facetrain.formats.packs import read_pack
from facetrain.synth.rendering import clips
from facetrain.synth.rendering.camera import MODEL_TO_CAMERA, Camera
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.heads import SIDE_PX, random_head, write_heads
from facetrain.synth.rendering.people import random_identity
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.truth import HeadState, closing_blink
from places import HEAD_MODEL as MODEL

CAMERA = Camera(320 / np.tan(np.deg2rad(30)), (319.5, 239.5), (640, 480))
MEAN = np.zeros(50)

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not MODEL.is_file(), reason="needs the ICT head model beside the repository"),
]


@pytest.fixture(scope="module")
def renderer():
    return Renderer(load_head_model(MODEL))


@pytest.fixture(scope="module")
def samples(renderer):
    return [random_head(renderer, 7, index) for index in range(4)]


def truth(renderer, expression=None, identity=MEAN, **state):
    return renderer.truth(HeadState(identity, expression or {}, translation_cm=(0.0, 0.0, 50.0), **state), CAMERA)


def test_a_head_is_projected_as_by_opencv(renderer):
    """Compare with OpenCV: Rodrigues' vector of a yaw of 30 degrees is (0, -30 degrees, 0) in the camera's axes."""
    model = renderer.model
    points = (model.points68(model.vertices) - model.origin) @ MODEL_TO_CAMERA
    camera = np.array([[CAMERA.focal_px, 0, 319.5], [0, CAMERA.focal_px, 239.5], [0, 0, 1]])
    turn = np.array([0.0, -np.deg2rad(30), 0.0])
    expected = cv2.projectPoints(points, turn, np.array([0.0, 0.0, 50.0]), camera, None)[0].reshape(-1, 2)
    np.testing.assert_allclose(truth(renderer, yaw_deg=30.0).fixed_points, expected, atol=2e-3)


@pytest.mark.parametrize(
    "angles", [(30, 0, 0), (-30, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 25), (35, -15, 20), (-40, 15, -10)]
)
def test_angles_are_those_that_pose_estimates(renderer, angles):
    for seed in range(4):
        identity = MEAN if seed == 0 else random_identity(renderer.model, np.random.default_rng(seed))
        yaw, pitch, roll = angles
        head = truth(renderer, identity=identity, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)
        pose = head_pose(head.points, CAMERA.size)
        np.testing.assert_allclose((pose.yaw_deg, pose.pitch_deg, pose.roll_deg), angles, atol=3 if seed == 0 else 7)
        if seed == 0:
            np.testing.assert_allclose(pose.translation_mm, (0, 0, 500), atol=8)  # mm; a larger head counts as nearer


def test_points_lie_on_the_lips_where_annotators_place_them(renderer):
    """Compare with medians over HELEN's training part, as shares of the mouth's half width and the eye's width."""
    points = renderer.model.points68(renderer.model.vertices)
    lips = [points[index, 0] / points[48, 0] for index in (49, 50, 58, 59, 61, 67)]
    np.testing.assert_allclose(lips, [0.616, 0.245, 0.258, 0.624, 0.249, 0.249], atol=0.03)
    lids = [(points[i, 0] - points[36, 0]) / (points[39, 0] - points[36, 0]) for i in (37, 41)]
    np.testing.assert_allclose(lids, [0.309, 0.28], atol=0.03)


def test_lids_close_with_the_blink(renderer):
    identity = random_identity(renderer.model, np.random.default_rng(1))
    assert truth(renderer).lid_opening == pytest.approx((1, 1))
    assert truth(renderer, identity=identity).lid_opening == pytest.approx((1, 1))
    one = truth(renderer, {"eyeBlink_R": 1.0})
    assert one.lid_opening[0] < 0.1
    assert one.lid_opening[1] == pytest.approx(1, abs=1e-3)
    assert one.blink == (1.0, 0.0)
    right, left = closing_blink(renderer.model, identity)
    assert 0.9 < right < 1.3
    assert 0.9 < left < 1.3
    shut = truth(renderer, {"eyeBlink_R": right, "eyeBlink_L": left / 2}, identity)
    assert shut.lid_opening == pytest.approx((0, 0.5), abs=0.01)
    assert truth(renderer, {"eyeWide_L": 1.0}).lid_opening[1] > 1.1


def test_the_mouth_opens_with_the_jaw_as_the_signal_measures_it(renderer):
    openings = [truth(renderer, {"jawOpen": jaw}).mouth_opening for jaw in (0.0, 0.5, 1.0)]
    assert openings[0] < 0.05
    assert 0.3 < openings[1] < 0.6
    assert openings[2] > 0.7
    head = truth(renderer, {"jawOpen": 0.6, "mouthSmile_R": 1.0, "mouthSmile_L": 0.5})
    assert float(mouth_opening(head.points)) == pytest.approx(head.mouth_opening, rel=0.25)  # the signal ignores depth
    assert head.smile == 0.75


def test_a_mirrored_head_has_mirrored_points(renderer):
    """Check the mean head, which is symmetric except for some vertices on the left of the jaw."""
    one = truth(renderer, {"eyeBlink_L": 0.6}, yaw_deg=25.0, pitch_deg=-10.0, roll_deg=8.0, gaze_deg=(12, 4))
    other = truth(renderer, {"eyeBlink_R": 0.6}, yaw_deg=-25.0, pitch_deg=-10.0, roll_deg=-8.0, gaze_deg=(-12, 4))
    mirrored = other.points[topology.FLIP] * [-1, 1] + [639, 0]
    np.testing.assert_allclose(one.points, mirrored, atol=1.0)
    assert one.lid_opening == pytest.approx(other.lid_opening[::-1], abs=0.01)


def test_eyeballs_turn_by_the_gaze(renderer):
    """Each iris moves across the head as a person's does, by r sin 20 and r sin 10 with r = 1.04 cm.

    The gaze is 20 degrees to the image's right and 10 up (the model's x runs to the image's right, its y up).
    """
    model = renderer.model
    rest, turned = model.shaped(MEAN, {}), model.shaped(MEAN, {}, (20.0, 10.0))
    for moved in model.irises(turned) - model.irises(rest):
        assert moved[0] == pytest.approx(1.04 * np.sin(np.deg2rad(20)), abs=0.03)
        assert moved[1] == pytest.approx(1.04 * np.sin(np.deg2rad(10)), abs=0.03)
    unmoved = model.vertices_of("M_Teeth")
    np.testing.assert_allclose(rest[unmoved], turned[unmoved], atol=1e-3)


def test_an_unknown_expression_is_refused(renderer):
    with pytest.raises(DataError, match="no expression is called 'wink'"):
        truth(renderer, {"wink": 1.0})


def test_the_far_side_of_a_turned_head_is_occluded(renderer):
    actor = clips.random_actor(renderer.model, 3)
    script = clips.turning(actor, speed_deg_s=60.0, reach_deg=60.0)
    frames = list(clips.play(renderer, actor, script, fps=1, seconds=2))
    front, turned = frames[0][1], frames[1][1]
    inner = list(topology.NOSE_BRIDGE + topology.OUTER_LIPS)
    assert front.yaw_deg == 0
    assert turned.yaw_deg == pytest.approx(60)
    assert front.visible[inner].all()
    # Turned to the image's right, the person's left cheek is behind the nose and the right one is visible.
    assert turned.visible[list(topology.RIGHT_EYE)].sum() > turned.visible[list(topology.LEFT_EYE)].sum()


def test_a_blink_is_closed_in_its_closure_at_any_rate(renderer):
    actor = clips.random_actor(renderer.model, 4)
    script = clips.blinking(actor, renderer.model, [(0.5, 0.65)])
    for fps in (15, 30, 60):
        for time_s in np.arange(0, 1.2, 1 / fps):
            right, left = renderer.truth(script(time_s), actor.camera).lid_opening
            if 0.5 <= time_s <= 0.65:
                assert max(right, left) < 0.01
            elif time_s <= 0.5 - clips.CLOSING_S or time_s >= 0.65 + clips.OPENING_S:
                assert min(right, left) > 0.99
            else:
                assert min(right, left) > 0.0


def test_clips_turn_yawn_and_stay(renderer):
    actor = clips.random_actor(renderer.model, 5)
    turn = clips.turning(actor, speed_deg_s=30.0)
    assert [turn(t).yaw_deg for t in (0, 1, 1.5, 3, 4.5, 6)] == pytest.approx([0, 30, 45, 0, -45, 0])
    yawn = clips.yawning(actor, 1.0)
    openings = [renderer.truth(yawn(t), actor.camera).mouth_opening for t in (0.5, 3.0, 5.5)]
    assert openings[0] < 0.1
    assert openings[1] > 0.5
    assert openings[2] < 0.1
    frames = [f.image.astype(float) for f, _ in clips.play(renderer, actor, clips.still(actor), 30, 0.1, noise_sigma=5)]
    difference = frames[1] - frames[0]
    inside = (frames[0] > 30) & (frames[0] < 225)
    assert difference[inside].std() == pytest.approx(5 * np.sqrt(2), rel=0.1)


def test_random_heads_depend_on_seed_and_index_alone(renderer, samples):
    again = random_head(renderer, 7, 3)
    np.testing.assert_array_equal(again.image, samples[3].image)
    np.testing.assert_array_equal(again.points, samples[3].points)
    assert again.attributes == samples[3].attributes
    assert (random_head(renderer, 8, 3).points != samples[3].points).any()


def test_random_heads_are_complete(samples):
    for sample in samples:
        assert sample.image.shape == (SIDE_PX, SIDE_PX, 3)
        assert sample.visible.sum() > 25
        assert np.isfinite(sample.points).all()
        assert np.ptp(sample.points, axis=0).max() > 95
        assert -20 < sample.points.min() < sample.points.max() < SIDE_PX + 20
        assert {"yaw_deg", "lid_opening_left", "blink_right", "mouth_opening", "gaze_yaw_deg"} <= set(sample.attributes)


def test_the_jaw_lies_on_the_outline(renderer):
    """Compare with the edge of the face's mask, which OpenCV fills triangle by triangle.

    In a head turned to the image's right the person's left side of the jaw is behind the cheek.
    """
    head = truth(renderer, yaw_deg=45.0)
    model = renderer.model
    state = HeadState(MEAN, {}, yaw_deg=45.0, translation_cm=(0.0, 0.0, 50.0))
    flat = CAMERA.project(state.in_camera(model, model.vertices).astype(float))
    mask = np.zeros((480, 640), np.uint8)
    for corners in flat[model.triangles[model.of_material("M_Face")]]:
        cv2.fillConvexPoly(mask, np.rint(corners * 16).astype(np.int32), 255, shift=4)
    inside, outside = (cv2.distanceTransform(m, cv2.DIST_L2, 5) for m in (mask, 255 - mask))
    for x, y in np.rint(head.points[11:15]).astype(int):
        assert max(inside[y, x], outside[y, x]) < 3
    distance = np.linalg.norm(head.points - head.fixed_points, axis=1)
    assert distance[1:8].max() < 2 < distance[11:15].max()
    assert distance[17:].max() == 0


def test_a_pack_of_heads_is_read_back(renderer, tmp_path):
    assert write_heads(renderer, tmp_path / "heads", range(2), seed=7) == 2
    back = read_pack(tmp_path / "heads", trim=False)
    assert not back.problems
    assert len(back.samples) == 2
    np.testing.assert_allclose(back.samples[1].points, random_head(renderer, 7, 1).points)
    assert back.samples[1].attributes["lid_opening_left"] >= 0
    with pytest.raises(DataError, match="count of at least 1"):
        write_heads(renderer, tmp_path / "none", [], seed=7)
    assert not (tmp_path / "none.zip").exists()


def test_heads_are_rendered_by_the_command(tmp_path):
    command = [sys.executable, "-m", "facetrack", "data", "render"]
    done = subprocess.run([*command, str(MODEL), "--out", "heads", "--count", "1"], cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert len(read_pack(tmp_path / "heads", trim=False).samples) == 1
    missing = [*command, "none.npz", "--out", "other"]
    done = subprocess.run(missing, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "none.npz: expected a morphable head" in done.stderr
    assert not (tmp_path / "other.zip").exists()
