"""Ground truth of a rendered head, measured on its geometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.angles import rotation_from_deg
from facetrack.types import Floats
from facetrain.synth.rendering.camera import MODEL_TO_CAMERA, Camera
from facetrain.synth.rendering.head_model import HeadModel
from facetrain.synth.rendering.outline import Outline

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

CLOSED_BELOW, OPEN_ABOVE = 0.25, 0.6
"""Lid openness below which an eye is labelled closed and above which open; no label in between."""
MOUTH_SHUT_BELOW, MOUTH_OPEN_ABOVE = 0.1, 0.3
"""Gap of the inner lips over the mouth width below which the mouth is labelled shut and above which open."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadState:
    """Identity, expression and pose of a head.

    identity: coefficients, standard normal over people.
    expression: ARKit's names to 0..1 (without eyeLook, which follows from the gaze).
    yaw_deg, pitch_deg, roll_deg: signs as in `facetrack.types.Pose`.
    gaze_deg: (yaw, pitch) of the eyes in the head.
    translation_cm: centre of the mean head's eye corners in the camera's axes.
    """

    identity: Array
    expression: Mapping[str, float]
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    gaze_deg: tuple[float, float] = (0.0, 0.0)
    translation_cm: tuple[float, float, float] = (0.0, 0.0, 60.0)

    @property
    def rotation(self) -> Array:
        """Rotation (3, 3) from head to camera, as in `facetrack.types.Pose`."""
        return rotation_from_deg(self.yaw_deg, self.pitch_deg, self.roll_deg)

    def in_camera(self, model: HeadModel, shaped: NDArray[np.floating]) -> Floats:
        """Transform (..., 3) cm from the model's axes to the camera's."""
        to_camera = self.rotation @ MODEL_TO_CAMERA
        return np.asarray((shaped - model.origin) @ to_camera.T + self.translation_cm, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class HeadTruth:
    """Ground truth of one image of a head.

    points: (68, 2) px, the jaw's on its visible outline, as in 300-W.
    fixed_points: (68, 2) px, every point on its own vertex.
    visible: (68,) whether a point is not occluded.
    lid_opening: (right, left) lid gap over the open lid gap of the same person, 0 closed.
    blink: (right, left) eyeBlink coefficient.
    mouth_opening: inner lip gap over the mouth width, as `facetrack.signals.mouth_opening` but in 3-D.
    smile: mean mouthSmile coefficient.
    gaze_deg: (yaw, pitch) of the eyes in the head.
    """

    points: Floats
    fixed_points: Floats
    visible: Flags
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    lid_opening: tuple[float, float]
    blink: tuple[float, float]
    mouth_opening: float
    smile: float
    gaze_deg: tuple[float, float]

    def attributes(self) -> dict[str, float | str]:
        """Return a Sample's attributes: all figures, and binary eyes_open, mouth_open and smile where unambiguous."""
        out: dict[str, float | str] = {
            "yaw_deg": self.yaw_deg, "pitch_deg": self.pitch_deg, "roll_deg": self.roll_deg,
            "gaze_yaw_deg": self.gaze_deg[0], "gaze_pitch_deg": self.gaze_deg[1],
            "lid_opening_right": self.lid_opening[0], "lid_opening_left": self.lid_opening[1],
            "blink_right": self.blink[0], "blink_left": self.blink[1],
            "mouth_opening": self.mouth_opening, "smile_amount": self.smile,
        }  # fmt: skip
        low, high = min(self.lid_opening), max(self.lid_opening)
        if high < CLOSED_BELOW or low > OPEN_ABOVE:
            out["eyes_open"] = float(low > OPEN_ABOVE)
        if self.mouth_opening < MOUTH_SHUT_BELOW or self.mouth_opening > MOUTH_OPEN_ABOVE:
            out["mouth_open"] = float(self.mouth_opening > MOUTH_OPEN_ABOVE)
        if self.smile < 0.15 or self.smile > 0.4:
            out["smile"] = float(self.smile > 0.4)
        return {name: value if isinstance(value, str) else round(float(value), 4) for name, value in out.items()}


def lid_gaps(points: NDArray[np.floating]) -> tuple[float, float]:
    """Return the lid gaps of the right and the left eye in cm; negative where the lids overlap.

    points: (68, 3) cm in the model's axes. The gap is measured perpendicular to the line of the eye corners, in the
    frontal view.
    """
    gaps = []
    for eye in (topology.EAR_RIGHT, topology.EAR_LEFT):
        outline = points[list(eye), :2]
        along = outline[3] - outline[0]
        up = np.array([-along[1], along[0]]) / np.linalg.norm(along)
        gaps.append(float(((outline[1] + outline[2] - outline[4] - outline[5]) / 2) @ up))
    return gaps[0], gaps[1]


def mouth_opening(points: NDArray[np.floating]) -> float:
    """Return the mean gap of the inner lips over the mouth width, from (68, 3) cm."""
    upper, lower = points[list(topology.INNER_LIP_UPPER)], points[list(topology.INNER_LIP_LOWER)]
    corners = points[list(topology.INNER_LIP_CORNERS)]
    return float(np.linalg.norm(upper - lower, axis=1).mean() / np.linalg.norm(corners[1] - corners[0]))


def closing_blink(model: HeadModel, identity: NDArray[np.floating]) -> tuple[float, float]:
    """Return the eyeBlink coefficients (right, left) at which this person's lids meet.

    About 1, more for wide eyes; exact, since the gap is linear in the coefficient.
    """
    opened = lid_gaps(model.points68(model.shaped(identity, {})))
    at_one = lid_gaps(model.points68(model.shaped(identity, {"eyeBlink_R": 1.0, "eyeBlink_L": 1.0})))
    right, left = (a / max(a - b, 1e-6) for a, b in zip(opened, at_one, strict=True))
    return right, left


def measure(model: HeadModel, state: HeadState, shaped: Floats, camera: Camera, outline: Outline) -> HeadTruth:
    """Compute a head's ground truth with all points visible; the renderer determines visibility by its z-buffer."""
    landmarks = model.points68(shaped)
    opened = lid_gaps(model.points68(model.shaped(state.identity, {})))
    gaps = lid_gaps(landmarks)
    fixed = state.in_camera(model, landmarks).astype(np.float64)
    visible_points = outline.visible_points(state.in_camera(model, shaped), fixed, state.rotation, camera)
    coefficient = state.expression.get
    return HeadTruth(
        points=camera.project(visible_points).astype(np.float32),
        fixed_points=camera.project(fixed).astype(np.float32),
        visible=np.ones(topology.N_POINTS, bool),
        yaw_deg=state.yaw_deg, pitch_deg=state.pitch_deg, roll_deg=state.roll_deg,
        lid_opening=(max(0.0, gaps[0] / opened[0]), max(0.0, gaps[1] / opened[1])),
        blink=(coefficient("eyeBlink_R", 0.0), coefficient("eyeBlink_L", 0.0)),
        mouth_opening=mouth_opening(landmarks),
        smile=(coefficient("mouthSmile_R", 0.0) + coefficient("mouthSmile_L", 0.0)) / 2,
        gaze_deg=state.gaze_deg,
    )  # fmt: skip
