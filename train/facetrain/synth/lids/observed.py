"""What an eye network and a landmark network would read of a script, with errors like theirs."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from facetrack.angles import rotation_from_deg
from facetrack.signals import Observation
from facetrack.signals.eyes.lid_gap import EYE_RADIUS_SHARE, straight_gap
from facetrack.topology import LEFT_EYE, RIGHT_EYE
from facetrack.types import EyesReading, Pose
from facetrain.synth.lids.behaviour import Script

WHITE, SLOW, SLOW_S, SHARED = 0.015, 0.03, 0.8, 0.8
"""Error of a gap as shares of the open one: from frame to frame, and drifting over SLOW_S; SHARED of the variance is
the same in both eyes. MediaPipe's mesh on the project's clips: .004 to .023 from frame to frame, correlated by .68 to
.91 between the eyes; open eyes vary by .045 to .137 in all, gaze and expression included."""
GAZE_NOISE_DEG, POSE_NOISE_DEG = 1.5, 0.6
EYE_PX = 24.0


def observations(script: Script, fps: float, seed: int, dropped: float = 0.0) -> Iterator[Observation]:
    """Yield the frames of a script: one person's, with open and shut gaps drawn by the seed.

    dropped: share of the frames that are left out. The state of the eyes is never given away (all alike probable).
    """
    rng = np.random.default_rng(seed)
    times = np.arange(int(script.seconds * fps)) / fps
    times = times[rng.random(len(times)) >= dropped]
    found = script.at(times)
    open_gap, shut_share = rng.normal(0.32, 0.04), rng.uniform(0.03, 0.2)
    error = _errors(times, rng) * found["noise"][:, None]
    gaps = open_gap * (shut_share + (1 - shut_share) * found["lids"][:, None] + error)
    down = found["down_deg"] + GAZE_NOISE_DEG * rng.standard_normal(len(times))
    angles = np.stack([found["yaw_deg"], found["pitch_deg"]]) + POSE_NOISE_DEG * rng.standard_normal((2, len(times)))
    points, sigma = np.zeros((68, 2), np.float32), np.full(68, 0.5, np.float32)
    corners = np.array([[[100.0, 100.0], [100.0 + EYE_PX, 100.0]], [[160.0, 100.0], [160.0 + EYE_PX, 100.0]]])
    for eye, (outer, inner) in zip((RIGHT_EYE, LEFT_EYE), corners, strict=True):
        points[list(eye)] = np.linspace(outer, inner, 6)
    for i, time_s in enumerate(times.tolist()):
        yaw, pitch = angles[:, i].tolist()
        pose = Pose(rotation_from_deg(yaw, pitch, 0.0), np.array([0.0, 0.0, 600.0]), yaw, pitch, 0.0)
        eyes = _eyes(gaps[i], float(down[i]), float(found["covered"][i]), (yaw, pitch), corners)
        smile = {"smile": float(found["smile"][i])}
        yield Observation(time_s, points, sigma, pose, smile, 0.99, eyes=eyes)


def _errors(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, 2): white and slow errors, partly shared between the eyes."""
    white, slow = rng.standard_normal((2, len(times), 3))
    for i in range(1, len(times)):
        keep = math.exp(-(times[i] - times[i - 1]) / SLOW_S)
        slow[i] = keep * slow[i - 1] + math.sqrt(1 - keep * keep) * slow[i]
    both = WHITE * white + SLOW * slow
    return np.asarray(math.sqrt(SHARED) * both[:, 2:] + math.sqrt(1 - SHARED) * both[:, :2])


def _eyes(
    gaps: np.ndarray, down_deg: float, covered: float, angles: tuple[float, float], corners: np.ndarray
) -> EyesReading:
    yaw_deg, _ = angles
    away = (-yaw_deg, yaw_deg)  # a head turned to the picture's right takes the left eye away
    seen = [gap / straight_gap(1.0, away[k], angles) for k, gap in enumerate(gaps.tolist())]
    contour = np.stack([np.linspace(outer, inner, 6) for outer, inner in corners]).astype(np.float32)
    contour[:, [3, 5]] = contour[:, [5, 3]]  # the second corner is the fourth point
    contour[:, 3] = corners[:, 1]
    iris = corners.mean(axis=1)
    iris[:, 1] += EYE_PX * (-0.08 + EYE_RADIUS_SHARE * math.sin(math.radians(down_deg)))
    pair = np.full(2, 1.0, np.float32)
    return EyesReading(
        contour, np.full((2, 6), 0.5, np.float32), iris.astype(np.float32), 5.5 * pair, pair,
        np.maximum(np.array(seen, np.float32), 0.0), 0.01 * pair, np.full((2, 3), 1 / 3, np.float32), covered * pair,
    )  # fmt: skip
