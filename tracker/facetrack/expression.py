"""Facial expression recognition: probabilities of seven classes, smoothed over time. Off by default.

A small network predicts the label that annotators of its training data would have given the face. It cannot know what
the person feels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import cv2
import numpy as np

from facetrack import topology
from facetrack.engine import Engine
from facetrack.errors import ModelFileError
from facetrack.geometry import CropBox, crop_matrix, cut, face_roll, transform
from facetrack.types import Face, Floats, Frame, Image, Landmarks, Pose
from facetrack.types.signals import EXPRESSIONS

OUTPUT = "probabilities"
SIDE = 4.6
DOWN = 0.75
"""Side of the crop, and offset of its centre below the centroid of the rigid points, in units of their spread.

Rigid points are those that facial muscles do not move: a crop by all points would scale the eyes down when the mouth
opens.
"""
ZERO, STEPS = 128, 120
"""Quantisation of coordinates to bytes: 128 at the crop's centre, 120 more at its right and lower border."""


def expression_crop(points: Floats) -> CropBox:
    """Return the roll-aligned crop around (68, 2) points, independent of the motion of lids, brows and mouth."""
    rigid = points[list(topology.RIGID)]
    centroid = rigid.mean(axis=0)
    spread = max(float(np.sqrt(((rigid - centroid) ** 2).sum(axis=1).mean())), 0.25)
    roll = face_roll(points)
    x = float(centroid[0]) - math.sin(roll) * DOWN * spread
    y = float(centroid[1]) + math.cos(roll) * DOWN * spread
    return CropBox(x, y, SIDE * spread, roll)


def face_sheet(crop: Image, points: Floats) -> Image:
    """Encode a face crop and its landmarks as the network's input, (S, S, 3) uint8.

    The first channel is the grey image (colour would reveal the camera or data set); the first rows of the second and
    third channel are x and y of the 51 inner points.

    crop: (S, S, 3) uint8 BGR, S >= 51.
    points: (68, 2) in its px. A coordinate c is stored as ZERO + STEPS (c - (S - 1) / 2) / (S / 2), rounded, thus with
        a resolution of S / 240 px.
    """
    side = crop.shape[0]
    sheet = np.zeros_like(crop)
    sheet[..., 0] = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    inner = (points[list(topology.INNER_51)] - (side - 1) / 2) / (side / 2)
    sheet[0, : len(inner), 1:] = np.clip(np.rint(ZERO + STEPS * inner), 0, 255)
    return sheet


def sheet_of(image: Image, points: Floats, side_px: int) -> Image:
    """Return the network's input for a face of (H, W, 3) uint8 BGR; points: (68, 2) px."""
    crop = expression_crop(points)
    return face_sheet(cut(image, crop, side_px), transform(points, crop_matrix(crop, side_px)))


class Expression:
    """Expression classifier of single frames.

    engine: a network of kind `expression` with the output `probabilities`. Raises ModelFileError for any other.
    """

    def __init__(self, engine: Engine) -> None:
        spec = engine.spec
        if spec.kind != "expression" or spec.input_px is None or OUTPUT not in spec.outputs:
            raise ModelFileError(
                f"network '{spec.name}' is a {spec.kind} network with the output {', '.join(spec.outputs)}; expected "
                f"an expression network with the output {OUTPUT}, as of `facetrack train expression`"
            )
        self.engine, self._input_px = engine, spec.input_px

    def __call__(self, image: Image, faces: Sequence[Floats]) -> Floats:
        """Return (N, 7) probabilities in the order of EXPRESSIONS.

        image: (H, W, 3) uint8 BGR.
        faces: (68, 2) points px each.
        """
        if not len(faces):
            return np.zeros((0, len(EXPRESSIONS)), np.float32)
        sheets = [sheet_of(image, points, self._input_px) for points in faces]
        return np.asarray(self.engine(np.stack(sheets))[OUTPUT], np.float32)


