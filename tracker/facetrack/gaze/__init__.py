"""Where the eyes look in the head."""

from facetrack.gaze.in_head import eyes_in_head
from facetrack.gaze.sight import sight_axes

__all__ = ["eyes_in_head", "sight_axes"]
