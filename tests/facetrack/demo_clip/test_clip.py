"""Synthetic clip: reproducible, with its ground truth in the right place, with moving lids and lips."""

import numpy as np
import pytest

from facetrack import topology
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.demo_clip.puppet import Puppet, thin_plate

QUIET = {"noise_sigma": 0.0, "blinks": (), "yawns": ()}
LID_PAIRS = [(eye[a], eye[b]) for eye in (topology.RIGHT_EYE, topology.LEFT_EYE) for a, b in ((1, 5), (2, 4))]


@pytest.fixture(scope="module")
def puppet():
    return Puppet()


def gap(points, pairs):
    return float(np.mean([np.linalg.norm(points[a] - points[b]) for a, b in pairs]))


def around(image, points, margin_px=2):
    """Return the bounding box of the points from an image, with a margin."""
    low, high = (
        np.floor(points.min(axis=0)).astype(int) - margin_px,
        np.ceil(points.max(axis=0)).astype(int) + margin_px,
    )
    return image[max(low[1], 0) : high[1], max(low[0], 0) : high[0]].astype(float)


@pytest.mark.parametrize("faces", [1, 2])
def test_same_options_same_clip_in_any_order(faces):
    options = ClipOptions(faces=faces, seed=3, duration_s=1.0)
    once, again = SyntheticClip(options), SyntheticClip(options)
    in_order = {frame.index: (frame, truth) for frame, truth in once}
    assert len(in_order) == len(once) == 30
    for index in (29, 3, 17):
        (frame, truth), (other, other_truth) = in_order[index], again.render(index)
        np.testing.assert_array_equal(frame.image, other.image)
        assert frame.time_s == other.time_s == index / 30
        for a, b in zip(truth, other_truth, strict=True):
            np.testing.assert_array_equal(a.points, b.points)
    assert not np.array_equal(in_order[0][0].image, SyntheticClip(ClipOptions(faces=faces, seed=4)).render(0)[0].image)


def test_shapes_and_types():
    frame, truth = SyntheticClip(ClipOptions(size=(320, 200), faces=2)).render(0)
    assert frame.image.shape == (200, 320, 3)
    assert frame.image.dtype == np.uint8
    assert len(truth) == 2
    assert truth[0].points.shape == (68, 2)
    assert truth[0].points.dtype == np.float32
    assert truth[0].visible.shape == (68,)


def test_truth_is_where_the_camera_puts_it(puppet):
    """Oracle: the camera matrix applied by plain sums, point by point."""
    clip = SyntheticClip(ClipOptions(seed=5, **QUIET))
    for index in (0, 40, 200):
        (a, b, tx), (c, d, ty) = clip.camera(index / 30)
        assert (a, b) == pytest.approx((d, -c))  # a rotation and a scale, no shear
        points = clip.render(index)[1][0].points
        for (x, y), (u, v) in zip(puppet.points, points, strict=True):
            assert (u, v) == pytest.approx((a * x + b * y + tx, c * x + d * y + ty), abs=1e-3)


def test_the_image_agrees_with_the_ground_truth(puppet):
    """The colour at each point lies within the range of colours around that point in the photograph."""
    clip = SyntheticClip(ClipOptions(seed=6, **QUIET))
    rendered = [clip.render(index) for index in (0, 75, 150, 225)]
    complete = [(frame, truth) for frame, (truth,) in rendered if truth.visible.all()]
    assert len(complete) >= 3
    for frame, truth in complete:
        for point in range(topology.N_POINTS):
            x, y = truth.points[point]
            u, v = (puppet.points[point] + 0.5) * 3 - 0.5
            colour = frame.image[round(float(y)), round(float(x))].astype(float)
            near = puppet.image[round(v) - 4 : round(v) + 5, round(u) - 4 : round(u) + 5].reshape(-1, 3).astype(float)
            assert (colour >= near.min(axis=0) - 8).all()
            assert (colour <= near.max(axis=0) + 8).all()


def test_mirrored_face_is_labelled_as_the_scheme_wants():
    _, (first, second) = SyntheticClip(ClipOptions(faces=2, **QUIET)).render(0)
    for truth in (first, second):
        right, left = (truth.points[list(eye)].mean(axis=0) for eye in (topology.RIGHT_EYE, topology.LEFT_EYE))
        assert right[0] < left[0]  # the person's right eye is on the image's left
        assert truth.points[topology.CHIN, 1] > right[1]
    assert abs(first.points.mean(axis=0)[0] - second.points.mean(axis=0)[0]) > 100


