"""Pseudo-labels by MediaPipe's 478-point mesh, mapped to the 68 points, for the user's own images and videos.

Only reliable labels are kept: of faces that are large and sharp enough and whose labels are consistent when the image
is mirrored. The points have the lower weight of a network's labels (see `formats.packs.teacher_weight`); the jaw, which
follows the mesh's outline, a very low one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facetrack import topology, topology_maps
from facetrack.capture import ImageFiles, open_video
from facetrack.errors import DataError
from facetrack.geometry import crop_from_box, cut, points_box
from facetrack.types import Floats, Frame, Image
from facetrain.formats.packs import teacher_weight
from facetrain.formats.reading import ReadResult
from facetrain.sample import Sample, face_extent, trimmed

MEDIAPIPE_SUFFIX = ".task"
"""Suffix of MediaPipe's model bundles."""
SHARPNESS_PX = 96
"""Side of the crop on which sharpness is measured, so that it does not depend on the face's size."""

Teacher = Callable[[Image], Floats]
"""(H, W, 3) BGR -> (N, 478, 2) px, pixel centres at integers."""


@dataclass(frozen=True, slots=True)
class TeacherOptions:
    """Filters of the teacher's labels.

    min_size_px: least extent of the points
    min_sharpness: least variance of the Laplacian over a 96 px crop of the face (Pech-Pacheco et al., ICPR 2000)
    max_flip_error: largest mean distance of the inner 51 points between the image and its mirror image, over the
        distance of the outer eye corners
    every: label every Nth frame of a video; images are all labelled
    """

    min_size_px: float = 60.0
    min_sharpness: float = 25.0
    max_flip_error: float = 0.04
    every: int = 5


def label(source: Path, teacher: Teacher, options: TeacherOptions | None = None) -> Iterator[Sample | str]:
    """Label the faces of a video, an image or a folder of images.

    Yields samples of the 68-point scheme, or the reason of a rejected face. Their name is SOURCE_FRAME_FACE.jpg, their
    group the video, or the image.
    """
    options = options or TeacherOptions()
    with open_video(source) as frames:
        files = frames.files if isinstance(frames, ImageFiles) else None
        for frame in frames:
            if files is None and frame.index % options.every:
                continue
            stem = source.stem if files is None else files[frame.index].stem
            yield from _label_frame(frame, stem, teacher, options)


def gather(labelled: Iterator[Sample | str], where: Path) -> ReadResult:
    """Collect the samples, and one problem per reason with its number of rejected faces.

    Raises DataError without any sample.
    """
    samples, reasons = [], Counter[str]()
    for item in labelled:
        if isinstance(item, Sample):
            samples.append(item)
        else:
            reasons[item] += 1
    problems = [f"{where}: {count} left out: {reason}" for reason, count in reasons.most_common()]
    if not samples:
        reason = "; ".join(problems) or "no face detected"
        raise DataError(f"{where}: the teacher's labels gave no usable face; {reason}")
    return ReadResult(samples, problems)


def _label_frame(frame: Frame, stem: str, teacher: Teacher, options: TeacherOptions) -> Iterator[Sample | str]:
    faces = topology_maps.mesh_to_68(teacher(frame.image))
    if not len(faces):
        yield "no face detected"
        return
    mirrored = topology_maps.mesh_to_68(teacher(np.ascontiguousarray(frame.image[:, ::-1])))[:, topology.FLIP]
    mirrored[..., 0] = frame.image.shape[1] - 1 - mirrored[..., 0]
    for number, points in enumerate(faces):
        reason = rejected(frame.image, points, mirrored, options)
        if reason:
            yield reason
            continue
        name = f"{stem}_{frame.index:06d}_{number}.jpg"
        yield trimmed(Sample(name, stem, f"teacher:{stem}", frame.image.copy(), points, teacher_weight()))


def rejected(image: Image, points: Floats, mirrored: Floats, options: TeacherOptions) -> str:
    """Return the reason to reject a face's labels, "" if they are reliable.

    points: (68, 2) px. mirrored: (M, 68, 2) px, the labels of the mirror image's faces, mirrored back.
    """
    if face_extent(points) < options.min_size_px:
        return f"smaller than {options.min_size_px:g} px"
    if sharpness(image, points) < options.min_sharpness:
        return "blurred"
    inner = list(topology.INNER_51)
    right, left = points[list(topology.EYE_OUTER_CORNERS)]
    distances = np.linalg.norm(mirrored[:, inner] - points[inner], axis=2).mean(axis=1)
    if not len(distances) or distances.min() > options.max_flip_error * np.linalg.norm(left - right):
        return "inconsistent in the mirror image"
    return ""


def sharpness(image: Image, points: Floats) -> float:
    """Return the variance of the Laplacian of the face's grey crop."""
    crop = cut(image, crop_from_box(points_box(points), 1.0), SHARPNESS_PX)
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())
