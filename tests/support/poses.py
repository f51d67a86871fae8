"""Head poses from their angles."""

import numpy as np
from scipy.spatial.transform import Rotation

from facetrack.types import Pose

STRAIGHT = Rotation.identity().as_matrix()


def pose(yaw: float = 0.0, pitch: float = 0.0) -> Pose:
    rotation = STRAIGHT
    if yaw or pitch:
        rotation = Rotation.from_euler("YXZ", [-yaw, -pitch, 0], degrees=True).as_matrix()
    return Pose(rotation, np.array([0.0, 0.0, 600.0]), yaw, pitch, 0.0)
