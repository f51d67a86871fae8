"""Photographs and frames as rows of the table: the tracker's networks read a face, MediaPipe gives its blendshapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from facetrack import topology, topology_maps
from facetrack.capture import VideoFile
from facetrack.engine.onnx import OnnxEngine
from facetrack.eyes import EyeReader
from facetrack.gaze import eyes_in_head
from facetrack.geometry import CropBox, crop_from_box, crop_from_points, cut, face_roll, points_box
from facetrack.landmarker import Landmarker
from facetrack.modelfile import bundled_path
from facetrack.pose import fused_pose
from facetrack.signals import FaceSignals, Observation
from facetrack.tracking.build import make_tracker, tracker_options
from facetrack.tracking.eyes import LandmarksAndEyes
from facetrack.types import CameraModel, Face, Floats, Image
from facetrack.types.signals import ARKIT_52
from facetrain.formats.pack_tables import read_table_pack
from facetrain.formats.packs import read_pack
from facetrain.formats.public.mtfl import read_mtfl_pack
from facetrain.labelling.mesh_map import CROP_MARGIN, CROP_PX
from facetrain.sample import Sample
from facetrain.samples.blendshapes.table import LIPS_PX, ShapeRow, pose_values, signal_values

SOURCES = ("helen_train", "lfpw_train", "yawn_faces", "ytfaces_train", "expressions", "mtfl", "genki4k")
WHOLE = 1.5
"""Side of the crop over the longer side of a picture whose face has no points."""
CAMERA = CameraModel(fov_deg=25.0)
"""Of a crop of 2.2 times the face: the head is then some 70 cm away."""
LIPS_SPREADS = 2.8
"""Width of the picture of the mouth in units of the rigid points' spread."""
EVERY = {"ytfaces_train": 4, "expressions": 3, "mtfl": 6, "genki4k": 4}
FRAMES = 3
"""Every so many of a pack's pictures, and of a clip's frames, are taken: what lies between adds little."""
Progress = Callable[[Iterable[Sample]], Iterable[Sample]]


class Teacher(Protocol):
    """`facetrack.detector.mediapipe_mesh.MediaPipeMesh` with shapes."""

    def with_shapes(self, image: Image) -> tuple[Floats, list[dict[str, float]]]: ...


@dataclass(frozen=True)
class PictureReader:
    """Reader of single pictures as the tracker reads a face's first frame. teacher: one face per picture."""

    teacher: Teacher

    @cached_property
    def _read(self) -> LandmarksAndEyes:
        return LandmarksAndEyes(self._landmarker, EyeReader(OnnxEngine(bundled_path("eyes"))))

    @cached_property
    def _landmarker(self) -> Landmarker:
        return Landmarker(OnnxEngine(bundled_path("landmarks68")))

    def row(self, sample: Sample) -> ShapeRow | None:
        """Return the sample's row; None where either of them finds no face."""
        picture = cut(sample.image, _crop(sample), CROP_PX)
        labelled = labelled_by(picture, self.teacher)
        if labelled is None:
            return None
        points, shapes = labelled
        face = self._face(picture, points)
        if face is None:
            return None
        return row_of(face, picture, (sample.name, sample.group, sample.source, 0), shapes)

    def _face(self, picture: Image, points: Floats) -> Face | None:
        margin = self._landmarker.margin
        first = self._landmarker(picture, [crop_from_points(points, margin)])[0]
        if first.presence < 0.5 or not np.isfinite(first.landmarks.points).all():
            return None
        roll_rad = None if first.head is None else first.head.roll_rad
        reading = self._read(picture, [crop_from_points(first.landmarks.points, margin, roll_rad)])[0]
        marks, size = reading.landmarks, (CROP_PX, CROP_PX)
        pose = fused_pose(marks, reading.head, size, CAMERA)
        gaze = eyes_in_head(reading.eyes, pose, CAMERA.intrinsics(size))
        known = (marks.sigma, pose, reading.attributes, reading.presence, marks.visibility, reading.eyes, gaze)
        signals, _ = FaceSignals().update(Observation(0.0, marks.points, *known))
        return Face(1, points_box(marks.points), marks, reading.presence, pose, signals)


