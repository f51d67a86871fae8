"""Encoded images with any number of faces, the material of the detector's training scenes.

A face is given by its outline: the 68 points, or points on the ellipse inside its bounding box. When an image is
rotated, the new box is the extent of the rotated outline, which is the project's box convention
(`facetrack.types.Detections`).
"""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.geometry import below_forehead, box_iou, points_box
from facetrack.types import Floats, Image
from facetrain.formats.packs import load_labels, person_of
from facetrain.formats.zips import read_zip_bytes

TEACHER_FACE_SCORE = 0.8
"""Score from which a teacher's detection becomes a pseudo-label."""
TEACHER_IGNORE_SCORE = 0.3
"""Score from which a teacher's detection becomes an ignore region."""
TEACHER_EDGE_PX = 24
"""Black border added for the teacher, which misses faces at the image edge."""
SAME_FACE_IOU = 0.3
MIN_FACE_PX = 7.0
"""Longer side from which a crowd's face is learnt: a smaller one, enlarged, has no facial features left."""


@dataclass(frozen=True, slots=True, eq=False)
class FacePicture:
    """Encoded image with its labelled faces.

    name: unique within its source.
    group: unit that must not be split between training and validation.
    encoded: the JPEG's bytes.
    outlines: (N, 68, 2) float32 px.
    keypoints: (N, 5, 2) px, NaN where unknown.
    ignore: (K, 4) boxes of uncertain faces, which count neither as face nor as background.
    """

    name: str
    group: str
    source: str
    encoded: bytes
    outlines: Floats
    keypoints: Floats
    ignore: Floats

    def decode(self, reduction: int = 1) -> Image:
        """Decode to (H, W, 3) BGR at 1/reduction (1, 2, 4, 8) of the size, which is faster than decoding in full."""
        flag = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
        mode = flag.get(reduction, cv2.IMREAD_REDUCED_COLOR_8)
        return cv2.imdecode(np.frombuffer(self.encoded, np.uint8), mode)  # type: ignore[return-value]


def ellipse_outline(boxes: Floats) -> Floats:
    """Return (N, 68, 2) points on the inscribed ellipses of (N, 4) boxes."""
    angle = np.linspace(0, 2 * np.pi, topology.N_POINTS, endpoint=False, dtype=np.float32)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    return (middle[:, None] + unit * half[:, None]).astype(np.float32)


def read_points_pack(folder: Path, name: str) -> list[FacePicture]:
    """Read a pack with one 68-point face per image: helen_train, helen_test, ytfaces_train."""
    labels = load_labels(folder / f"{name}.npz", None)
    return _single_faces(folder, name, labels["names"].tolist(), labels["points"].astype(np.float32))


def read_mesh_pictures(folder: Path, name: str = "expressions") -> list[FacePicture]:
    """Read the face images labelled by the 478-point mesh, averaged into the 68-point scheme."""
    labels = load_labels(folder / f"{name}.npz", None)
    groups = json.loads((folder / "mesh478_to_68.json").read_text())
    mesh = labels["mesh478"].astype(np.float32)
    points = np.stack([mesh[:, group].mean(axis=1) for group in groups], axis=1)
    finite = np.isfinite(points).all(axis=(1, 2))
    return _single_faces(folder, name, labels["names"][finite].tolist(), points[finite])


def read_box_pictures(folder: Path, name: str = "wider_scenes") -> list[FacePicture]:
    """Read crowds labelled by boxes without points; faces below MIN_FACE_PX become ignore regions."""
    by_name: dict[str, list[list[float]]] = {}
    with (folder / f"{name}.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            by_name.setdefault(row["file"], []).append([float(row[key]) for key in ("x0", "y0", "x1", "y1")])
    crowds = []
    for file, data in read_zip_bytes(folder / f"{name}.zip"):
        boxes = below_forehead(np.array(by_name.get(file, []), np.float32).reshape(-1, 4))
        large = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) >= MIN_FACE_PX
        if large.any():
            unknown = np.full((int(large.sum()), 5, 2), np.nan, np.float32)
            crowds.append(FacePicture(file, file, name, data, ellipse_outline(boxes[large]), unknown, boxes[~large]))
    return crowds


def read_empty_pictures(folder: Path, name: str = "no_faces") -> list[FacePicture]:
    """Read the images without a face."""
    return [_without_faces(name, file, file, data) for file, data in read_zip_bytes(folder / f"{name}.zip")]


def read_unlabelled_faces(folder: Path, model: Path, name: str = "mtfl") -> list[FacePicture]:
    """Read `read_bare_faces` and label them by `with_teacher_only`."""
    return with_teacher_only(read_bare_faces(folder, name), model)


