"""Jitter, lag and blink depth on trajectories with known results; the rotated photograph against optical flow."""

import json
import math
import sys
from contextlib import nullcontext

import cv2
import numpy as np
import pytest

from facetrack import topology
from facetrack.errors import FacetrackError
from facetrain.evaluation.stability import clips as jitter_clips
from facetrain.evaluation.stability import measure, metrics
from facetrain.evaluation.stability.clips import Clip
from facetrain.evaluation.stability.methods import TrackingMethod, open_methods
from facetrain.synth.relief import EYE_PX, MAX_YAW_DEG, Relief

FPS = 30.0
TIMES = np.arange(126) / FPS


@pytest.fixture(scope="module")
def relief():
    return Relief((320, 240))


def swinging(times, speed_px_s):
    """Trajectories (T, 68, 2): every point oscillates on its own line, at its own share of the speed."""
    rng = np.random.default_rng(0)
    start, angle = rng.uniform(0, 100, (68, 2)), rng.uniform(0, 2 * np.pi, 68)
    share = rng.uniform(0.5, 1, 68)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    path = np.array([jitter_clips.triangle_wave(float(time_s), speed_px_s) for time_s in times])
    return start + share * path[:, None, None]


def test_triangle_wave_by_hand():
    """Period 2.4 s at 10 per second: up to 6 in .6 s, down to -6 at 1.8 s, 0 again at 2.4 s."""
    values = [jitter_clips.triangle_wave(time_s, 10.0) for time_s in (0.0, 0.3, 0.6, 1.2, 1.8, 2.4, 3.0)]
    np.testing.assert_allclose(values, [0, 3, 6, 0, -6, 0, 6], atol=1e-9)


def test_constant_speed_excludes_the_time_after_a_turning_point():
    """Turning points at .6, 1.8, 3.0 s: the .3 s after each are excluded."""
    times = np.array([0.2, 0.59, 0.61, 0.89, 0.91, 1.79, 1.81, 2.11])
    assert metrics.is_constant_speed(times).tolist() == [True, True, False, False, True, True, False, True]


def test_jitter_of_white_noise():
    """The step between positions of variance s^2 per coordinate is Rayleigh with scale s sqrt 2: mean s sqrt pi."""
    points = 50 + np.random.default_rng(1).normal(0, 0.2, (500, 68, 2))
    assert metrics.jitter_percent(points, 80.0) == pytest.approx(100 * 0.2 * math.sqrt(math.pi) / 80.0, rel=0.01)


def test_jitter_of_points_that_were_never_detected_is_unknown():
    assert math.isnan(metrics.jitter_percent(np.full((5, 68, 2), np.nan), 80.0))


@pytest.mark.parametrize("delay_ms", [0.0, 20.0, 47.0, 110.0])
def test_lag_is_the_delay_despite_position_errors(delay_ms):
    """The delay is measured despite an offset, a scale of .9, a quadratic distortion of the position, and noise."""
    truth = swinging(TIMES, 40.0)
    late = swinging(TIMES - delay_ms / 1e3, 40.0)
    displacement = late - truth.mean(axis=0)
    predicted = truth.mean(axis=0) + 3.0 + 0.9 * displacement + 0.002 * displacement**2
    predicted = predicted + np.random.default_rng(2).normal(0, 0.1, predicted.shape)
    assert metrics.lag_ms(predicted, truth, TIMES, 66.0) == pytest.approx(delay_ms, abs=1.5)


def test_lag_of_a_low_pass_is_its_time_constant():
    """A first-order low-pass lags a ramp by tau: 50 ms, solved in steps of .1 ms."""
    fine_s = np.arange(0, 42000) / 1e4
    truth, tau_s = swinging(fine_s, 40.0), 0.05
    value, filtered = truth[0].copy(), np.empty_like(truth)
    for index, points in enumerate(truth):
        value += (points - value) * (1 - math.exp(-1e-4 / tau_s))
        filtered[index] = value
    frames = np.rint(TIMES * 1e4).astype(int)
    assert metrics.lag_ms(filtered[frames], truth[frames], TIMES, 66.0) == pytest.approx(50.0, abs=1.5)


def test_lag_without_motion_is_unknown():
    still = np.repeat(swinging(TIMES[:1], 40.0), len(TIMES), axis=0)
    assert math.isnan(metrics.lag_ms(still, still, TIMES, 66.0))


def test_blink_amplitude_ratio_is_the_ratio_of_the_depths():
    """Lids 10 px apart that close to 1 px, and to 3.7 px: .7 of the depth."""
    times = np.arange(128) / FPS
    closed = np.array([jitter_clips.blink(t) for t in times])
    full = np.zeros((128, 68, 2))
    full[:, [lower for _, lower in metrics.LIDS], 1] = (10 - 9 * closed)[:, None]
    part = np.zeros((128, 68, 2))
    part[:, [lower for _, lower in metrics.LIDS], 1] = (10 - 6.3 * closed)[:, None]
    assert metrics.blink_amplitude_ratio(part, full, times) == pytest.approx(0.7, abs=1e-9)


def test_still_photograph_agrees_with_its_points(relief):
    """The photograph has the specified size, and shifted by whole pixels it is the same image."""
    image, points = relief.still()
    right, left = points[list(topology.EYE_OUTER_CORNERS)]
    assert np.linalg.norm(left - right) == pytest.approx(EYE_PX, rel=1e-5)
    moved, moved_points = relief.still((7.0, -4.0))
    np.testing.assert_allclose(moved_points - points, np.tile([7.0, -4.0], (68, 1)), atol=1e-4)
    difference = cv2.absdiff(moved[20:-20, 20:-20], image[24:-16, 13:-27])
    assert difference.mean() < 0.5


