"""What is known of a rendered head, measured on its geometry."""

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

CLEAR_CLOSED, CLEAR_OPEN = 0.25, 0.6
"""Lid openness below which an eye counts as closed and above which as open; in between it is neither."""
CLEAR_SHUT_MOUTH, CLEAR_OPEN_MOUTH = 0.1, 0.3
"""The same for the inner lips' gap over the mouth's width."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadState:
    """What a head does. identity: coefficients, standard normal over people. expression: ARKit's names to 0..1 (without
    eyeLook: the lids follow the gaze by themselves). Angles with the signs of `facetrack.types.Pose`; gaze_deg is (yaw,
    pitch) of the eyes in the head. translation_cm: the middle of the mean head's eye corners in the camera's axes."""

    identity: Array
    expression: Mapping[str, float]
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    gaze_deg: tuple[float, float] = (0.0, 0.0)
    translation_cm: tuple[float, float, float] = (0.0, 0.0, 60.0)

    @property
    def rotation(self) -> Array:
        """(3, 3) head to camera, as in `facetrack.types.Pose`."""
        return rotation_from_deg(self.yaw_deg, self.pitch_deg, self.roll_deg)

    def in_camera(self, model: HeadModel, shaped: NDArray[np.floating]) -> Floats:
        """(..., 3) cm in the model's axes -> in the camera's."""
        to_camera = self.rotation @ MODEL_TO_CAMERA
        return np.asarray((shaped - model.origin) @ to_camera.T + self.translation_cm, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class HeadTruth:
    """points: (68, 2) px, the jaw's where its outline is seen, as in 300-W. fixed_points: (68, 2) px, every point on
    its own vertex. visible: (68,) whether nothing lies before a point.

    lid_opening: (right, left) lid gap over the open lid gap of the same person, 0 closed. blink: (right, left) eyeBlink
    coefficient. mouth_opening: inner lip gap over the mouth's width, as `facetrack.signals.mouth_opening` but in 3-D.
    smile: mean mouthSmile coefficient. gaze_deg: (yaw, pitch) of the eyes in the head.
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
        """For a Sample: every figure, and 0/1 for eyes_open, mouth_open and smile where it is clear."""
        out: dict[str, float | str] = {
            "yaw_deg": self.yaw_deg, "pitch_deg": self.pitch_deg, "roll_deg": self.roll_deg,
            "gaze_yaw_deg": self.gaze_deg[0], "gaze_pitch_deg": self.gaze_deg[1],
            "lid_opening_right": self.lid_opening[0], "lid_opening_left": self.lid_opening[1],
            "blink_right": self.blink[0], "blink_left": self.blink[1],
            "mouth_opening": self.mouth_opening, "smile_amount": self.smile,
        }  # fmt: skip
        low, high = min(self.lid_opening), max(self.lid_opening)
        if high < CLEAR_CLOSED or low > CLEAR_OPEN:
            out["eyes_open"] = float(low > CLEAR_OPEN)
        if self.mouth_opening < CLEAR_SHUT_MOUTH or self.mouth_opening > CLEAR_OPEN_MOUTH:
            out["mouth_open"] = float(self.mouth_opening > CLEAR_OPEN_MOUTH)
        if self.smile < 0.15 or self.smile > 0.4:
            out["smile"] = float(self.smile > 0.4)
        return {name: value if isinstance(value, str) else round(float(value), 4) for name, value in out.items()}


def lid_gaps(points: NDArray[np.floating]) -> tuple[float, float]:
    """(68, 3) cm in the model's axes -> gap between the lids of the right and the left eye in cm, across the line of
    the eye's corners as seen from the front; negative where the lids overlap."""
    gaps = []
    for eye in (topology.EAR_RIGHT, topology.EAR_LEFT):
        outline = points[list(eye), :2]
        along = outline[3] - outline[0]
        up = np.array([-along[1], along[0]]) / np.linalg.norm(along)
        gaps.append(float(((outline[1] + outline[2] - outline[4] - outline[5]) / 2) @ up))
    return gaps[0], gaps[1]


def mouth_opening(points: NDArray[np.floating]) -> float:
    """(68, 3) cm -> mean gap of the inner lips over the mouth's width."""
    upper, lower = points[list(topology.INNER_LIP_UPPER)], points[list(topology.INNER_LIP_LOWER)]
    corners = points[list(topology.INNER_LIP_CORNERS)]
    return float(np.linalg.norm(upper - lower, axis=1).mean() / np.linalg.norm(corners[1] - corners[0]))


def closing_blink(model: HeadModel, identity: NDArray[np.floating]) -> tuple[float, float]:
    """The eyeBlink coefficients (right, left) at which this person's lids meet: about 1, more where the lids are far
    apart. Exact, since the gap is linear in the coefficient."""
    opened = lid_gaps(model.points68(model.shaped(identity, {})))
    at_one = lid_gaps(model.points68(model.shaped(identity, {"eyeBlink_R": 1.0, "eyeBlink_L": 1.0})))
    right, left = (a / max(a - b, 1e-6) for a, b in zip(opened, at_one, strict=True))
    return right, left


def measure(model: HeadModel, state: HeadState, shaped: Floats, camera: Camera, outline: Outline) -> HeadTruth:
    """The truth of a head, all of whose points still count as visible (`visibility` judges that on the z-buffer)."""
    landmarks = model.points68(shaped)
    opened = lid_gaps(model.points68(model.shaped(state.identity, {})))
    gaps = lid_gaps(landmarks)
    fixed = state.in_camera(model, landmarks).astype(np.float64)
    seen = outline.seen(state.in_camera(model, shaped), fixed, state.rotation, camera)
    express = state.expression.get
    return HeadTruth(
        points=camera.project(seen).astype(np.float32),
        fixed_points=camera.project(fixed).astype(np.float32),
        visible=np.ones(topology.N_POINTS, bool),
        yaw_deg=state.yaw_deg, pitch_deg=state.pitch_deg, roll_deg=state.roll_deg,
        lid_opening=(max(0.0, gaps[0] / opened[0]), max(0.0, gaps[1] / opened[1])),
        blink=(express("eyeBlink_R", 0.0), express("eyeBlink_L", 0.0)),
        mouth_opening=mouth_opening(landmarks),
        smile=(express("mouthSmile_R", 0.0) + express("mouthSmile_L", 0.0)) / 2,
        gaze_deg=state.gaze_deg,
    )  # fmt: skip
