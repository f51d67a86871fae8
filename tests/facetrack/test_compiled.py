"""Each compiled kernel against the NumPy function that is its reference, equal to 1e-6 of the values' size."""

import math
import runpy
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facetrack import compiled, topology
from facetrack.angles import between, euler_deg, product_deg, rotation_from_deg, turned_by, turned_from_deg
from facetrack.eyes import EyeReader
from facetrack.gaze import eyes_in_head
from facetrack.geometry import CropBox, crop_matrix, crops_and_boxes, cut, cut_by, points_box
from facetrack.head_model import RIGID_MODEL_MM
from facetrack.landmarker import Landmarker, Reading
from facetrack.modelfile import EYES_OUTPUT, EYES_SIZE
from facetrack.pose import fused_pose
from facetrack.signals.eyes.lid_gap import lid_measures
from facetrack.signals.mouth.openness import MouthOptions, mouth_hidden
from facetrack.signals.observation import Observation
from facetrack.signals.per_frame import measure_viewed, viewed_from_deg
from facetrack.signals.windows.fading_quantile import FadingQuantile
from facetrack.smoothing.landmarks import SMOOTHING, FaceSmoother, smooth_together
from facetrack.tracking.confidence import DEFAULT
from facetrack.tracking.eyes import fused
from facetrack.tracking.gating import Gates
from facetrack.tracking.scene_cut import difference, samples
from facetrack.types import CameraModel, EyesReading, HeadRotation, Landmarks, Pose

pytestmark = pytest.mark.skipif(compiled.kernels is None, reason="no kernels: python hatch_build.py, with a C compiler")
seeds = st.integers(0, 2**32 - 1)
angles = st.floats(-80, 80)


def in_numpy(call):
    """Return what a call gives without the kernels."""
    kernels, compiled.kernels = compiled.kernels, None
    try:
        return call()
    finally:
        compiled.kernels = kernels


def values(result):
    """Return everything that a result holds, as a flat list of arrays and plain values."""
    if isinstance(result, dict):
        return [value for key in sorted(result) for value in (key, *values(result[key]))]
    if isinstance(result, list | tuple):
        return [value for item in result for value in values(item)]
    if hasattr(result, "__dataclass_fields__"):
        return [value for item in fields(result) for value in values(getattr(result, item.name))]
    return [result]


def assert_same(call, tolerance=1e-6):
    """Compare a call's results with and without the kernels; floats and float32 arrays to `tolerance` of their size."""
    fast, exact = values(call()), values(in_numpy(call))
    assert len(fast) == len(exact)
    for got, expected in zip(fast, exact, strict=True):
        if expected is None or isinstance(expected, str | bool):
            assert got is expected or got == expected
        else:
            size = np.abs(np.where(np.isfinite(expected), expected, 0)).max(initial=1.0)
            np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * size)
            assert np.asarray(got).dtype == np.asarray(expected).dtype


