"""Where the eyes look in the head, by their irises."""

from facetrack.gaze.eyeball import eyes_in_head

__all__ = ["eyes_in_head"]
