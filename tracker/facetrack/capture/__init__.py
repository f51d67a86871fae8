"""Frame sources: video files, images, cameras and network streams.

Every source is an iterator of `Frame` and a context manager, with its properties as attributes:

    with open_source("clip.mp4") as source:
        print(source.size, source.fps, source.n_frames, source.live)
        for frame in source:
            ...
"""

from facetrack.capture.camera import Camera
from facetrack.capture.devices import CameraDevice, list_devices, name_devices
from facetrack.capture.images import ImageFiles, read_image
from facetrack.capture.reconnect import ReconnectingCamera
from facetrack.capture.source import Source, open_source, open_video
from facetrack.capture.video import VideoFile

__all__ = [
    "Camera",
    "CameraDevice",
    "ImageFiles",
    "ReconnectingCamera",
    "Source",
    "VideoFile",
    "list_devices",
    "name_devices",
    "open_source",
    "open_video",
    "read_image",
]
