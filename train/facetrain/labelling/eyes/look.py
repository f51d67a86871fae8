"""Gaze of photographs by a mesh's irises on eyeballs: a label of real eyes beside the exact ones of rendered heads."""

from __future__ import annotations

import numpy as np

from facetrack import topology
from facetrack.angles import rotation_from_deg
from facetrack.gaze.eyeball import eyeball_look
from facetrack.pose import head_pose
from facetrack.topology_maps import MESH_IRISES
from facetrack.types import CameraModel, EyesReading, Floats

SIZE, CAMERA, EYES_PX = (640, 480), CameraModel(fov_deg=40.0), 110.0
"""Picture and camera in whose middle a face is put, with its outer corners so far apart: some 70 cm away."""


def mesh_look(points: Floats, mesh: Floats) -> Floats | None:
    """Return (2,) x, y of the unit vector of a face's look, the line of sight to it as z; None where it is unknown.

    points: (68, 2) px. mesh: (478, 2) px. The mean of both eyes: the camera of a photograph is not known, and what
    differs between them is error.
    """
    corners = points[[topology.RIGHT_EYE[0], topology.RIGHT_EYE[3], topology.LEFT_EYE[0], topology.LEFT_EYE[3]]]
    scale = EYES_PX / max(float(np.linalg.norm(corners[3] - corners[0])), 1.0)
    middle = (np.array(SIZE) - 1) / 2
    placed, irises = (
        ((xy - corners.mean(axis=0)) * scale + middle).astype(np.float32)
        for xy in (points, mesh[[centre for centre, _ in MESH_IRISES]])
    )
    pose = head_pose(placed, SIZE, CAMERA)
    if pose is None:
        return None
    ones = np.ones(2, np.float32)
    contour = np.stack([placed[list(eye)] for eye in (topology.RIGHT_EYE, topology.LEFT_EYE)])
    reading = EyesReading(contour, np.ones((2, 6), np.float32), irises, ones, ones, ones, ones,
                          np.full((2, 3), 1 / 3, np.float32), 0 * ones)  # fmt: skip
    eyes = [eyeball_look(reading, side, pose, CAMERA.intrinsics(SIZE)) for side in (0, 1)]
    known = [(eye.yaw_deg, eye.pitch_deg) for eye in eyes if eye is not None]
    if len(known) < 2:
        return None
    yaw_deg, pitch_deg = np.mean(known, axis=0).tolist()
    return np.asarray(pose.rotation @ -rotation_from_deg(yaw_deg, pitch_deg, 0.0)[:, 2], np.float32)[:2]
