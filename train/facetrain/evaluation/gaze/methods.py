"""Ways to read both eyes of a picture, laid on the same eyeballs: the eye network, MediaPipe's irises, the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.angles import rotation_from_deg
from facetrack.gaze import eyes_in_head
from facetrack.pose import head_pose
from facetrack.topology_maps import MESH_IRISES
from facetrack.types import CameraModel, EyeGaze, EyesReading, Floats, Pose

Array = NDArray[np.float64]
EYES = (topology.RIGHT_EYE, topology.LEFT_EYE)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a method says of one picture. in_head: (yaw, pitch) of both eyes, degrees. pose: of the head."""

    in_head: tuple[float, float]
    pose: Pose

    @property
    def in_camera(self) -> Array:
        """Return the (3,) unit vector of the gaze in the camera's axes."""
        return np.asarray(self.pose.rotation @ unit(self.in_head))


def unit(in_head: tuple[float, float]) -> Array:
    """Return the (3,) unit vector of a look with this yaw and pitch, in the head's axes."""
    return np.asarray(-rotation_from_deg(*in_head, 0.0)[:, 2])


def angle_deg(one: Array, other: Array) -> float:
    """Return the angle between two (3,) unit vectors."""
    return math.degrees(math.acos(float(np.clip(one @ other, -1.0, 1.0))))


def exact_reading(points: Floats, irises: NDArray[np.floating], covered: Sequence[float] = (0.0, 0.0)) -> EyesReading:
    """Return a reading of given eye points and irises, all equally sure. points: (68, 2) px. irises: (2, 2) px."""
    ones = np.ones(2, np.float32)
    contour = np.stack([points[list(eye)] for eye in EYES]).astype(np.float32)
    return EyesReading(
        contour, np.ones((2, 6), np.float32), irises.astype(np.float32), ones, ones, ones, ones,
        np.full((2, 3), 1 / 3, np.float32), np.asarray(covered, np.float32),
    )  # fmt: skip


def look_of(reading: EyesReading | None, pose: Pose | None, camera: CameraModel, size: tuple[int, int]) -> Look | None:
    """Return both eyes' mean by 1 / sigma^2; None where neither is known. size: (width, height) px."""
    eyes = eyes_in_head(reading, pose, camera.intrinsics(size))
    mean = together(eyes)
    return None if mean is None or pose is None else Look(mean, pose)


def together(eyes: Sequence[EyeGaze | None]) -> tuple[float, float] | None:
    """Return the mean (yaw, pitch) of the eyes that are known, by 1 / sigma^2."""
    known = [eye for eye in eyes if eye is not None]
    if not known:
        return None
    weights = [1.0 / max(eye.sigma_deg, 0.1) ** 2 for eye in known]
    yaw_deg = sum(w * eye.yaw_deg for w, eye in zip(weights, known, strict=True)) / sum(weights)
    return yaw_deg, sum(w * eye.pitch_deg for w, eye in zip(weights, known, strict=True)) / sum(weights)


def mesh_reading(mesh: Floats, camera: CameraModel, size: tuple[int, int]) -> tuple[EyesReading, Pose | None]:
    """Return what a (478, 2) mesh of MediaPipe says of the eyes, and the pose of its points by this project's PnP."""
    points = topology_maps.mesh_to_68(mesh)
    irises = mesh[[centre for centre, _ in MESH_IRISES]]
    return exact_reading(points, irises), head_pose(points, size, camera)
