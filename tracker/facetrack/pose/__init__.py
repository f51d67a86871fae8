"""The head's pose: from its points alone (`pnp`), or fused with the rotation that a network predicts (`fusion`)."""

from facetrack.head_model import RIGID_MODEL_MM
from facetrack.pose.fusion import fused_pose
from facetrack.pose.pnp import WEBCAM, head_pose

__all__ = ["RIGID_MODEL_MM", "WEBCAM", "fused_pose", "head_pose"]
