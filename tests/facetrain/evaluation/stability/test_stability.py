"""Jitter, lag and blink depth on made trajectories with known answers; the turned photograph against optical flow."""

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
    """(T, 68, 2): every point on its own line, at its own share of the speed, every other one the other way."""
    rng = np.random.default_rng(0)
    start, angle = rng.uniform(0, 100, (68, 2)), rng.uniform(0, 2 * np.pi, 68)
    share = rng.uniform(0.5, 1, 68)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    way = np.array([jitter_clips.triangle_wave(float(time_s), speed_px_s) for time_s in times])
    return start + share * way[:, None, None]


def test_to_and_fro_by_hand():
    """Period 2.4 s at 10 per second: up to 6 in .6 s, down to -6 at 1.8 s, 0 again at 2.4 s."""
    found = [jitter_clips.triangle_wave(time_s, 10.0) for time_s in (0.0, 0.3, 0.6, 1.2, 1.8, 2.4, 3.0)]
    np.testing.assert_allclose(found, [0, 3, 6, 0, -6, 0, 6], atol=1e-9)


def test_even_motion_leaves_out_what_follows_a_turning_point():
    """Turning points at .6, 1.8, 3.0 s: the .3 s after each are out, all else is even."""
    times = np.array([0.2, 0.59, 0.61, 0.89, 0.91, 1.79, 1.81, 2.11])
    assert metrics.even(times).tolist() == [True, True, False, False, True, True, False, True]


def test_jitter_of_white_noise():
    """The step between two places with variance s^2 per coordinate is Rayleigh with scale s sqrt 2: mean s sqrt pi."""
    points = 50 + np.random.default_rng(1).normal(0, 0.2, (500, 68, 2))
    assert metrics.jitter_percent(points, 80.0) == pytest.approx(100 * 0.2 * math.sqrt(math.pi) / 80.0, rel=0.01)


def test_jitter_of_points_that_were_never_seen_is_unknown():
    assert math.isnan(metrics.jitter_percent(np.full((5, 68, 2), np.nan), 80.0))


@pytest.mark.parametrize("delay_ms", [0.0, 20.0, 47.0, 110.0])
def test_lag_is_the_delay_whatever_the_network_gets_wrong(delay_ms):
    """Seen late, a tenth too small, beside the truth and bent with the place, under noise: the delay comes back."""
    truth = swinging(TIMES, 40.0)
    late = swinging(TIMES - delay_ms / 1e3, 40.0)
    off = late - truth.mean(axis=0)
    seen = truth.mean(axis=0) + 3.0 + 0.9 * off + 0.002 * off**2
    seen = seen + np.random.default_rng(2).normal(0, 0.1, seen.shape)
    assert metrics.lag_ms(seen, truth, TIMES, 66.0) == pytest.approx(delay_ms, abs=1.5)


def test_lag_of_a_low_pass_is_its_time_constant():
    """A first-order low-pass trails a ramp by tau: 50 ms, solved in steps of .1 ms."""
    fine_s = np.arange(0, 42000) / 1e4
    truth, tau_s = swinging(fine_s, 40.0), 0.05
    value, seen = truth[0].copy(), np.empty_like(truth)
    for index, points in enumerate(truth):
        value += (points - value) * (1 - math.exp(-1e-4 / tau_s))
        seen[index] = value
    frames = np.rint(TIMES * 1e4).astype(int)
    assert metrics.lag_ms(seen[frames], truth[frames], TIMES, 66.0) == pytest.approx(50.0, abs=1.5)


def test_lag_without_motion_is_unknown():
    still = np.repeat(swinging(TIMES[:1], 40.0), len(TIMES), axis=0)
    assert math.isnan(metrics.lag_ms(still, still, TIMES, 66.0))


def test_blink_kept_is_the_share_of_the_depth():
    """Lids 10 px apart that close to 1, and to 3.7: .7 of the way."""
    times = np.arange(128) / FPS
    closed = np.array([jitter_clips.blink(t) for t in times])
    full = np.zeros((128, 68, 2))
    full[:, [lower for _, lower in metrics.LIDS], 1] = (10 - 9 * closed)[:, None]
    part = np.zeros((128, 68, 2))
    part[:, [lower for _, lower in metrics.LIDS], 1] = (10 - 6.3 * closed)[:, None]
    assert metrics.blink_amplitude_ratio(part, full, times) == pytest.approx(0.7, abs=1e-9)


def test_still_photograph_lies_where_its_points_say(relief):
    """As large as asked, and shifted by whole pixels it is the same picture."""
    image, points = relief.still()
    right, left = points[list(topology.EYE_OUTER_CORNERS)]
    assert np.linalg.norm(left - right) == pytest.approx(EYE_PX, rel=1e-5)
    moved, there = relief.still((7.0, -4.0))
    np.testing.assert_allclose(there - points, np.tile([7.0, -4.0], (68, 1)), atol=1e-4)
    difference = cv2.absdiff(moved[20:-20, 20:-20], image[24:-16, 13:-27])
    assert difference.mean() < 0.5


