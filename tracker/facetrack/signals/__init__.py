"""Signals of a face: measures of each frame, and one state machine for each that follows them over time."""

from facetrack.signals.eyes.openness import eye_aspect_ratios
from facetrack.signals.face import FaceSignals
from facetrack.signals.fatigue import FatigueWeights
from facetrack.signals.mouth.openness import mouth_opening
from facetrack.signals.observation import Observation
from facetrack.signals.options import SignalOptions
from facetrack.signals.per_frame import measure, viewed_from_deg
from facetrack.signals.profile import Profile

__all__ = [
    "FaceSignals",
    "FatigueWeights",
    "Observation",
    "Profile",
    "SignalOptions",
    "eye_aspect_ratios",
    "measure",
    "mouth_opening",
    "viewed_from_deg",
]