def face(seed, spread=60.0):
    """Return (68, 2) points px, their sigma and their visibility."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(50, 400, 2) + rng.normal(0, spread, (68, 2))
    return points.astype(np.float32), rng.uniform(0.3, 6, 68).astype(np.float32), rng.random(68).astype(np.float32)


@given(seeds, st.sampled_from(sorted(SMOOTHING)), st.booleans(), st.sampled_from([1, 3]))
@settings(max_examples=50, deadline=None)
def test_points_filter(seed, setting, with_sigma, faces):
    def course():
        rng = np.random.default_rng(seed)
        smoothers, time_s, out = [FaceSmoother(SMOOTHING[setting]) for _ in range(faces)], 0.0, []
        points = rng.uniform(0, 600, (faces, 68, 2))
        for frame in range(25):
            time_s += rng.uniform(0.01, 0.06)
            points = points + rng.normal(0, rng.choice([0.1, 3.0]), (faces, 1, 2)) + rng.normal(0, 0.5, points.shape)
            sigma = rng.uniform(0.3, 4, (faces, 68)).astype(np.float32)
            if frame % 9 == 4:
                sigma[0, 5] = rng.choice([np.nan, np.inf, 0.0])
            if faces > 1 and frame == 12:
                smoothers[1].reset()
            out.append(smooth_together(smoothers, points.astype(np.float32), sigma if with_sigma else None, time_s))
            out += [value for s in smoothers for value in (s.noise_px.copy(), s.share, s.steps)]
        return out

    assert_same(course)


@given(seeds, st.booleans(), st.booleans(), st.sampled_from([0.0, np.nan, np.inf, -800.0, 900.0]))
@settings(max_examples=50, deadline=None)
def test_landmarks_of_crops(seed, with_visibility, with_head, odd):
    rng = np.random.default_rng(seed)
    outputs = {
        "points": rng.uniform(-10, 120, (3, 68, 2)), "sigma": rng.uniform(0.1, 5, (3, 68)),
        "presence": rng.normal(0, 5, 3), "attributes": rng.random((3, 3)),
        "visibility": rng.normal(0, 5, (3, 68)),
        "rotation": np.stack([rotation_from_deg(*rng.uniform(-80, 80, 3)) for _ in range(3)]),
        "rotation_sigma": rng.uniform(1, 20, (3, 3)),
    }  # fmt: skip
    outputs = {name: value.astype(np.float32) for name, value in outputs.items()}
    outputs["presence"][1] += np.float32(odd)
    if not with_visibility:
        del outputs["visibility"]
    if not with_head:
        del outputs["rotation"]
    crops = [CropBox(*rng.uniform(0, 600, 2), rng.uniform(20, 500), rng.uniform(-3, 3)) for _ in range(3)]
    landmarker = Landmarker.__new__(Landmarker)
    landmarker._input_px = 112
    assert_same(lambda: landmarker._in_frame(outputs, crops))
    outputs["points"][0, 3, 0] = np.nan
    assert in_numpy(lambda: landmarker._in_frame(outputs, crops))[0].presence == 0.0
    assert landmarker._in_frame(outputs, crops)[0].presence == 0.0


@given(seeds)
@settings(max_examples=50, deadline=None)
def test_eyes_of_faces(seed):
    rng = np.random.default_rng(seed)
    faces = [face(seed + i, rng.choice([0.01, 20, 80]))[0] for i in range(3)]
    faces[1][37] = np.nan  # an eye's point that is not looked at
    if seed % 3 == 0:
        faces[2][36] = np.nan
    count = sum(np.isfinite(points[36]).all() for points in faces)
    outputs = rng.normal(0, 30, (count, 2, EYES_SIZE)).astype(np.float32)
    outputs[rng.random(outputs.shape) < 0.03] = np.nan
    seen = []

    def engine(batch):
        seen.append(batch.astype(int))
        return {EYES_OUTPUT: outputs[: len(batch)]}

    engine.spec = SimpleNamespace(kind="eyes", input_px=56, name="staged")
    reader, picture = EyeReader(engine), rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    assert_same(lambda: reader(picture[:, ::-1] if seed % 2 else picture, faces))
    assert np.abs(seen[0] - seen[1]).max(initial=0) <= 1


def eyes_reading(rng, points):
    """Return a reading of eyes near the points."""

    def f32(array):
        return np.asarray(array, np.float32)

    contour = points[36:48].reshape(2, 6, 2) + rng.normal(0, 3, (2, 6, 2))
    gaze = rng.uniform(-0.9, 0.9, (2, 2))
    gaze[rng.random(2) < 0.2] = np.nan  # by a network that gives none
    return EyesReading(
        f32(contour), f32(rng.uniform(-0.1, 3, (2, 6))), f32(contour.mean(axis=1)), f32(rng.uniform(1, 9, 2)),
        f32(rng.uniform(0.1, 3, 2)), f32(rng.random(2)), f32(rng.random(2)), f32(rng.random((2, 3))),
        f32(rng.random(2)), f32(gaze), f32(rng.uniform(0.02, 0.4, 2)),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(seeds, st.sampled_from([0.0, np.nan, np.inf]))
@settings(max_examples=50, deadline=None)
def test_fusion_of_eye_points(seed, odd):
    points, sigma, visibility = face(seed)
    rng = np.random.default_rng(seed)
    eyes = eyes_reading(rng, points)
    eyes.contour[0, 2, 1] += np.float32(odd)
    sigma[rng.integers(36, 48)] += np.float32(odd)
    assert_same(lambda: fused(Landmarks(points, sigma, visibility), eyes))


@given(angles, st.floats(-40, 40), st.floats(-60, 60), seeds, st.booleans(), st.booleans())
@settings(max_examples=50, deadline=None)
def test_fused_pose_and_looks_of_a_face(yaw, pitch, roll, seed, square, seen):
    rng = np.random.default_rng(seed)
    rotation, place = rotation_from_deg(yaw, pitch, roll), rng.uniform([-300, -200, 300], [300, 200, 1500])
    placed = RIGID_MODEL_MM @ rotation.T + place
    points, sigma, visibility = face(seed)
    camera = CameraModel() if square else CameraModel(fx=500, fy=550)
    fx, fy, cx, cy = camera.intrinsics((640, 480))
    noise = rng.normal(0, rng.choice([0, 1, 5, 30]), (13, 2))
    points[list(topology.RIGID)] = placed[:, :2] / placed[:, 2:] * (fx, fy) + (cx, cy) + noise
    head = HeadRotation(rotation_from_deg(*rng.normal(0, 8, 3)) @ rotation, np.eye(3) / math.radians(6) ** 2)
    marks = Landmarks(points, sigma, visibility if seen else None)
    assert_same(lambda: fused_pose(marks, head, (640, 480), camera))
    pose, eyes = Pose(rotation, place, yaw, pitch, roll), eyes_reading(rng, points)
    assert_same(lambda: eyes_in_head(eyes, pose, (fx, fy, cx, cy)), 1e-5)
    assert_same(lambda: viewed_from_deg(pose))
    assert_same(lambda: lid_measures(eyes, viewed_from_deg(pose)))


def test_no_pose_of_points_in_one_place():
    marks = Landmarks(np.full((68, 2), 5.0, np.float32), np.ones(68, np.float32))
    for value in (5.0, np.nan):
        marks.points[36] = value
        assert_same(lambda: fused_pose(marks, HeadRotation(np.eye(3), np.eye(3)), (640, 480)))


@given(seeds, st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_rotation_between_two(seed, share):
    rng = np.random.default_rng(seed)
    first, second = (rotation_from_deg(*rng.uniform(-180, 180, 3)) for _ in range(2))
    assert_same(lambda: between(first, second, share))
    assert_same(lambda: product_deg(first, second))
    angles_deg, look = euler_deg(first), (rng.uniform(-60, 60), rng.uniform(-60, 60))
    assert_same(lambda: turned_by(first, look))
    assert_same(lambda: turned_from_deg(angles_deg, look))
    np.testing.assert_allclose(turned_from_deg(angles_deg, look), turned_by(first, look), atol=1e-6)


pictures = arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90), st.just(3)))


@given(pictures, st.tuples(*[st.floats(-60, 150)] * 2), st.floats(1, 900), angles, st.sampled_from([9, 28, 150]))
@settings(max_examples=300, deadline=None)
def test_crops_of_pictures(picture, place, size_px, roll_deg, out_px):
    """Equal but for rounding in the last place, which moves few values by one grey level."""
    crop = CropBox(*place, size_px, math.radians(4 * roll_deg))
    wide = np.empty((2, out_px // 2, out_px, 3), np.uint8)
    mirror = np.array([[-1, 1, 1], [1, 1, 1]]) * crop_matrix(crop, out_px)
    for image in (picture, picture[len(picture) // 3 :, picture.shape[1] // 3 :], picture[:, ::-1]):
        found, expected = cut(image, crop, out_px), in_numpy(lambda image=image: cut(image, crop, out_px))
        assert np.abs(found.astype(int) - expected).max() <= 1
        cut_by(image, mirror, wide[0])
        in_numpy(lambda image=image: cut_by(image, mirror, wide[1]))
        assert np.abs(wide[0].astype(int) - wide[1]).max() <= 1


def test_crops_of_noise_are_opencv_s():
    """To the last bit where OpenCV and the kernel fuse multiplications; without that a few of a million differ."""
    rng, differ = np.random.default_rng(0), 0
    picture = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    for _ in range(100):
        crop = CropBox(*rng.uniform(0, 480, 2), rng.uniform(60, 900), rng.uniform(-3, 3))
        differ += (cut(picture, crop, 112) != in_numpy(lambda crop=crop: cut(picture, crop, 112))).sum()
    assert differ <= 200  # of 3,763,200


def test_a_crop_nowhere_is_black():
    picture = np.full((50, 50, 3), 200, np.uint8)
    for place in (1e30, np.nan, np.inf):
        assert not cut(picture, CropBox(place, 20, 30), 28).any()


@given(seeds, st.one_of(st.none(), st.floats(-3, 3)), st.sampled_from([np.float32, np.float64]), st.booleans())
@settings(max_examples=50, deadline=None)
def test_crop_and_boxes(seed, roll, dtype, unknown):
    points = face(seed)[0].astype(dtype)
    if unknown:
        points[7, 1] = np.nan
    assert_same(lambda: points_box(points))
    if not unknown:
        assert_same(lambda: crops_and_boxes([points.astype(np.float32)], 1.4, [roll]))


@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(0, 3)), max_size=60), st.floats(0, 1), st.floats(0.01, 100))
@settings(max_examples=50, deadline=None)
def test_fading_quantile(added, share, memory_s):
    def course():
        quantile, found = FadingQuantile(-45.0, 45.0, 90, memory_s), []
        for value, seconds in added:
            quantile.add(value, seconds)
            found.append(quantile.value(share))
        return [quantile.value(share), *found, quantile.known_s]

    assert_same(course)


@given(seeds, st.sampled_from([0.5, 20, 150, 400]), st.booleans(), st.booleans())
@settings(max_examples=50, deadline=None)
def test_gates(seed, spread, seen, certain):
    points, sigma, visibility = face(seed, spread)
    if certain:
        sigma[:] = np.nan
    gates = Gates.__new__(Gates)
    gates.confidence = DEFAULT
    reading = Reading(Landmarks(points, sigma, visibility if seen else None), 0.9)
    assert_same(lambda: gates.log_odds(reading, np.empty((480, 640, 3), np.uint8)))


@given(seeds, st.booleans(), st.floats(-70, 70), st.booleans())
@settings(max_examples=50, deadline=None)
def test_measures_of_a_frame(seed, seen, yaw, narrow):
    points, sigma, visibility = face(seed)
    if narrow:
        points[39] = points[36]
        points[64] = points[60]
    attributes = {"smile": 0.5, "mouth_open": 0.1}
    assert_same(lambda: measure_viewed(points, (yaw, 3.0), attributes, visibility if seen else None))
    for most in (0.01, 0.02, 0.03):
        observation = Observation(0.0, points, sigma)
        assert_same(lambda most=most, observation=observation: mouth_hidden(observation, MouthOptions(max_sigma=most)))


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))), st.integers(1, 6), st.data(),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_samples_of_pictures(image, step, data, mirrored):
    image = image[:, ::-1] if mirrored else image
    height, width = image.shape[:2]
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))

    def small():
        return samples(image, top, left, step, height, width)

    assert (small() == in_numpy(small)).all()
    other = np.random.default_rng(0).permuted(small(), axis=None)
    assert_same(lambda: difference(small(), other), 2e-6)


def test_wrong_arrays_are_refused():
    good = np.zeros((68, 2), np.float32)
    with pytest.raises(TypeError, match="expected 136"):
        compiled.kernels.face_box(good[:60], np.empty(4, np.float32))
    with pytest.raises(TypeError, match="bytes to write to; expected 16"):
        compiled.kernels.face_box(good, np.empty(4))
    with pytest.raises(TypeError, match="arguments; expected 2"):
        compiled.kernels.face_box(good)
    with pytest.raises(TypeError, match="kind"):
        compiled.kernels.face_box(good.astype(np.int32), np.empty(4, np.float32))
    with pytest.raises(IndexError, match="index 68"):
        compiled.kernels.lips_sigma(good, np.ones(68), np.full(20, 68))
    with pytest.raises(ValueError, match="not in the picture"):
        compiled.kernels.sample(np.empty((8, 8, 3), np.uint8), 0, 0, 4, 3, 2, np.empty((3, 2, 3), np.float32))
    picture, slot = np.empty((8, 8, 3), np.uint8), np.empty((6, 6, 3), np.uint8)
    with pytest.raises(TypeError, match=r"not \(H, W, 3\) uint8"):
        compiled.kernels.cut_box(picture, 3.0, 3.0, 5.0, 0.0, slot[0])
    with pytest.raises(TypeError, match="one after the other"):
        every_second, face_points = picture[:, ::2], np.arange(136.0).reshape(68, 2)
        compiled.kernels.cut_eyes(every_second, face_points, np.arange(5), 2.0, 0.3, slot, np.empty(12), np.empty(2))
    assert not compiled.kernels.cut_box(picture.astype(np.float32), 3.0, 3.0, 5.0, 0.0, slot)  # OpenCV's then
    with pytest.raises(ValueError, match="differ in size"):
        compiled.kernels.change(np.empty(3, np.float32), np.empty(4, np.float32))


@pytest.mark.parametrize(("value", "expected"), [("0", "NumPy (FACETRACK_COMPILED=0)"), ("1", "compiled")])
def test_variable_chooses(value, expected):
    code = "from facetrack import compiled; print(compiled.description)"
    result = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path), compiled.VARIABLE: value}, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert result.stdout.strip() == expected


def test_kernels_of_other_sources_are_left_out(tmp_path):
    folder = tmp_path / "compiled"
    shutil.copytree(Path(compiled.__file__).parent, folder)
    assert runpy.run_path(str(folder / "__init__.py"))["description"] == "compiled"
    (folder / "eyes.c").write_text("/* changed */")
    changed = runpy.run_path(str(folder / "__init__.py"))
    assert changed["kernels"] is None
    assert "python hatch_build.py" in changed["description"]
    for source in folder.glob("*.[ch]"):
        source.unlink()
    assert runpy.run_path(str(folder / "__init__.py"))["description"] == "compiled"  # as a wheel installs it
