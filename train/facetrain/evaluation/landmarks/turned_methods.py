"""Whatever finds the points of a turned face: a landmark network through boxes or its own detector, and baselines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    points_box,
)
from facetrack.landmarker import Landmarker, Reading
from facetrack.loops.picture import find_in
from facetrack.pose import fused_pose, head_pose
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Face, Floats, Frame, Image, Pose

Array = NDArray[np.float64]

ROLLS = ("tracker", "eyes", "upright")
"""How the crop of a further pass is turned: by the head's vertical axis as the tracker does, along the eyes, or not."""
FUSED, POINTS, ROTATION = "fused", "points alone", "rotation alone"
"""Where a network's angles come from: as in the tracker, from its points (PnP), from its rotation."""

LEAST_IOU = 0.5
"""Intersection over union from which a face is found."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One face.

    points: (68, 2) px of the picture.
    angles_deg: (3,) yaw, pitch, roll with the signs of `types.Pose`, NaN where unknown; of a network, the tracker's.
    angles_by_source: those from its points and its rotation alone, where it gives both.
    visibility: (68,) 0..1, sigma: (68,) px, sigma_deg: (3,); None from methods that give none.
    """

    points: Floats
    angles_deg: Array
    visibility: Floats | None = None
    sigma: Floats | None = None
    sigma_deg: Floats | None = None
    angles_by_source: Mapping[str, Array] = field(default_factory=dict)


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

    def __init__(
        self, engine: Engine, detector: Detector | None = None, passes: int = 1, roll: str = "tracker"
    ) -> None:
        assert roll in ROLLS
        self._landmarker, self._detector = Landmarker(engine), detector
        self._passes, self._roll = passes, roll
        self._margin = engine.spec.margin

    def through(self, image: Image, box: Floats) -> Found | None:
        return self._passed(image, crop_from_box(box, self._margin))

    def detected(self, image: Image) -> list[Found]:
        assert self._detector is not None
        faces = self._detector(image)
        crops = [crop_from_detection(*faces.face(index), self._margin) for index in range(len(faces))]
        return [self._passed(image, crop) for crop in crops]

    def _passed(self, image: Image, crop: CropBox) -> Found:
        (reading,) = self._landmarker(image, [crop])
        for _ in range(self._passes - 1):
            (reading,) = self._landmarker(image, [self._next_crop(reading)])
        return read(reading, image)

    def _next_crop(self, reading: Reading) -> CropBox:
        points = reading.landmarks.points
        if self._roll == "upright":
            return crop_from_box(points_box(points), self._margin)
        if self._roll == "eyes":
            return crop_from_points(points, self._margin, eye_roll_rad(points))
        return crop_from_points(points, self._margin, None if reading.head is None else reading.head.roll_rad)


class Tracked:
    """A landmark network within the tracker, as `facetrack image` runs it: search, gates, eye network, pose.

    network: for `through`. tracker: for `detected`, with the options of a picture on its own.
    """

    def __init__(self, network: Network, tracker: FaceTracker) -> None:
        self._network, self._tracker = network, tracker

    def through(self, image: Image, box: Floats) -> Found | None:
        return self._network.through(image, box)

    def detected(self, image: Image) -> list[Found]:
        return [_shown(face) for face in find_in(self._tracker, Frame(image=image, time_s=0.0, index=0))]


def _shown(face: Face) -> Found:
    marks, pose = face.landmarks, face.pose
    return Found(marks.points, angles_of(pose), marks.visibility, marks.sigma, _sigma_of(pose))


def read(reading: Reading, image: Image) -> Found:
    """Return a reading's points and angles, the latter from all that the network gives and from each source alone."""
    marks, size = reading.landmarks, (image.shape[1], image.shape[0])
    pose = fused_pose(marks, reading.head, size)
    if reading.head is None:
        return Found(marks.points, angles_of(pose), None, marks.sigma)
    sources = {
        POINTS: angles_of(head_pose(marks.points, size)),
        ROTATION: np.array(euler_deg(reading.head.rotation)),
    }
    return Found(marks.points, angles_of(pose), marks.visibility, marks.sigma, _sigma_of(pose), sources)


def angles_of(pose: Pose | None) -> Array:
    """(3,) yaw, pitch, roll in degrees, NaN without a pose."""
    return np.full(3, np.nan) if pose is None else np.array([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])


def eye_roll_rad(points: Floats) -> float:
    """Return the clockwise roll of the line between the eyes."""
    x, y = points[list(topology.LEFT_EYE)].mean(axis=0) - points[list(topology.RIGHT_EYE)].mean(axis=0)
    return math.atan2(float(y), float(x))


def _sigma_of(pose: Pose | None) -> Floats | None:
    """(3,) standard deviations of yaw, pitch and roll in degrees, None where unknown."""
    return None if pose is None or pose.sigma_deg is None else np.array(pose.sigma_deg, np.float32)


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
            points = topology_maps.mesh_to_68(mesh)
            found.append(Found(points, angles_of(head_pose(points, (image.shape[1], image.shape[0])))))
        return found


def matching(found: Sequence[Found], box: Floats) -> Found | None:
    """Choose the face whose points' box overlaps `box` (4,) most; None where none does by LEAST_IOU."""
    if not found:
        return None
    boxes = np.stack([points_box(one.points) for one in found])
    overlap = box_iou(boxes, box[None])[:, 0]
    best = int(overlap.argmax())
    return found[best] if overlap[best] >= LEAST_IOU else None
