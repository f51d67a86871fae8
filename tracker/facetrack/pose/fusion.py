"""Head pose from a network's rotation and from the points together, each weighed by its uncertainty.

The rotation is the maximum a posteriori estimate from two Gaussian observations: the network's rotation with its
covariance, and the rigid points, reprojected, with theirs. To first order it is their covariance-weighted mean on SO(3)
(Barfoot and Furgale, Associating uncertainty with three-dimensional poses for use in estimation problems, IEEE
Transactions on Robotics 30, 2014, section V), without a jump where one gives way to the other.
"""

from __future__ import annotations

import math

import numpy as np

from facetrack import compiled
from facetrack.angles import angle_rates, euler_deg, quaternion
from facetrack.head_model import RIGID_MODEL_MM
from facetrack.pose.pnp import RIGID_POINTS, WEBCAM, Array, float64, head_pose, pinhole
from facetrack.types import CameraModel, HeadRotation, Landmarks, Pose

SIGMA_FACTOR = 2.0
"""Standard deviation of a point over the one that its network predicts: errors of neighbouring points are alike, and 13
alike ones know less than 13 independent ones."""
SHAPE_MM = 4.0
"""Standard deviation of a head's points from the average head's."""
HIDDEN_FACTOR = 3.0
"""Standard deviation of an occluded point over that of a visible one.

With these three on 1109 held-out faces of AFLW, LFPW and HELEN the mean error of the three angles is 4.25 degrees (the
network's rotation alone 4.22, the points alone 4.96), and .70 of them lie within one standard deviation.
"""
MOST_STEPS, SMALL_RAD, SMALL_DEPTH = 2, 0.04, 0.01
"""Gauss-Newton steps, which end with one that is small in rotation and in depth, as a share of it: another would turn
the head by less than .05 degrees."""
N_RIGID = len(RIGID_POINTS)
_MODEL_MM = np.ascontiguousarray(RIGID_MODEL_MM.T)
_MIDDLE_MM = _MODEL_MM.mean(axis=1)
_SPREAD_MM = _MODEL_MM - _MIDDLE_MM[:, None]
_AXES = np.eye(3)
_BY_PLACE: Array = np.concatenate([np.cross(_AXES[:, None], _AXES).swapaxes(1, 2), np.zeros((3, 3, 3))]).reshape(18, 3)
_BY_SHIFT: Array = np.repeat(np.concatenate([np.zeros((3, 3)), _AXES]).reshape(18, 1), N_RIGID, axis=1)
"""Derivatives of a point's place by a rotation about each of the camera's axes and by a shift: as a map of its place
relative to the head's origin, and a constant."""


def fused_pose(
    landmarks: Landmarks, head: HeadRotation | None, image_size: tuple[int, int], camera: CameraModel = WEBCAM
) -> Pose | None:
    """Return the pose with its uncertainty, or None where the points are not finite or all in one place.

    head: the network's rotation; without it the pose is `head_pose`'s. image_size: (width, height) px. camera: what is
    known of its lens.
    Angles are relative to the camera's optical axis.
    """
    if head is None:
        return head_pose(landmarks.points, image_size, camera)
    if compiled.kernels is not None:
        return _compiled_pose(landmarks, head, image_size, camera)
    _, centre, stretch, focal = pinhole(image_size, camera)
    seen = (landmarks.points.take(RIGID_POINTS, axis=0) - centre).T
    if stretch != 1.0:  # as a camera with square pixels would see it
        seen[1] *= stretch
    middle_x, middle_y = (np.add.reduce(seen, axis=1) / N_RIGID).tolist()
    spread_px = math.sqrt(max(float(np.vdot(seen, seen)) / N_RIGID - middle_x**2 - middle_y**2, 0.0))
    if not (math.isfinite(spread_px) and spread_px > 1.0):
        return None
    view = _line_of_sight(middle_x, middle_y, focal)
    rotation = prior = view @ head.rotation
    information = view @ head.precision @ view.T
    # The start is para-perspective (Horaud et al., IJCV 22, 1997): all points at the depth of their middle, along its
    # line of sight.
    aside = np.array((middle_x / focal, middle_y / focal, 1.0))
    flat = (prior[:2] - aside[:2, None] * prior[2]) @ _SPREAD_MM
    scale = spread_px / math.sqrt(float(np.vdot(flat, flat)) / N_RIGID)
    weight = _weight(landmarks, scale)
    translation = aside * (focal / scale) - prior @ _MIDDLE_MM
    for _ in range(MOST_STEPS):
        step, covariance = _step(rotation, translation, seen, weight, focal, prior, information)
        rotation, translation = _turn(step[:3]) @ rotation, translation + step[3:]
        if float(step[:3] @ step[:3]) < SMALL_RAD**2 and abs(float(step[5])) < SMALL_DEPTH * translation[2]:
            break
    if not translation[2] > 0.0:  # also where it is NaN
        return None
    yaw, pitch, roll = euler_deg(rotation)
    rates = angle_rates(rotation)
    variances = ((rates @ covariance) * rates).sum(axis=1).tolist()
    sigma_yaw, sigma_pitch, sigma_roll = (math.degrees(math.sqrt(variance)) for variance in variances)
    return Pose(rotation, translation, yaw, pitch, roll, (sigma_yaw, sigma_pitch, sigma_roll))


