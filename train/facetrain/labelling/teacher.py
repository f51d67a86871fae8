"""Labels from another network: MediaPipe's 478-point mesh, mapped to the 68, for one's own pictures and videos.

What the teacher says is kept where it can be trusted: faces that are large and sharp enough and on which it agrees with
itself when the picture is mirrored. The points come from a network, not from a person, and are weighted so (see
`formats.packs.teacher_weight`); the jaw follows the mesh's outline and is hardly trusted.
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