def read_bare_faces(folder: Path, name: str = "mtfl") -> list[FacePicture]:
    """Read tight face crops without box labels: all head poses, hats, glasses, low resolution.

    Only the pack's training part: some pictures of its testing part are also in the benchmark AFLW2000.
    Heads turned by 60 degrees and more (the pack's pose bins 1 and 5), which are rare, get the source name mtfl_turned.
    """
    with (folder / f"{name}.csv").open(newline="") as lines:
        rows = {row["path"]: row["pose_1..5"] for row in csv.DictReader(lines) if row["split"] == "training"}
    return [
        _without_faces(f"{name}_turned" if rows[file] in ("1", "5") else name, file, person_of(file), data)
        for file, data in read_zip_bytes(folder / f"{name}.zip") if file in rows
    ]  # fmt: skip


def with_teacher_only(bare: list[FacePicture], model: Path) -> list[FacePicture]:
    """Pseudo-label unlabelled images by YuNet; images without a confident detection are dropped."""
    return [_largest_first(picture) for picture in with_teacher(bare, model) if len(picture.outlines)]


def with_teacher(pictures: Iterable[FacePicture], model: Path) -> list[FacePicture]:
    """Add pseudo-labels by YuNet for unlabelled faces: confident detections as faces, others as ignore regions.

    Without them the loss would penalise correct detections of unlabelled people in the background.
    """
    teacher = cv2.FaceDetectorYN.create(str(model), "", (320, 320), TEACHER_IGNORE_SCORE, 0.3)
    return [_with_detections(picture, _detect(teacher, picture.decode())) for picture in pictures]


def split_by_group(pictures: list[FacePicture], share: float) -> tuple[list[FacePicture], list[FacePicture]]:
    """Split into (training, validation) by a hash of the group, independent of machine and file order."""
    limit = round(share * 2**32)
    held_out = [zlib.crc32(p.group.encode()) < limit for p in pictures]
    return (
        [p for p, out in zip(pictures, held_out, strict=True) if not out],
        [p for p, out in zip(pictures, held_out, strict=True) if out],
    )


def _detect(teacher: cv2.FaceDetectorYN, image: Image) -> NDArray[np.float32]:
    edge = TEACHER_EDGE_PX
    image = cv2.copyMakeBorder(image, edge, edge, edge, edge, cv2.BORDER_CONSTANT)  # type: ignore[assignment]
    teacher.setInputSize(image.shape[1::-1])
    detected = teacher.detect(image)[1]
    rows = np.zeros((0, 15), np.float32) if detected is None else np.asarray(detected, np.float32)
    rows[:, [0, 1, *range(4, 14)]] -= edge
    return rows


def _with_detections(picture: FacePicture, detections: NDArray[np.float32]) -> FacePicture:
    """Add the detections that match no labelled face.

    detections: (N, 15) rows of FaceDetectorYN: x, y, w, h, five points, score.
    """
    boxes = below_forehead(np.concatenate([detections[:, :2], detections[:, :2] + detections[:, 2:4]], axis=1))
    labelled = points_box(picture.outlines)
    new = ~(box_iou(boxes, labelled) > SAME_FACE_IOU).any(axis=1)
    confident = new & (detections[:, 14] >= TEACHER_FACE_SCORE)
    uncertain = new & (detections[:, 14] < TEACHER_FACE_SCORE)
    return replace(
        picture,
        outlines=np.concatenate([picture.outlines, ellipse_outline(boxes[confident])]),
        keypoints=np.concatenate([picture.keypoints, detections[confident, 4:14].reshape(-1, 5, 2)]),
        ignore=np.concatenate([picture.ignore, boxes[uncertain]]),
    )


def _without_faces(source: str, file: str, group: str, data: bytes) -> FacePicture:
    no_points = np.zeros((0, topology.N_POINTS, 2), np.float32)
    return FacePicture(file, group, source, data, no_points, no_points[:, :5], np.zeros((0, 4), np.float32))


def _largest_first(picture: FacePicture) -> FacePicture:
    boxes = points_box(picture.outlines)
    order = np.argsort(-(boxes[:, 2:] - boxes[:, :2]).prod(axis=1), kind="stable")
    return replace(picture, outlines=picture.outlines[order], keypoints=picture.keypoints[order])


def _single_faces(folder: Path, name: str, files: list[str], points: Floats) -> list[FacePicture]:
    by_name = dict(zip(files, points, strict=True))
    return [
        FacePicture(
            file, person_of(file), name, data, by_name[file][None],
            topology.five_from_68(by_name[file])[None].astype(np.float32), np.zeros((0, 4), np.float32),
        )
        for file, data in read_zip_bytes(folder / f"{name}.zip") if file in by_name
    ]  # fmt: skip
