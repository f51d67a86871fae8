"""The values that flow through facetrack. All are frozen: each stage returns a new, complete value.

Points are (x, y) in pixels of the full frame, x to the right, y down, pixel centres at integers: the centre of the
top left pixel is (0, 0). Images are (H, W, 3) uint8 in OpenCV's channel order, blue first.
"""

from facetrack.types.camera import DEFAULT_FOV_DEG, CameraModel
from facetrack.types.events import BEGAN, ENDED, EVENT_KINDS, LASTING_KINDS, Event
from facetrack.types.eyes import EyeGaze, EyesReading
from facetrack.types.face import Face, HeadRotation, Landmarks, Pose
from facetrack.types.frame import Detections, Floats, Frame, Image
from facetrack.types.signals import (
    AttentionSignals,
    EyeSignals,
    EyesSignals,
    FatigueSignals,
    GazeSignals,
    HeadSignals,
    MouthSignals,
    Signals,
    SmileSignals,
)

__all__ = [
    "BEGAN",
    "DEFAULT_FOV_DEG",
    "ENDED",
    "EVENT_KINDS",
    "LASTING_KINDS",
    "AttentionSignals",
    "CameraModel",
    "Detections",
    "Event",
    "EyeGaze",
    "EyeSignals",
    "EyesReading",
    "EyesSignals",
    "Face",
    "FatigueSignals",
    "Floats",
    "Frame",
    "GazeSignals",
    "HeadRotation",
    "HeadSignals",
    "Image",
    "Landmarks",
    "MouthSignals",
    "Pose",
    "Signals",
    "SmileSignals",
]