def _compiled_pose(
    landmarks: Landmarks, head: HeadRotation, image_size: tuple[int, int], camera: CameraModel
) -> Pose | None:
    """Return the pose as `fused_pose` does, by the compiled kernel."""
    fx, fy, cx, cy = camera.intrinsics(image_size)
    rotation, translation = np.empty((3, 3)), np.empty(3)
    angles = compiled.kernels.fused_pose(
        landmarks.points, landmarks.sigma, landmarks.visibility, head.rotation, head.precision, RIGID_POINTS,
        RIGID_MODEL_MM, cx, cy, fx / fy, fx, rotation, translation, SIGMA_FACTOR, SHAPE_MM, HIDDEN_FACTOR, MOST_STEPS,
        SMALL_RAD, SMALL_DEPTH,
    )  # fmt: skip
    if angles is None:
        return None
    yaw, pitch, roll, *sigma = angles
    return Pose(rotation, translation, yaw, pitch, roll, (sigma[0], sigma[1], sigma[2]))


def _line_of_sight(x: float, y: float, focal: float) -> Array:
    """Return the smallest rotation (3, 3) from the optical axis to the line of sight to a pixel.

    x, y: px from the principal point. A face away from the middle of the picture is seen from its side by this much.
    """
    length = math.sqrt(x * x + y * y + focal * focal)
    x, y, z = x / length, y / length, focal / length
    share = 1.0 / (1.0 + z)
    return np.array(((1.0 - share * x * x, -share * x * y, x), (-share * x * y, 1.0 - share * y * y, y), (-x, -y, z)))


def _weight(landmarks: Landmarks, scale: float) -> Array:
    """(13,) inverse variances of the rigid points, px^-2. scale: px per mm."""
    variance = (SIGMA_FACTOR * landmarks.sigma.take(RIGID_POINTS).astype(np.float64)) ** 2 + (SHAPE_MM * scale) ** 2
    if landmarks.visibility is not None:
        variance *= 1.0 + (HIDDEN_FACTOR**2 - 1.0) * (1.0 - landmarks.visibility.take(RIGID_POINTS))
    return np.asarray(1.0 / variance)


def _step(
    rotation: Array, translation: Array, seen: Array, weight: Array, focal: float, prior: Array, information: Array
) -> tuple[Array, Array]:
    """Return one Gauss-Newton step, a rotation vector and a shift (6,), and the rotation's covariance (3, 3).

    seen: (2, 13) px from the principal point.
    """
    turned = rotation @ _MODEL_MM
    place = turned + translation[:, None]
    depth = place[2]
    flat = place[:2] / depth
    # Derivatives of the projection, (6, 2, 13): the place's, (6, 3, 13), along its line of sight.
    moved = (_BY_PLACE @ turned + _BY_SHIFT).reshape(6, 3, N_RIGID)
    slopes = (moved[:, :2] - moved[:, 2:] * flat) * (focal / depth)
    columns, weighted = slopes.reshape(6, -1), (slopes * weight).reshape(6, -1)
    precision = weighted @ columns.T
    pull = weighted @ (seen - focal * flat).ravel()
    precision[:3, :3] += information
    if rotation is not prior:
        pull[:3] += information @ _rotation_vector(prior @ rotation.T)
    covariance = float64(np.linalg.inv(precision))
    return covariance @ pull, covariance[:3, :3]


def _turn(vector: Array) -> Array:
    """(3,) rotation vector -> (3, 3), by Rodrigues's formula."""
    x, y, z = vector.tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    sine = math.sin(angle) / angle if angle > 1e-9 else 1.0
    rest = (1.0 - math.cos(angle)) / angle**2 if angle > 1e-9 else 0.5
    return np.array(
        (
            (1.0 - rest * (y * y + z * z), rest * x * y - sine * z, rest * x * z + sine * y),
            (rest * x * y + sine * z, 1.0 - rest * (x * x + z * z), rest * y * z - sine * x),
            (rest * x * z - sine * y, rest * y * z + sine * x, 1.0 - rest * (x * x + y * y)),
        )
    )


def _rotation_vector(rotation: Array) -> Array:
    """(3, 3) -> (3,): inverse of `_turn`."""
    x, y, z, w = quaternion(rotation)
    half = math.sqrt(x * x + y * y + z * z)
    return np.array((x, y, z)) * (2.0 * math.atan2(half, w) / half if half > 1e-9 else 2.0)
