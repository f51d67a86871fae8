"""Conversion between head rotations and their Euler angles, with the signs of `types.Pose`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facetrack import compiled

Array = NDArray[np.float64]
Angles = tuple[float, float]
"""Yaw and pitch, degrees."""


def euler_deg(rotation: Array) -> tuple[float, float, float]:
    """Return (yaw, pitch, roll) in degrees of a (3, 3) rotation from head to camera axes.

    rotation = Ry(-yaw) Rx(-pitch) Rz(roll), right-handed about the camera's axes. In this order yaw and pitch are the
    azimuth and the elevation of the facing direction, and roll is the rotation about it: nodding with the head turned
    sideways changes only pitch, tilting it changes only roll. Singular only for a head facing straight up or down.
    """
    (_, _, forward_x), (right_y, down_y, forward_y), (_, _, forward_z) = rotation.tolist()
    yaw = math.degrees(math.atan2(-forward_x, forward_z))
    pitch = math.degrees(math.asin(max(-1.0, min(1.0, forward_y))))
    roll = math.degrees(math.atan2(right_y, down_y))
    return yaw, pitch, roll


def product_deg(first: Array, second: Array) -> tuple[float, float, float]:
    """Return `euler_deg` of the product of two (3, 3) rotations."""
    if compiled.kernels is not None:
        return compiled.kernels.product_deg(first, second)
    return euler_deg(first @ second)


def rotation_from_deg(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Array:
    """Return the (3, 3) rotation from head to camera axes, Ry(-yaw) Rx(-pitch) Rz(roll): inverse of `euler_deg`."""
    sin_y, cos_y = math.sin(math.radians(-yaw_deg)), math.cos(math.radians(-yaw_deg))
    sin_x, cos_x = math.sin(math.radians(-pitch_deg)), math.cos(math.radians(-pitch_deg))
    sin_z, cos_z = math.sin(math.radians(roll_deg)), math.cos(math.radians(roll_deg))
    return np.array(
        (
            (cos_y * cos_z + sin_y * sin_x * sin_z, sin_y * sin_x * cos_z - cos_y * sin_z, sin_y * cos_x),
            (cos_x * sin_z, cos_x * cos_z, -sin_x),
            (cos_y * sin_x * sin_z - sin_y * cos_z, sin_y * sin_z + cos_y * sin_x * cos_z, cos_y * cos_x),
        )
    )


def angle_rates(rotation: Array) -> Array:
    """(3, 3) rotation -> (3, 3), rows: by how much yaw, pitch and roll grow per rotation about each camera axis.

    After a small rotation with the vector v, on the left of `rotation`, the angles have changed by
    `angle_rates(rotation) @ v`, in v's unit. Singular only for a head facing straight up or down.
    """
    x, y, z = rotation[:, 2].tolist()  # the facing direction, about which roll turns; yaw turns about (0, -1, 0)
    square = max(x * x + z * z, 1e-12)
    level = math.sqrt(square)
    return np.array(
        ((x * y / square, -1.0, y * z / square), (-z / level, 0.0, x / level), (x / square, 0.0, z / square))
    )


def between(first: Array, second: Array, share: float) -> Array:
    """Return the rotation `share` of the way from the first to the second, 1 for the second.

    By the normalised mean of their quaternions, which differs from the shortest way's (Shoemake's slerp, SIGGRAPH 1985)
    by its speed alone.
    """
    if share >= 1.0:
        return second
    if compiled.kernels is not None:
        rotation = np.empty((3, 3))
        compiled.kernels.between(first, second, share, rotation)
        return rotation
    start, end = quaternion(first), quaternion(second)
    if sum(a * b for a, b in zip(start, end, strict=True)) < 0.0:
        share, keep = -share, 1.0 - share  # -end is the same rotation
    else:
        keep = 1.0 - share
    x, y, z, w = (keep * a + share * b for a, b in zip(start, end, strict=True))
    return rotation_from_quaternion(x, y, z, w)


def quaternion(rotation: Array) -> tuple[float, float, float, float]:
    """(3, 3) rotation -> unit quaternion (x, y, z, w) with w >= 0.

    Shepperd, Quaternion from rotation matrix, J. Guidance and Control 1 (1978): the largest component comes from the
    diagonal, so that none is divided by a small number.
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    squares = (1.0 + a - e - i, 1.0 - a + e - i, 1.0 - a - e + i, 1.0 + a + e + i)  # 4x^2, 4y^2, 4z^2, 4w^2
    largest = squares.index(max(squares))
    four = 2.0 * math.sqrt(squares[largest])  # 4 times the largest component
    rows = (
        (four / 4.0, (b + d) / four, (c + g) / four, (h - f) / four),
        ((b + d) / four, four / 4.0, (f + h) / four, (c - g) / four),
        ((c + g) / four, (f + h) / four, four / 4.0, (d - b) / four),
        ((h - f) / four, (c - g) / four, (d - b) / four, four / 4.0),
    )
    x, y, z, w = rows[largest]
    return (-x, -y, -z, -w) if w < 0.0 else (x, y, z, w)


def rotation_from_quaternion(x: float, y: float, z: float, w: float) -> Array:
    """(3, 3) rotation of a quaternion of any length but 0."""
    scale = 2.0 / (x * x + y * y + z * z + w * w)
    return np.array(
        (
            (1.0 - scale * (y * y + z * z), scale * (x * y - z * w), scale * (x * z + y * w)),
            (scale * (x * y + z * w), 1.0 - scale * (x * x + z * z), scale * (y * z - x * w)),
            (scale * (x * z - y * w), scale * (y * z + x * w), 1.0 - scale * (x * x + y * y)),
        )
    )


def direction(yaw_deg: float, pitch_deg: float) -> tuple[float, float, float]:
    """Return the unit vector of a look, signs as of `types.Pose`: x right, y down, z away; straight ahead is -z."""
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    return math.cos(pitch) * math.sin(yaw), -math.sin(pitch), -math.cos(pitch) * math.cos(yaw)


def turned_from_deg(head: tuple[float, float, float], in_head: tuple[float, float]) -> tuple[float, float]:
    """Return `turned_by` the rotation of these Euler angles, yaw, pitch and roll."""
    if compiled.kernels is not None:
        return compiled.kernels.turned_from_deg(*head, *in_head)
    return turned_by(rotation_from_deg(*head), in_head)


def turned_by(rotation: Array, in_head: tuple[float, float]) -> tuple[float, float]:
    """Return yaw and pitch in the axes into which a (3, 3) rotation turns the head's. in_head: yaw and pitch there."""
    if compiled.kernels is not None:
        return compiled.kernels.turned_by(rotation, *in_head)
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    x, y, z = direction(*in_head)
    right, down, away = a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z
    return math.degrees(math.atan2(right, -away)), math.degrees(math.asin(max(-1.0, min(1.0, -down))))
