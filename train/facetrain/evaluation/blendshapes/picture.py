"""A rendered head that wears the blendshapes of a clip's face, beside the clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from facetrack.capture import VideoFile
from facetrack.geometry import crop_from_box, cut, points_box
from facetrack.sinks.avatar.arkit import underscored
from facetrack.sinks.avatar.blendshapes import blendshapes
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Face, Frame, Image, Pose
from facetrain.synth.rendering.clips import random_actor
from facetrain.synth.rendering.head_model import FULL_GAZE_DEG
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.truth import HeadState

SIDE_PX, VIEW_PX = 240, 560
"""Of the picture of a face, and of the avatar's whole view, of which the middle is shown."""


def avatar_state(renderer: Renderer, shapes: Mapping[str, float], pose: Pose | None) -> HeadState:
    """Return the mean head with these blendshapes; looks turn its eyeballs, whose lids follow."""
    worn = {underscored(name): value for name, value in shapes.items() if not name.startswith("eyeLook")}
    names = renderer.model.expression_names
    worn = {name: value for name, value in worn.items() if name in names}
    if "browInnerUp" in shapes and "browInnerUp" not in names:
        worn |= {f"browInnerUp_{side}": shapes["browInnerUp"] for side in "LR"}
    look = {name: shapes.get(f"eyeLook{name}", 0.0) for name in ("OutLeft", "InLeft", "UpLeft", "DownLeft")}
    gaze = FULL_GAZE_DEG * (look["OutLeft"] - look["InLeft"]), FULL_GAZE_DEG * (look["UpLeft"] - look["DownLeft"])
    yaw, pitch, roll = (0.0, 0.0, 0.0) if pose is None else (pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    return HeadState(np.zeros(len(renderer.model.identity)), worn, yaw, pitch, roll, gaze, (0.0, 0.0, 55.0))


def avatar(renderer: Renderer, shapes: Mapping[str, float], pose: Pose | None, seed: int = 3) -> Image:
    """Render the avatar, (SIDE_PX, SIDE_PX)."""
    actor = random_actor(renderer.model, seed, (VIEW_PX, VIEW_PX))
    image, _ = actor.rendered(renderer, avatar_state(renderer, shapes, pose))
    low = (VIEW_PX - SIDE_PX) // 2
    return image[low : low + SIDE_PX, low : low + SIDE_PX]


EXPRESSIONS: tuple[Mapping[str, float], ...] = (
    {},
    {"jawOpen": 0.7},
    {"mouthSmile_L": 0.8, "mouthSmile_R": 0.8, "mouthUpperUp_L": 0.4, "mouthUpperUp_R": 0.4},
    {"browInnerUp_L": 0.9, "browInnerUp_R": 0.9, "browOuterUp_L": 0.9, "browOuterUp_R": 0.9},
    {"browDown_L": 0.9, "browDown_R": 0.9, "eyeSquint_L": 0.5, "eyeSquint_R": 0.5},
    {"mouthPucker": 0.9},
    {"eyeBlink_L": 1.0},
)
"""What the rendered person of the picture does; L is the person's left."""


def rendered(tracker: FaceTracker, renderer: Renderer, seed: int = 5, held: int = 4) -> Image:
    """Return a strip of a rendered person's EXPRESSIONS above and the avatar that the tracker makes of them below.

    Each is held for that many frames, after frames at rest from which the neutral is learnt.
    """
    actor, columns, index = random_actor(renderer.model, seed, (640, 480)), [], 0
    for expression in EXPRESSIONS:
        for state, count in ((actor.rest, 30), (replace(actor.rest, expression=expression), held)):
            image, _ = actor.rendered(renderer, state)
            for _ in range(count):
                frame = Frame(image, time_s=index / 10, index=index)
                faces = tracker.update(frame)
                index += 1
        if faces:
            columns.append(_column(frame, faces[0], renderer))
    return np.asarray(np.hstack(columns), np.uint8)


def beside(tracker: FaceTracker, clip: Path, frames: Sequence[int], renderer: Renderer) -> Image:
    """Return a strip: the main face of these frames of a clip above, the avatar below."""
    wanted, columns = set(frames), []
    with VideoFile(clip) as source:
        for frame in source:
            faces = tracker.update(frame)
            if frame.index in wanted and faces:
                columns.append(_column(frame, faces[0], renderer))
            if frame.index >= max(wanted):
                break
    return np.asarray(np.hstack(columns), np.uint8)


def _column(frame: Frame, face: Face, renderer: Renderer) -> Image:
    crop = crop_from_box(points_box(face.landmarks.points), 1.7)
    shapes = blendshapes(face)
    picture = np.vstack([cut(frame.image, crop, SIDE_PX), avatar(renderer, shapes, face.pose)])
    strongest = sorted(shapes.items(), key=lambda item: -item[1])[:3]
    for line, (name, value) in enumerate(strongest):
        cv2.putText(picture, f"{name} {value:.2f}", (4, 14 + 14 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 255, 255))
    return np.asarray(picture, np.uint8)
