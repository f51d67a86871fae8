"""facetrack: face tracking in a camera stream or a video.

    from facetrack import FaceTracker, open_video

    tracker = FaceTracker.from_weights()
    for frame in open_video("in.mp4"):
        for face in tracker.update(frame):
            print(face.track_id, face.landmarks.points)

Heavy modules are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facetrack.errors import FacetrackError
from facetrack.types import CameraModel, Detections, Event, Face, Frame, Landmarks, Pose, Signals

if TYPE_CHECKING:
    from facetrack.capture import open_source, open_video
    from facetrack.loops.stream import stream
    from facetrack.sinks import read_jsonl
    from facetrack.tracking.tracker import FaceTracker, TrackerOptions

__version__ = "0.1.0"
__all__ = [
    "CameraModel",
    "Detections",
    "Event",
    "Face",
    "FaceTracker",
    "FacetrackError",
    "Frame",
    "Landmarks",
    "Pose",
    "Signals",
    "TrackerOptions",
    "open_source",
    "open_video",
    "read_jsonl",
    "stream",
]

_LAZY = {
    "FaceTracker": "facetrack.tracking.tracker",
    "TrackerOptions": "facetrack.tracking.gating",
    "open_source": "facetrack.capture",
    "open_video": "facetrack.capture",
    "read_jsonl": "facetrack.sinks",
    "stream": "facetrack.loops.stream",
}


def __getattr__(name: str) -> object:
    """Import a name on first access (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module 'facetrack' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
