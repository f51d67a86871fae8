"""Tracking methods behind one interface, to measure jitter and lag.

Facetrack's tracker with each setting of its smoothing, and as baseline MediaPipe's mesh in image and in video mode.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetrack import topology_maps
from facetrack.detector.mediapipe_mesh import MediaPipeMesh
from facetrack.errors import ModelFileError
from facetrack.modelfile import bundled_path
from facetrack.smoothing.landmarks import SMOOTHING
from facetrack.tracking.tracker import FaceTracker, TrackerOptions
from facetrack.types import Floats, Frame
from facetrain.evaluation.gaze.looks import CAMERA
from facetrain.evaluation.landmarks.network import model_path, title_of
from facetrain.evaluation.stability.gaze import GazeTracker, by_mediapipe, by_tracker
from facetrain.labelling.teacher import MEDIAPIPE_SUFFIX

PointTracker = Callable[[Frame], Floats]
"""Function called on the frames of one video in order; returns the (N, 68, 2) px of the frame's faces."""


@dataclass(frozen=True, slots=True)
class TrackingMethod:
    """Tracking method.

    unsmoothed: name of the same method without smoothing
    start: makes a new tracker for a clip, closed after it
    start_gaze: the same for the gaze of the clips of `gaze.gaze_clips`
    """

    name: str
    unsmoothed: str
    start: Callable[[], AbstractContextManager[PointTracker]]
    start_gaze: Callable[[], AbstractContextManager[GazeTracker]]


def open_methods(models: list[Path]) -> list[TrackingMethod]:
    """Open networks with every setting of `facetrack.smoothing.landmarks`, and MediaPipe in both of its modes.

    models: landmark networks (.onnx, or run folders; the bundled one by default), MediaPipe's face_landmarker.task
    Raises ModelFileError or MissingExtraError if a model cannot be opened.
    """
    for model in models:
        if not model.exists():
            raise ModelFileError(f"{model} does not exist; give a landmark network (.onnx) or MediaPipe's .task")
    tasks = [model for model in models if model.suffix == MEDIAPIPE_SUFFIX]
    networks = [model for model in models if model not in tasks] or [bundled_path("landmarks68")]
    return [m for model in networks for m in _own(model)] + [m for model in tasks for m in _baselines(model)]


def _own(model: Path) -> list[TrackingMethod]:
    name, path = title_of(model), model_path(model)

    def start(smoothing: str) -> Callable[[], AbstractContextManager[PointTracker]]:
        return lambda: nullcontext(_track(FaceTracker.from_weights(path, TrackerOptions(smoothing=smoothing))))

    def start_gaze(smoothing: str) -> Callable[[], AbstractContextManager[GazeTracker]]:
        options = TrackerOptions(smoothing=smoothing, camera=CAMERA)
        return by_tracker(lambda: FaceTracker.from_weights(path, options))

    start("off")()  # raises now if the file is no landmark network
    return [
        TrackingMethod(f"{name}, {setting}", f"{name}, off", start(setting), start_gaze(setting))
        for setting in SMOOTHING
    ]


def _track(tracker: FaceTracker) -> PointTracker:
    def track(frame: Frame) -> Floats:
        return np.array([face.landmarks.points for face in tracker.update(frame)], np.float32).reshape(-1, 68, 2)

    return track


def _baselines(model: Path) -> list[TrackingMethod]:
    with MediaPipeMesh(model) as mesh:
        name = mesh.title
    return [
        TrackingMethod(
            f"{name}, {mode}",
            f"{name}, pictures",
            lambda video=video: _MediaPipeTracker(model, video),  # type: ignore[misc]
            by_mediapipe(model, video),
        )
        for mode, video in (("pictures", False), ("video", True))
    ]


class _MediaPipeTracker(ExitStack):
    """MediaPipe as a tracker of one face; with more faces it does not smooth."""

    def __init__(self, model: Path, video: bool) -> None:
        super().__init__()
        self._network = self.enter_context(MediaPipeMesh(model, max_faces=1, video=video))

    def __call__(self, frame: Frame) -> Floats:
        mesh = self._network(frame.image, frame.time_s)
        return topology_maps.mesh_to_68(mesh)