@dataclass(frozen=True, slots=True)
class ExpressionOptions:
    """Options of the expression signal; a face beyond one of the three limits has an unknown expression.

    interval_s: interval between two predictions of a face.
    smooth_s: time constant of the smoothing.
    forget_s: time without a prediction after which the smoothing restarts.
    max_turn_deg: largest angle between the facing direction and the line of sight; hardly any training face is larger.
    min_px: smallest crop; training degrades crops down to 24 px.
    max_sigma: largest mean uncertainty of the points as a share of their extent.
    """

    interval_s: float = 0.2
    smooth_s: float = 0.5
    forget_s: float = 1.0
    max_turn_deg: float = 35.0
    min_px: float = 32.0
    max_sigma: float = 0.03


class _Smoothed:
    """Smoothed probabilities of one face.

    predicted_s: time of the last prediction.
    readable_s: time of the last frame within the limits.
    Delay: smooth_s of the first-order low-pass, plus the age of the last prediction, up to interval_s.
    """

    def __init__(self) -> None:
        self.predicted_s = self.readable_s = -math.inf
        self.probabilities: Mapping[str, float] | None = None

    def update(self, probabilities: Floats, time_s: float, options: ExpressionOptions) -> None:
        """Update with the network's output at time_s, (7,)."""
        since_s = time_s - self.predicted_s
        if self.probabilities is None or since_s > options.forget_s:
            smooth = probabilities.astype(np.float64)
        else:
            old = np.array(list(self.probabilities.values()))
            smooth = old + (probabilities - old) * -math.expm1(-since_s / options.smooth_s)
        self.probabilities = MappingProxyType(dict(zip(EXPRESSIONS, smooth.tolist(), strict=True)))
        self.predicted_s = time_s


class Expressions:
    """Expression signal of the faces of one video. Call `update` with every frame in order.

    Between two predictions a face keeps the last value. A face beyond the limits is unknown in that frame.
    """

    def __init__(self, network: Expression, options: ExpressionOptions | None = None) -> None:
        self.network, self.options = network, options or ExpressionOptions()
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._smoothed: dict[int, _Smoothed] = {}

    def update(self, frame: Frame, faces: Sequence[Face]) -> list[Face]:
        """Return the faces with `signals.expression` set where it is known."""
        time_s, options = frame.time_s, self.options
        readable = {face.track_id for face in faces if is_readable(face.landmarks, face.pose, options)}
        for track_id in readable:
            self._smoothed.setdefault(track_id, _Smoothed()).readable_s = time_s
        self._smoothed = {k: s for k, s in self._smoothed.items() if time_s - s.readable_s <= options.forget_s}
        due = [
            face for face in faces
            if face.track_id in readable and time_s - self._smoothed[face.track_id].predicted_s >= options.interval_s
        ]  # fmt: skip
        predictions = self.network(frame.image, [face.landmarks.points for face in due])
        for face, probabilities in zip(due, predictions, strict=True):
            self._smoothed[face.track_id].update(probabilities, time_s, options)
        return [
            replace(face, signals=replace(face.signals, expression=self._smoothed[face.track_id].probabilities))
            if face.track_id in readable else face
            for face in faces
        ]  # fmt: skip


def is_readable(landmarks: Landmarks, pose: Pose | None, options: ExpressionOptions) -> bool:
    """Return whether a face is within the limits: frontal, large and certain enough.

    An unknown pose is beyond the limits; an unknown sigma (NaN) is not.
    """
    if pose is None or not turned_deg(pose) <= options.max_turn_deg:
        return False
    points = landmarks.points
    if expression_crop(points).size_px < options.min_px:
        return False
    return not float(landmarks.sigma.mean()) > options.max_sigma * float(np.ptp(points, axis=0).max())


def turned_deg(pose: Pose) -> float:
    """Return the angle between the facing direction and the line of sight to the head.

    It is 0 for a head that faces the camera, wherever it is in the image.
    """
    sight = pose.translation_mm / np.linalg.norm(pose.translation_mm)
    return math.degrees(math.acos(min(1.0, max(-1.0, float(pose.rotation[:, 2] @ sight)))))
