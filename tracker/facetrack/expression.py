"""What expression a face shows, as probabilities of seven, smoothed over time. Off unless asked for.

A small network guesses what the people who labelled its pictures would have called the look of a face. What the person
feels it cannot know.
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
"""The crop's side, and how far its middle lies below that of the points that the face's muscles do not move, in units
of their spread. A crop by all points would shrink the eyes of a mouth that opens."""
ZERO, STEPS = 128, 120
"""How coordinates become bytes: 128 in the middle of the crop, 120 steps more at its right and lower border."""


def expression_crop(points: Floats) -> CropBox:
    """The upright crop around (68, 2) points that stays where it is while eyes, brows and mouth move."""
    rigid = points[list(topology.RIGID)]
    middle = rigid.mean(axis=0)
    spread = max(float(np.sqrt(((rigid - middle) ** 2).sum(axis=1).mean())), 0.25)
    roll = face_roll(points)
    x = float(middle[0]) - math.sin(roll) * DOWN * spread
    y = float(middle[1]) + math.cos(roll) * DOWN * spread
    return CropBox(x, y, SIDE * spread, roll)


def face_sheet(picture: Image, points: Floats) -> Image:
    """(S, S, 3) uint8, what the network takes: the face in grey (colour would tell which camera or set it is from) in
    the first channel; in the others' first rows, x and y of the 51 inner points.

    picture: (S, S, 3) uint8 BGR, S at least 51. points: (68, 2) in its px. A coordinate c is stored as
    ZERO + STEPS (c - (S - 1) / 2) / (S / 2), rounded, so that a step is S / 240 px.
    """
    side = picture.shape[0]
    sheet = np.zeros_like(picture)
    sheet[..., 0] = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    inner = (points[list(topology.INNER_51)] - (side - 1) / 2) / (side / 2)
    sheet[0, : len(inner), 1:] = np.clip(np.rint(ZERO + STEPS * inner), 0, 255)
    return sheet


def sheet_of(image: Image, points: Floats, side_px: int) -> Image:
    """The sheet of a face in (H, W, 3) uint8 BGR; points: (68, 2) px."""
    crop = expression_crop(points)
    return face_sheet(cut(image, crop, side_px), transform(points, crop_matrix(crop, side_px)))


class Expression:
    """engine: a network of kind `expression` that gives probabilities. Raises ModelFileError for any other."""

    def __init__(self, engine: Engine) -> None:
        spec = engine.spec
        if spec.kind != "expression" or spec.input_px is None or OUTPUT not in spec.outputs:
            raise ModelFileError(
                f"network '{spec.name}' is a {spec.kind} network that gives {', '.join(spec.outputs)}; expected an "
                f"expression network that gives {OUTPUT}, as by `facetrack train expression`"
            )
        self.engine, self._input_px = engine, spec.input_px

    def __call__(self, image: Image, faces: Sequence[Floats]) -> Floats:
        """image: (H, W, 3) uint8 BGR; faces: (68, 2) points px each. Returns (N, 7) probabilities in the order of
        EXPRESSIONS."""
        if not len(faces):
            return np.zeros((0, len(EXPRESSIONS)), np.float32)
        sheets = [sheet_of(image, points, self._input_px) for points in faces]
        return np.asarray(self.engine(np.stack(sheets))[OUTPUT], np.float32)


@dataclass(frozen=True, slots=True)
class ExpressionOptions:
    """interval_s: how often a face is looked at. smooth_s: time constant of the smoothing. forget_s: after so long
    without a look the next one begins afresh.
    most_turned_deg: a head turned further from the line of sight tells nothing: hardly one of the faces that the
    network learned from is. least_px: nor does a face whose crop is smaller; training made them as coarse as 24 px.
    most_sigma: nor one whose points are less sure than that, in the mean, as a share of their extent: as sure as a new
    face must be to be shown at once (`tracking.gating.TrackerOptions.clear_sigma`).
    """

    interval_s: float = 0.2
    smooth_s: float = 0.5
    forget_s: float = 1.0
    max_turn_deg: float = 35.0
    min_px: float = 32.0
    max_sigma: float = 0.03


class _Smoothed:
    """The probabilities of one face. Delay: that of the first-order low-pass, smooth_s, after a look up to interval_s
    old."""

    def __init__(self) -> None:
        self.looked_s = self.seen_s = -math.inf
        self.probabilities: Mapping[str, float] | None = None

    def update(self, probabilities: Floats, time_s: float, options: ExpressionOptions) -> None:
        """(7,) what the network says at time_s."""
        since_s = time_s - self.looked_s
        if self.probabilities is None or since_s > options.forget_s:
            smooth = probabilities.astype(np.float64)
        else:
            old = np.array(list(self.probabilities.values()))
            smooth = old + (probabilities - old) * -math.expm1(-since_s / options.smooth_s)
        self.probabilities = MappingProxyType(dict(zip(EXPRESSIONS, smooth.tolist(), strict=True)))
        self.looked_s = time_s


class Expressions:
    """The expressions of one video's faces. Give it every frame's, in order.

    Between two looks a face keeps what the last one told. A face that cannot be read is unknown in that very frame.
    """

    def __init__(self, network: Expression, options: ExpressionOptions | None = None) -> None:
        self.network, self.options = network, options or ExpressionOptions()
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._of: dict[int, _Smoothed] = {}

    def update(self, frame: Frame, faces: Sequence[Face]) -> list[Face]:
        """The same faces, `signals.expression` set where it is known."""
        time_s = frame.time_s
        readable = {face.track_id for face in faces if is_readable(face.landmarks, face.pose, self.options)}
        for track_id in readable:
            self._of.setdefault(track_id, _Smoothed()).seen_s = time_s
        self._of = {k: one for k, one in self._of.items() if time_s - one.seen_s <= self.options.forget_s}
        due = [
            face for face in faces
            if face.track_id in readable and time_s - self._of[face.track_id].looked_s >= self.options.interval_s
        ]  # fmt: skip
        for face, said in zip(due, self.network(frame.image, [f.landmarks.points for f in due]), strict=True):
            self._of[face.track_id].update(said, time_s, self.options)
        return [
            replace(face, signals=replace(face.signals, expression=self._of[face.track_id].probabilities))
            if face.track_id in readable else face
            for face in faces
        ]  # fmt: skip


def is_readable(landmarks: Landmarks, pose: Pose | None, options: ExpressionOptions) -> bool:
    """Whether a face is seen from near enough to the front, large enough and surely enough. A network that gives no
    sigma (NaN) is taken at its word."""
    if pose is None or not turned_deg(pose) <= options.max_turn_deg:
        return False
    points = landmarks.points
    if expression_crop(points).size_px < options.min_px:
        return False
    return not float(landmarks.sigma.mean()) > options.max_sigma * float(np.ptp(points, axis=0).max())


def turned_deg(pose: Pose) -> float:
    """Angle between where the head faces and the line of sight to it: 0 for a head that faces the camera, wherever it
    is in the picture."""
    away = pose.translation_mm / np.linalg.norm(pose.translation_mm)
    return math.degrees(math.acos(min(1.0, max(-1.0, float(pose.rotation[:, 2] @ away)))))
