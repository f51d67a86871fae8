"""facetrack: face tracking in a picture, a video or a camera stream.

    import facetrack

    for face in facetrack.find_faces("photo.jpg"):  # a path or an array
        print(face.box, face.pose, face.landmarks["left_eye"])

    tracker = facetrack.FaceTracker.from_weights(max_faces=1)
    for result in tracker.track("in.mp4"):  # or 0, the first camera
        print(result.faces, result.events)

`tracker.update(image, time_s=seconds)` takes pictures one by one, `facetrack.stream(camera)` is for asyncio, and
`facetrack.topology` names the 68 points. Heavy modules are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facetrack import topology
from facetrack.errors import FacetrackError
from facetrack.types import CameraModel, Detections, Event, Face, Frame, Landmarks, Pose, Signals
from facetrack.types.lazy import lazy_attributes

if TYPE_CHECKING:
    from facetrack.capture import list_devices, open_source, open_video, read_image
    from facetrack.loops.picture import find_faces
    from facetrack.loops.result import Result
    from facetrack.loops.stream import stream
    from facetrack.signals import SignalOptions
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
    "Result",
    "SignalOptions",
    "Signals",
    "TrackerOptions",
    "find_faces",
    "list_devices",
    "open_source",
    "open_video",
    "read_image",
    "read_jsonl",
    "stream",
    "topology",
]

_LAZY = {
    "FaceTracker": "facetrack.tracking.tracker",
    "Result": "facetrack.loops.result",
    "SignalOptions": "facetrack.signals",
    "TrackerOptions": "facetrack.tracking.gating",
    "find_faces": "facetrack.loops.picture",
    "list_devices": "facetrack.capture",
    "open_source": "facetrack.capture",
    "open_video": "facetrack.capture",
    "read_image": "facetrack.capture",
    "read_jsonl": "facetrack.sinks",
    "stream": "facetrack.loops.stream",
}

__getattr__, __dir__ = lazy_attributes(__name__, _LAZY, __all__)