@pytest.mark.parametrize("yaw_deg", [-MAX_YAW_DEG, -6.0, 3.0, MAX_YAW_DEG - 3.0])
def test_rotated_points_move_with_the_image(relief, yaw_deg):
    """Optical flow (Lucas and Kanade) over three degrees moves the points of nose, eyes and mouth as the relief does.

    The motion is over 2 px on average.
    """
    inner = [*topology.NOSE_BRIDGE, *topology.NOSE_BASE, *topology.RIGHT_EYE, *topology.LEFT_EYE, *topology.OUTER_LIPS]
    (before, start), (after, end) = relief.turned(yaw_deg), relief.turned(yaw_deg + 3.0)
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (before, after)]
    flowed, _, _ = cv2.calcOpticalFlowPyrLK(*grey, start[inner].reshape(-1, 1, 2), None)
    assert np.linalg.norm(end[inner] - start[inner], axis=1).mean() > 2.0
    assert end[topology.NOSE_TIP, 0] > start[topology.NOSE_TIP, 0]
    error = np.linalg.norm(flowed[:, 0] - end[inner], axis=1)
    print(f"yaw {yaw_deg}: median error {np.median(error):.2f} px, maximum {error.max():.2f} px")
    assert np.median(error) < 0.3


@pytest.mark.parametrize("yaw_deg", [-MAX_YAW_DEG, MAX_YAW_DEG])
def test_a_rotated_row_stays_in_order(yaw_deg):
    """No px of a row overtakes its right neighbour, so that the mapping is invertible."""
    relief, yaw_rad = Relief((320, 240)), np.deg2rad(yaw_deg)
    mapped = relief._photo[0] * np.cos(yaw_rad) + relief._depth_map * np.sin(yaw_rad)
    assert np.diff(mapped, axis=1).min() > 0


def test_a_face_at_yaw_zero_is_the_still_one(relief):
    (rotated, rotated_points), (still, points) = relief.turned(0.0), relief.still()
    np.testing.assert_allclose(rotated_points, points, atol=1e-3)
    assert cv2.absdiff(rotated, still).max() <= 1


def test_noise_has_its_sigma_and_is_independent_in_every_frame():
    grey = np.full((60, 80, 3), 128, np.uint8)
    clip = Clip("", "jitter", 2 / FPS, lambda _: (grey, np.zeros((68, 2), np.float32)), noise=5.0)
    (first, _), (second, _) = clip.play()
    noise = [frame.image.astype(float) - 128 for frame in (first, second)]
    assert [n.std() for n in noise] == pytest.approx([5.0, 5.0], rel=0.03)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.05
    assert (first.time_s, second.time_s) == (0.0, pytest.approx(1 / FPS))


class Late:
    """Tracker stub that returns the ground truth two frames late, and another face; misses both in frame 5."""

    def __init__(self, truth):
        self.truth = truth

    def __call__(self, frame):
        if frame.index == 5:
            return np.zeros((0, 68, 2), np.float32)
        points = self.truth[max(0, frame.index - 2)]
        return np.stack([points + 500, points])


def test_the_whole_measurement_on_a_tracker_of_known_delay(tmp_path):
    truth = swinging(TIMES, 40.0).astype(np.float32)
    truth[:, topology.EYE_OUTER_CORNERS[1]] = truth[:, topology.EYE_OUTER_CORNERS[0]] + [66, 0]
    picture = np.zeros((8, 8, 3), np.uint8)
    clip = Clip("lag, 30 deg/s", "lag", len(TIMES) / FPS, lambda t: (picture, truth[round(t * FPS)]))
    late = TrackingMethod("late", "late", lambda: nullcontext(Late(truth)), start_gaze=nullcontext)
    traces = [measure.run(clip, [late])]
    rows = measure.table(traces, [late])
    assert rows["late"]["lag, 30 deg/s"] == pytest.approx(2e3 / FPS, abs=1.0)
    assert rows["late"]["missed"] == 1
    measure.report(rows, traces).save(tmp_path)
    assert "67 ms" in (tmp_path / "report.md").read_text()
    assert json.loads((tmp_path / "figures.json").read_text())["late"]["missed"] == 1
    assert cv2.imread(str(tmp_path / "trajectories.png")).shape[1] > 500


def test_the_bundled_network_meets_the_limits_of_jitter_and_lag():
    """Default settings, end to end, with a smaller frame than the command's.

    At most .12 % of the eye distance per frame on a still face with noise 5, at most 25 ms of lag for a head that
    rotates at 30 degrees/s.
    """
    clips = {clip.name: clip for clip in jitter_clips.photograph_clips((320, 240))}
    chosen = [clips["jitter, noise 5"], clips["lag, 30 deg/s"]]
    medium = [method for method in open_methods([]) if method.name.endswith(", medium")]
    (row,) = measure.table([measure.run(clip, medium) for clip in chosen], medium).values()
    assert row["missed"] == 0
    assert row["jitter, noise 5"] < 0.12
    assert -5 < row["lag, 30 deg/s"] < 25


def test_a_missing_mediapipe_names_its_extra(tmp_path, monkeypatch):
    task = tmp_path / "face_landmarker.task"
    task.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(FacetrackError, match=r"facetrack\[mediapipe\]"):
        open_methods([task])


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FacetrackError, match=r"nothing\.onnx does not exist"):
        open_methods([tmp_path / "nothing.onnx"])
