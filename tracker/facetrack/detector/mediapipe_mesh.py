"""MediaPipe's FaceLandmarker: 478-point face mesh, as a teacher and as a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facetrack.errors import MissingExtraError, ModelFileError
from facetrack.types import Floats, Image
from facetrack.types.closing import ClosesItself

MAX_FACES = 8


class MediaPipeMesh(ClosesItself):
    """MediaPipe's FaceLandmarker (Tasks API, 1.x); a context manager.

    model: face_landmarker.task.
    video: whether the images are consecutive frames of one video, which MediaPipe tracks and (for max_faces 1)
        smooths; otherwise each image is independent.
    shapes: also predict blendshapes, for `with_shapes`.
    title: name and version.
    Raises MissingExtraError without the package, ModelFileError if the file is not such a model.
    """

    def __init__(self, model: Path, max_faces: int = MAX_FACES, video: bool = False, shapes: bool = False) -> None:
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
        self._video = video
        vision = mediapipe.tasks.vision
        mode = vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE
        base = mediapipe.tasks.BaseOptions(model_asset_path=str(model))
        try:
            self._network: Any = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=base, running_mode=mode, num_faces=max_faces, output_face_blendshapes=shapes
                )
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelFileError(f"{model} is no face_landmarker.task that MediaPipe can open ({error})") from error

    def close(self) -> None:
        """Release the network; safe to call twice."""
        self._network.close()

    def __call__(self, image: Image, time_s: float = 0.0) -> Floats:
        """Detect the mesh points of all faces.

        image: (H, W, 3) BGR.
        time_s: of a video's frame, increasing by at least 1 ms.
        Returns (N, 478, 2) px. MediaPipe's coordinates are shares of the image from edge to edge, thus
        px = share * size - 0.5.
        """
        return self._meshes(self._detect(image, time_s), image)

    def with_shapes(self, image: Image, time_s: float = 0.0) -> tuple[Floats, list[dict[str, float]]]:
        """Detect as a call does; also returns the blendshapes of each face by their names, without `_neutral`."""
        result = self._detect(image, time_s)
        shapes = [
            {one.category_name: one.score for one in face if not one.category_name.startswith("_")}
            for face in result.face_blendshapes
        ]
        return self._meshes(result, image), shapes

    def _detect(self, image: Image, time_s: float) -> Any:
        rgb = np.ascontiguousarray(image[..., ::-1])
        mp_image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb)
        network = self._network
        return network.detect_for_video(mp_image, round(1000 * time_s)) if self._video else network.detect(mp_image)

    @staticmethod
    def _meshes(result: Any, image: Image) -> Floats:
        faces = result.face_landmarks
        shares = np.array([[(point.x, point.y) for point in face] for face in faces], np.float32)
        return shares.reshape(-1, 478, 2) * np.array(image.shape[1::-1], np.float32) - np.float32(0.5)