def test_lids_close_in_the_points_and_in_the_image():
    options = {"duration_s": 2.0, "noise_sigma": 0.0, "yawns": ()}
    blinking = SyntheticClip(ClipOptions(blinks=((1.0, 1.3),), **options))
    open_eyed = SyntheticClip(ClipOptions(blinks=(), **options))
    for index, closed in ((15, False), (34, True), (45, False)):
        frame, (truth,) = blinking.render(index)
        reference, (open_truth,) = open_eyed.render(index)
        eye = open_truth.points[list(topology.RIGHT_EYE)]
        change = np.abs(around(frame.image, eye) - around(reference.image, eye)).mean()
        ratio = gap(truth.points, LID_PAIRS) / gap(open_truth.points, LID_PAIRS)
        if closed:
            assert truth.closure == 1.0
            assert ratio < 0.2  # the lids meet; paired points are slightly offset horizontally
            assert change > 15
            # Only lashes and skin remain: neither a black pupil nor the white of the eye.
            assert np.ptp(around(frame.image, eye, -2).max(axis=2)) < 0.8 * np.ptp(
                around(reference.image, eye, -2).max(axis=2)
            )
        else:
            assert truth.closure == 0.0
            assert ratio == pytest.approx(1.0)
            assert change == 0.0
        others = [i for i in range(68) if i not in topology.RIGHT_EYE + topology.LEFT_EYE]
        np.testing.assert_array_equal(truth.points[others], open_truth.points[others])


def test_blink_times_are_the_given_ones():
    clip = SyntheticClip(ClipOptions(duration_s=1.0, blinks=((0.4, 0.55),), yawns=(), noise_sigma=0.0))
    closure = np.array([truth[0].closure for _, truth in clip])
    times = np.arange(30) / 30
    assert (closure[(times <= 0.4) | (times >= 0.55)] == 0).all()
    assert closure.max() == 1.0
    assert (np.abs(np.diff(closure)) < 1).all()


def test_jaw_drops_and_the_mouth_turns_dark(puppet):
    shut, shut_points = puppet.pose(0.0, 0.0)
    wide, wide_points = puppet.pose(0.0, 1.0)
    lips = list(zip(topology.INNER_LIP_UPPER, topology.INNER_LIP_LOWER, strict=True))
    assert gap(wide_points, lips) > gap(shut_points, lips) + 15
    still = [*topology.RIGHT_BROW, *topology.RIGHT_EYE, *topology.NOSE_BRIDGE, *topology.NOSE_BASE]
    np.testing.assert_array_equal(wide_points[still], shut_points[still])
    np.testing.assert_array_equal(wide[:100], shut[:100])  # nothing moves above the nose
    # Between the upper teeth and the lower lip the skin is replaced by the dark interior.
    centre = wide_points[[lip for pair in lips for lip in pair]].mean(axis=0)
    x, y = np.rint((centre - (158, 76) + 0.5) * 3 - 0.5).astype(int)
    assert wide[y + 3, x].max() < 80 < shut[y + 3, x].max()


def test_opening_a_little_changes_little(puppet):
    rest, _ = puppet.pose(0.0, 0.0)
    slightly, _ = puppet.pose(0.02, 0.02)
    assert np.abs(rest.astype(float) - slightly).mean() < 1.0


def test_absent_and_covered():
    clip = SyntheticClip(ClipOptions(duration_s=6.0, absent=((1.0, 2.0),), covered=((4.0, 5.0),), noise_sigma=0.0))
    visible = {
        time_s: clip.render(round(time_s * 30))[1][0].visible for time_s in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 4.9, 5.6)
    }
    assert [bool(visible[t].any()) for t in visible] == [True, False, False, False, True, False, False, True]
    assert visible[3.0].all()


def test_speed_is_a_factor_on_the_camera_motion():
    mean_shifts = []
    for speed in (1.0, 3.0):
        clip = SyntheticClip(ClipOptions(seed=2, speed=speed, **QUIET))
        shifts = np.array([clip.camera(index / 30)[:, 2] for index in range(150)])
        mean_shifts.append(np.linalg.norm(np.diff(shifts, axis=0), axis=1).mean())
    assert mean_shifts[1] > 2 * mean_shifts[0]


def test_noise_has_the_given_sigma():
    still, noisy = (
        SyntheticClip(ClipOptions(noise_sigma=sigma)).render(5)[0].image.astype(float) for sigma in (0, 6.0)
    )
    inside = (still > 30) & (still < 225)
    assert (noisy - still)[inside].std() == pytest.approx(6.0, rel=0.05)


@pytest.mark.parametrize("wrong", [{"faces": 3}, {"fps": 0.0}, {"size": (0, 10)}])
def test_invalid_options_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        ClipOptions(**wrong)


def test_spline_passes_through_its_centres_and_reproduces_planes():
    rng = np.random.default_rng(0)
    centres, values = rng.uniform(0, 100, (20, 2)), rng.normal(0, 5, (20, 2))
    np.testing.assert_allclose(thin_plate(centres, values, centres), values, atol=1e-6)
    slope, elsewhere = rng.normal(0, 1, (2, 2)), rng.uniform(0, 100, (30, 2))
    np.testing.assert_allclose(thin_plate(centres, centres @ slope + 3, elsewhere), elsewhere @ slope + 3, atol=1e-6)
