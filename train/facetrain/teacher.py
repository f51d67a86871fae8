"""Labels from another network: MediaPipe's 478-point mesh, mapped to the 68, for one's own pictures and videos.

What the teacher says is kept where it can be trusted: faces that are large and sharp enough and on which it agrees with
itself when the picture is mirrored. The points come from a network, not from a person, and are weighted so (see
`datasets.packs.teacher_weight`); the jaw follows the mesh's outline and is hardly trusted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facetrack import topology, topology_maps
from facetrack.capture import ImageFiles, open_video
from facetrack.capture.closing import ClosesItself
from facetrack.errors import DataError, MissingExtraError, ModelFileError
from facetrack.geometry import crop_from_box, cut, points_box
from facetrack.types import Floats, Frame, Image
from facetrain.datasets.packs import teacher_weight
from facetrain.datasets.result import ReadResult
from facetrain.datasets.trim import trimmed
from facetrain.sample import Sample, face_extent

MAX_FACES = 8
PEER_SUFFIX = ".task"
"""MediaPipe's bundles of networks."""
SHARPNESS_PX = 96
"""Sharpness is measured on a crop of this side, so that it does not depend on how large the face is."""

Teacher = Callable[[Image], Floats]
"""(H, W, 3) BGR -> (N, 478, 2) px, pixel centres at integers."""


@dataclass(frozen=True, slots=True)
class TeacherOptions:
    """min_size_px: of the points' extent. min_sharpness: variance of the Laplacian over a 96 px crop of the face (Pech-
    Pacheco et al., ICPR 2000). max_flip_error: mean distance of the inner 51 points between the picture and its mirror,
    over the outer eye corners' distance. every: each so-manieth frame of a video; pictures are all taken."""

    min_size_px: float = 60.0
    min_sharpness: float = 25.0
    max_flip_error: float = 0.04
    every: int = 5


class MediaPipeTeacher(ClosesItself):
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
        """Let go of the network."""
        self._network.close()

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


def label(source: Path, teacher: Teacher, options: TeacherOptions | None = None) -> Iterator[Sample | str]:
    """Every face of a video, a picture or a folder of pictures: a sample in the 68 scheme, or why it was left out.

    name: SOURCE_FRAME_FACE.jpg. group: the video, or the picture.
    """
    options = options or TeacherOptions()
    with open_video(source) as frames:
        pictures = frames.files if isinstance(frames, ImageFiles) else None
        for frame in frames:
            if pictures is None and frame.index % options.every:
                continue
            stem = source.stem if pictures is None else pictures[frame.index].stem
            yield from _label_frame(frame, stem, teacher, options)


def gather(found: Iterator[Sample | str], where: Path) -> ReadResult:
    """All samples, and one problem for each reason with the number of faces that it cost.

    Raises DataError where nothing was left.
    """
    samples, reasons = [], Counter[str]()
    for item in found:
        if isinstance(item, Sample):
            samples.append(item)
        else:
            reasons[item] += 1
    problems = [f"{where}: {count} left out: {reason}" for reason, count in reasons.most_common()]
    if not samples:
        raise DataError(f"{where}: the teacher's labels gave no usable face; {'; '.join(problems) or 'no face seen'}")
    return ReadResult(samples, problems)


def _label_frame(frame: Frame, stem: str, teacher: Teacher, options: TeacherOptions) -> Iterator[Sample | str]:
    faces = _to_68(teacher(frame.image))
    if not len(faces):
        yield "no face seen"
        return
    mirrored = _to_68(teacher(np.ascontiguousarray(frame.image[:, ::-1])))[:, topology.FLIP]
    mirrored[..., 0] = frame.image.shape[1] - 1 - mirrored[..., 0]
    for number, points in enumerate(faces):
        reason = rejected(frame.image, points, mirrored, options)
        if reason:
            yield reason
            continue
        name = f"{stem}_{frame.index:06d}_{number}.jpg"
        yield trimmed(Sample(name, stem, f"teacher:{stem}", frame.image.copy(), points, teacher_weight()))


def rejected(image: Image, points: Floats, mirrored: Floats, options: TeacherOptions) -> str:
    """Why this face is not to be trusted, or "". mirrored: (M, 68, 2) what the teacher saw in the mirrored picture,
    turned back."""
    if face_extent(points) < options.min_size_px:
        return f"smaller than {options.min_size_px:g} px"
    if sharpness(image, points) < options.min_sharpness:
        return "blurred"
    inner = list(topology.INNER_51)
    right, left = points[list(topology.EYE_OUTER_CORNERS)]
    distances = np.linalg.norm(mirrored[:, inner] - points[inner], axis=2).mean(axis=1)
    if not len(distances) or distances.min() > options.max_flip_error * np.linalg.norm(left - right):
        return "another result in the mirror"
    return ""


def sharpness(image: Image, points: Floats) -> float:
    """Variance of the Laplacian of the face's grey crop."""
    crop = cut(image, crop_from_box(points_box(points), 1.0), SHARPNESS_PX)
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def _to_68(mesh: Floats) -> Floats:
    return topology_maps.convert(mesh, topology_maps.MESH_478, topology.SCHEME).astype(np.float32)