@pytest.mark.parametrize("yaw_deg", [-MAX_YAW_DEG, -6.0, 3.0, MAX_YAW_DEG - 3.0])
def test_turned_points_move_with_the_picture(relief, yaw_deg):
    """Lucas and Kanade's optical flow over three more degrees carries the points of nose, eyes and mouth, some 2 px,
    to where the relief says they are."""
    inner = [*topology.NOSE_BRIDGE, *topology.NOSE_BASE, *topology.RIGHT_EYE, *topology.LEFT_EYE, *topology.OUTER_LIPS]
    (before, start), (after, end) = relief.turned(yaw_deg), relief.turned(yaw_deg + 3.0)
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (before, after)]
    carried, _, _ = cv2.calcOpticalFlowPyrLK(*grey, start[inner].reshape(-1, 1, 2), None)
    assert np.linalg.norm(end[inner] - start[inner], axis=1).mean() > 2.0
    assert end[topology.NOSE_TIP, 0] > start[topology.NOSE_TIP, 0]
    error = np.linalg.norm(carried[:, 0] - end[inner], axis=1)
    print(f"{yaw_deg}: {np.median(error):.2f} px off in the middle, {error.max():.2f} at most")
    assert np.median(error) < 0.3


@pytest.mark.parametrize("yaw_deg", [-MAX_YAW_DEG, MAX_YAW_DEG])
def test_a_turned_row_stays_in_order(yaw_deg):
    """Or it could not be inverted: no px of a row overtakes its neighbour on the right."""
    relief, turn_rad = Relief((320, 240)), np.deg2rad(yaw_deg)
    to = relief._photo[0] * np.cos(turn_rad) + relief._depth_map * np.sin(turn_rad)
    assert np.diff(to, axis=1).min() > 0


def test_a_face_that_is_not_turned_is_the_still_one(relief):
    (turned, there), (still, points) = relief.turned(0.0), relief.still()
    np.testing.assert_allclose(there, points, atol=1e-3)
    assert cv2.absdiff(turned, still).max() <= 1


def test_noise_has_the_strength_asked_for_and_is_new_in_every_frame():
    grey = np.full((60, 80, 3), 128, np.uint8)
    clip = Clip("", "jitter", 2 / FPS, lambda _: (grey, np.zeros((68, 2), np.float32)), noise=5.0)
    (first, _), (second, _) = clip.play()
    noise = [frame.image.astype(float) - 128 for frame in (first, second)]
    assert [n.std() for n in noise] == pytest.approx([5.0, 5.0], rel=0.03)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.05
    assert (first.time_s, second.time_s) == (0.0, pytest.approx(1 / FPS))


class Late:
    """Knows the truth, tells it two frames late, and another face besides; blind in frame 5."""

    def __init__(self, truth):
        self.truth = truth

    def __call__(self, frame):
        if frame.index == 5:
            return np.zeros((0, 68, 2), np.float32)
        points = self.truth[max(0, frame.index - 2)]
        return np.stack([points + 500, points])


def test_the_whole_contest_on_a_follower_of_known_delay(tmp_path):
    truth = swinging(TIMES, 40.0).astype(np.float32)
    truth[:, topology.EYE_OUTER_CORNERS[1]] = truth[:, topology.EYE_OUTER_CORNERS[0]] + [66, 0]
    picture = np.zeros((8, 8, 3), np.uint8)
    clip = Clip("lag, 30 deg/s", "lag", len(TIMES) / FPS, lambda t: (picture, truth[round(t * FPS)]))
    late = TrackingMethod("late", "late", lambda: nullcontext(Late(truth)))
    traces = [measure.run(clip, [late])]
    found = measure.table(traces, [late])
    assert found["late"]["lag, 30 deg/s"] == pytest.approx(2e3 / FPS, abs=1.0)
    assert found["late"]["missed"] == 1
    measure.save(found, traces, tmp_path, "facetrack eval jitter")
    assert "67 ms" in (tmp_path / "report.md").read_text()
    assert json.loads((tmp_path / "figures.json").read_text())["late"]["missed"] == 1
    assert cv2.imread(str(tmp_path / "trajectories.png")).shape[1] > 500


def test_the_must_of_jitter_and_lag_is_kept_by_the_bundled_network():
    """Default settings, whole loop: at most .12 % of the eye distance per frame on a still face under noise 5, at most
    25 ms behind a head that turns at 30 degrees/s. A shorter still clip and a smaller frame than the command's."""
    clips = {clip.name: clip for clip in jitter_clips.photograph_clips((320, 240))}
    chosen = [clips["jitter, noise 5"], clips["lag, 30 deg/s"]]
    medium = [c for c in open_methods([]) if c.name.endswith(", medium")]
    found = measure.table([measure.run(clip, medium) for clip in chosen], medium)
    (row,) = found.values()
    assert row["missed"] == 0
    assert row["jitter, noise 5"] < 0.12
    assert -5 < row["lag, 30 deg/s"] < 25


def test_mediapipe_is_asked_for_by_its_extra(tmp_path, monkeypatch):
    task = tmp_path / "face_landmarker.task"
    task.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(FacetrackError, match=r"facetrack\[mediapipe\]"):
        open_methods([task])


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FacetrackError, match=r"nothing\.onnx does not exist"):
        open_methods([tmp_path / "nothing.onnx"])
