"""Whatever finds the points of a turned face: a landmark network through boxes or its own detector, and baselines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.angles import euler_deg
from facetrack.detector import Detector
from facetrack.engine import Engine
from facetrack.geometry import (
    CropBox,
    box_iou,
    crop_from_box,
    crop_from_detection,
    crop_from_points,
    cut,
    frame_matrices,
    points_box,
    transform,
)
from facetrack.pose import head_pose
from facetrack.types import Floats, Image

Array = NDArray[np.float64]

ROLLS = ("eyes", "upright", "head")
"""How the crop of a further pass is turned: along the eyes as the tracker does, not at all, or by the predicted head's
vertical axis, which stays in the picture's plane up to profile."""

LEAST_IOU = 0.5
"""Intersection over union from which a face is found."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One face.

    points: (68, 2) px of the picture.
    angles_deg: (3,) yaw, pitch, roll with the signs of `types.Pose`, NaN where unknown.
    visibility: (68,) 0..1, sigma: (68,) px, sigma_deg: (3,); None from methods that give none.
    """

    points: Floats
    angles_deg: Array
    visibility: Floats | None = None
    sigma: Floats | None = None
    sigma_deg: Floats | None = None


class Method(Protocol):
    """A way to find a face's points."""

    def through(self, image: Image, box: Floats) -> Found | None:
        """Through the ground truth's box (4,) x0 y0 x1 y1, the extent of the 68 points."""

    def detected(self, image: Image) -> list[Found]:
        """Through its own detector: every face."""


class Network:
    """A landmark network.

    detector: for `detected`. passes: how often it is run, each time on a crop around its own points, turned as `roll`,
    one of ROLLS, says.
    """

    def __init__(self, engine: Engine, detector: Detector | None, passes: int = 1, roll: str = "eyes") -> None:
        assert roll in ROLLS
        assert engine.spec.input_px is not None
        self._engine, self._detector = engine, detector
        self._passes, self._roll = passes, roll
        self._margin, self._px = engine.spec.margin, engine.spec.input_px

    def through(self, image: Image, box: Floats) -> Found | None:
        return self._passed(image, crop_from_box(box, self._margin))

    def detected(self, image: Image) -> list[Found]:
        assert self._detector is not None
        faces = self._detector(image)
        crops = [crop_from_detection(*faces.face(index), self._margin) for index in range(len(faces))]
        return [self._passed(image, crop) for crop in crops]

    def _passed(self, image: Image, crop: CropBox) -> Found:
        found = self._run(image, crop)
        for _ in range(self._passes - 1):
            found = self._run(image, self._next_crop(found))
        return found

    def _next_crop(self, found: Found) -> CropBox:
        if self._roll == "eyes" or not np.isfinite(found.angles_deg).all():  # no pose fits the points
            return crop_from_points(found.points, self._margin)
        if self._roll == "upright":
            return crop_from_box(points_box(found.points), self._margin)
        return crop_at(found.points, self._margin, axis_roll_rad(found.angles_deg))

    def _run(self, image: Image, crop: CropBox) -> Found:
        out = self._engine(cut(image, crop, self._px)[None])
        points = transform(out["points"], frame_matrices([crop], self._px))[0]
        sigma = np.asarray(out["sigma"][0] * (crop.size_px / self._px), np.float32)
        if "rotation" not in out:
            pose = head_pose(points, (image.shape[1], image.shape[0]))
            nothing = np.full(3, np.nan)
            angles = nothing if pose is None else np.array([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])
            return Found(points, angles, None, sigma)
        angles = np.array(euler_deg(to_picture(out["rotation"][0].astype(np.float64), crop.roll_rad)))
        visibility = 1 / (1 + np.exp(-out["visibility"][0]))
        return Found(points, angles, visibility, sigma, out["rotation_sigma"][0])


def to_picture(rotation: Array, roll_rad: float) -> Array:
    """(3, 3) the head's rotation relative to a crop turned clockwise by roll_rad -> relative to the picture."""
    cos, sin = math.cos(roll_rad), math.sin(roll_rad)
    return np.asarray(np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]) @ rotation)


def axis_roll_rad(angles_deg: Sequence[float] | Array) -> float:
    """How far the head's vertical axis, as projected into the picture, is turned clockwise.

    With R = Ry(-yaw) Rx(-pitch) Rz(roll) (`facetrack.angles`) the axis's projection is (R01, R11); a profile's eyes lie
    one behind the other and have no direction, this axis has.
    """
    yaw, pitch, roll = (math.radians(float(angle)) for angle in angles_deg)
    across = -math.sin(roll) * math.cos(yaw) + math.sin(yaw) * math.sin(pitch) * math.cos(roll)
    down = math.cos(pitch) * math.cos(roll)
    return math.atan2(-across, down)


def crop_at(points: Floats, margin: float, roll_rad: float) -> CropBox:
    """Place the crop around the points' box in axes turned clockwise by roll_rad."""
    cos, sin = math.cos(roll_rad), math.sin(roll_rad)
    turn = np.array([[cos, -sin], [sin, cos]])
    upright = points @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = turn @ ((low + high) / 2)
    return CropBox(float(x), float(y), margin * max(float((high - low).max()), 1.0), roll_rad)


class MeshMethod:
    """MediaPipe's mesh through its own detector.

    The points are the averages of `topology_maps`, the angles `facetrack.pose`'s of those points.
    mesh: `facetrack.detector.mediapipe_mesh.MediaPipeMesh`.
    """

    def __init__(self, mesh: Callable[[Image], Floats]) -> None:
        self._mesh = mesh

    def through(self, image: Image, box: Floats) -> Found | None:
        """Choose the found face whose points' box is nearest the given one; None where none overlaps it by half."""
        return matching(self.detected(image), box)

    def detected(self, image: Image) -> list[Found]:
        meshes = self._mesh(image)
        found = []
        for mesh in meshes:
            points = topology_maps.convert(mesh, topology_maps.MESH_478, topology.SCHEME).astype(np.float32)
            pose = head_pose(points, (image.shape[1], image.shape[0]))
            nothing = np.full(3, np.nan)
            angles = nothing if pose is None else np.array([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])
            found.append(Found(points, angles))
        return found


def matching(found: Sequence[Found], box: Floats) -> Found | None:
    """Choose the face whose points' box overlaps `box` (4,) most; None where none does by LEAST_IOU."""
    if not found:
        return None
    boxes = np.stack([points_box(one.points) for one in found])
    overlap = box_iou(boxes, box[None])[:, 0]
    best = int(overlap.argmax())
    return found[best] if overlap[best] >= LEAST_IOU else None
