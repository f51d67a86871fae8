"""MediaPipe's FaceLandmarker: its 478-point mesh, as a teacher and as a baseline."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from facetrack.errors import MissingExtraError, ModelFileError
from facetrack.types import Floats, Image

MAX_FACES = 8


class MediaPipeMesh(AbstractContextManager["MediaPipeMesh"]):
    """MediaPipe's FaceLandmarker (Tasks, 1.x); a context manager. model: face_landmarker.task. video: whether the
    pictures are one video's frames, in order, which it follows and (for max_faces 1) smooths; else each stands alone.
    title: its name and version.

    Raises MissingExtraError without the package, ModelFileError where the file is not such a model.
    """

    def __init__(self, model: Path, max_faces: int = MAX_FACES, video: bool = False) -> None:
        try:
            import mediapipe
        except ImportError as error:
            raise MissingExtraError(
                "the teacher needs the package mediapipe; install the extra: "
                "python -m pip install 'facetrack[mediapipe]'"
            ) from error
        if not model.is_file():
            raise ModelFileError(f"{model} does not exist; give --teacher-model the path of face_landmarker.task")
        self._mediapipe: Any = mediapipe
        self.title = f"MediaPipe {mediapipe.__version__}"
        self._follows = video
        vision = mediapipe.tasks.vision
        mode = vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE
        base = mediapipe.tasks.BaseOptions(model_asset_path=str(model))
        try:
            self._network: Any = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(base_options=base, running_mode=mode, num_faces=max_faces)
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelFileError(f"{model} is no face_landmarker.task that MediaPipe can open ({error})") from error

    def close(self) -> None:
        """Release the network; safe to call twice."""
        self._network.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, image: Image, time_s: float = 0.0) -> Floats:
        """(H, W, 3) BGR -> (N, 478, 2) px. time_s: of a video's frame, increasing by 1 ms at least. MediaPipe gives
        shares of the picture from edge to edge: px = share * size - 0.5."""
        rgb = np.ascontiguousarray(image[..., ::-1])
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb)
        network = self._network
        found = network.detect_for_video(picture, round(1000 * time_s)) if self._follows else network.detect(picture)
        faces = found.face_landmarks
        shares = np.array([[(point.x, point.y) for point in face] for face in faces], np.float32)
        return shares.reshape(-1, 478, 2) * np.array(image.shape[1::-1], np.float32) - np.float32(0.5)