def labelled_by(picture: Image, teacher: Teacher) -> tuple[Floats, Floats] | None:
    """Return (68, 2) px and (52,) values of a picture with one face; None without one."""
    meshes, shapes = teacher.with_shapes(picture)
    if not shapes:
        return None
    points = topology_maps.mesh_to_68(meshes[0])
    return points, values_of(shapes[0])


def values_of(shapes: dict[str, float]) -> Floats:
    """Return (52,) in the order of ARKIT_52, NaN for absent ones."""
    return np.array([shapes.get(name, np.nan) for name in ARKIT_52], np.float32)


def row_of(face: Face, picture: Image, where: tuple[str, str, str, int], shapes: Floats) -> ShapeRow | None:
    """Return a face's row; None without a pose. where: name, group, source, frame."""
    if face.pose is None:
        return None
    marks = face.landmarks
    return ShapeRow(
        *where, marks.points.astype(np.float32), marks.sigma.astype(np.float32), pose_values(face.pose),
        signal_values(face.signals), shapes, lips_picture(picture, marks.points),
    )  # fmt: skip


def lips_picture(image: Image, points: Floats) -> Image:
    """Cut the mouth, grey, upright by the face's roll and scaled by its rigid points."""
    rigid = points[list(topology.RIGID)]
    spread = float(np.sqrt(((rigid - rigid.mean(axis=0)) ** 2).sum(axis=1).mean()))
    roll, (width, height) = face_roll(points), LIPS_PX
    x, y = points[list(topology.OUTER_LIPS)].mean(axis=0).tolist()
    scale = width / max(LIPS_SPREADS * spread, 1.0)
    cos, sin = scale * np.cos(roll), scale * np.sin(roll)
    matrix = np.array([[cos, sin, (width - 1) / 2], [-sin, cos, (height - 1) / 2]])
    matrix[:, 2] -= matrix[:, :2] @ (x, y)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    lips = cv2.warpAffine(image, matrix, LIPS_PX, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(lips, cv2.COLOR_BGR2GRAY), np.uint8)


def _crop(sample: Sample) -> CropBox:
    if sample.scheme == topology.SCHEME and np.isfinite(sample.points).all():
        return crop_from_box(points_box(sample.points), CROP_MARGIN)
    height, width = sample.image.shape[:2]
    return CropBox((width - 1) / 2, (height - 1) / 2, WHOLE * max(height, width))


def pack_rows(data: Path, name: str, reader: PictureReader, progress: Progress) -> Iterator[ShapeRow]:
    """Yield the rows of a pack; of MTFL its training part alone."""
    for sample in progress(_samples(data, name)[:: EVERY.get(name, 1)]):
        row = reader.row(sample)
        if row is not None:
            yield row


def _samples(data: Path, name: str) -> list[Sample]:
    if name == "mtfl":
        samples = read_mtfl_pack(data / "mtfl.csv").samples
        return [sample for sample in samples if sample.attributes.get("split") == "training"]
    if (data / f"{name}.csv").is_file():
        return read_table_pack(data / f"{name}.csv").samples
    return read_pack(data / name).samples


def clip_rows(clip: Path, teacher: Teacher) -> Iterator[ShapeRow]:
    """Yield a row per face and frame of a clip, followed by the tracker; the group is the clip and the track."""
    tracker = make_tracker(None, tracker_options(max_faces=4), threads=1, engine="onnx")
    with VideoFile(clip) as frames:
        for frame in frames:
            faces = tracker.update(frame)
            for face in faces if frame.index % FRAMES == 0 else ():
                crop = crop_from_box(points_box(face.landmarks.points), CROP_MARGIN)
                labelled = labelled_by(cut(frame.image, crop, CROP_PX), teacher)
                if labelled is None:
                    continue
                where = (str(frame.index), f"{clip.stem} {face.track_id}", clip.stem, frame.index)
                row = row_of(face, frame.image, where, labelled[1])
                if row is not None:
                    yield row
