"""Random people in front of a camera: identity, expression, pose and background, from a random generator alone."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facetrack.types import Image
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.head_model import HeadModel
from facetrain.synth.rendering.skin import Rng
from facetrain.synth.rendering.truth import Array, HeadState, closing_blink

MAX_YAW_DEG, MAX_PITCH_DEG, MAX_ROLL_DEG = 75.0, 35.0, 30.0
EXTENT = (0.57, 0.76)
"""Range of the longer side of the points' box over the image side."""
DISTANCE_CM = (32.0, 160.0)
LOWERED_SHARE, LOWERED_DEG = 0.2, (-32.0, -14.0)
"""Share of heads that look down, at a page or a telephone, and their range of gaze pitch. The lids follow: otherwise
open eyes are half open in the middle of that range (.6 at -20 deg, .4 at -30), with a visible iris."""
PHOTO_SHARE = 0.7
"""Share of photographs among the backgrounds, if there are any."""
_BROWS = ("browDown", "browInnerUp", "browOuterUp")
_LIPS = (
    "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "jawForward", "jawLeft", "jawRight",
)  # fmt: skip
_LIP_PAIRS = ("mouthFrown", "mouthDimple", "mouthPress", "mouthStretch", "mouthUpperUp", "mouthLowerDown", "noseSneer")


def random_identity(model: HeadModel, rng: Rng) -> Array:
    """Draw a person's coefficients, with a slightly smaller spread than the model's."""
    return np.clip(rng.normal(0, 0.85, len(model.identity)), -2.2, 2.2)


def random_state(model: HeadModel, rng: Rng) -> HeadState:
    identity = random_identity(model, rng)
    expression = random_eyes(rng, closing_blink(model, identity)) | random_mouth(rng)
    for brow in _BROWS:
        if rng.random() < 0.25:
            expression |= _both_sides(brow, float(rng.uniform(0, 1)), rng)
    wide = rng.random() < 0.4
    yaw = rng.uniform(-MAX_YAW_DEG, MAX_YAW_DEG) if wide else np.clip(rng.normal(0, 17), -MAX_YAW_DEG, MAX_YAW_DEG)
    return HeadState(
        identity=identity,
        expression=expression,
        yaw_deg=float(yaw),
        pitch_deg=float(np.clip(rng.normal(0, 12), -MAX_PITCH_DEG, MAX_PITCH_DEG)),
        roll_deg=float(np.clip(rng.normal(0, 10), -MAX_ROLL_DEG, MAX_ROLL_DEG)),
        gaze_deg=random_gaze(rng),
        translation_cm=(0.0, 0.0, float(np.exp(rng.uniform(*np.log(DISTANCE_CM))))),
    )


def random_gaze(rng: Rng) -> tuple[float, float]:
    """Draw the (yaw, pitch) of the eyes in the head, in degrees: about ahead, or lowered."""
    ahead = float(np.clip(rng.normal(0, 11), -28, 28)), float(np.clip(rng.normal(-1, 7), -20, 18))
    return (ahead[0], float(rng.uniform(*LOWERED_DEG))) if rng.random() < LOWERED_SHARE else ahead


def random_eyes(rng: Rng, closing: tuple[float, float]) -> dict[str, float]:
    """Draw eye expressions: open, closed, half closed, or each eye independently.

    closing: eyeBlink coefficients at which the right and left lids meet.
    """
    kind = rng.random()
    if kind < 0.45:
        shut = np.repeat(rng.uniform(0, 0.15), 2)
    elif kind < 0.67:
        shut = rng.uniform(0.97, 1.08, 2)
    elif kind < 0.82:
        shut = np.repeat(rng.uniform(0.25, 0.9), 2)
    elif kind < 0.9:
        shut = rng.permutation([rng.uniform(0, 0.15), rng.uniform(0.95, 1.08)])
    else:
        shut = rng.uniform(0, 1, 2)
    eyes = {f"eyeBlink_{side}": float(a * b) for side, a, b in zip("RL", shut, closing, strict=True)}
    if rng.random() < 0.25:
        eyes |= _both_sides("eyeSquint", float(rng.uniform(0.2, 1)), rng) | _both_sides(
            "cheekSquint", float(rng.uniform(0, 1)), rng
        )
    elif shut.max() < 0.2 and rng.random() < 0.3:
        eyes |= _both_sides("eyeWide", float(rng.uniform(0.2, 1)), rng)
    return eyes


def random_mouth(rng: Rng) -> dict[str, float]:
    """Draw a mouth expression: shut, talking, or wide open as in a yawn; smiling or not."""
    kind, mouth = rng.random(), {}
    if kind > 0.8:
        mouth["jawOpen"] = float(rng.uniform(0.55, 1.0))
    elif kind > 0.4:
        mouth["jawOpen"] = float(rng.uniform(0.0, 0.45))
    if rng.random() < 0.35:
        mouth |= _both_sides("mouthSmile", float(rng.uniform(0.3, 1)), rng)
        if rng.random() < 0.6:  # a laugh shows teeth
            mouth |= _both_sides("mouthUpperUp", float(rng.uniform(0, 0.7)), rng)
            mouth |= _both_sides("mouthLowerDown", float(rng.uniform(0, 0.7)), rng)
    else:
        for name in rng.choice(_LIPS, int(rng.integers(0, 3)), replace=False):
            mouth[str(name)] = float(rng.uniform(0, 0.7))
        for name in rng.choice(_LIP_PAIRS, int(rng.integers(0, 3)), replace=False):
            mouth |= _both_sides(str(name), float(rng.uniform(0, 0.6)), rng)
    return mouth


def _both_sides(name: str, value: float, rng: Rng) -> dict[str, float]:
    """Return an expression for both sides, with slightly different values."""
    return {f"{name}_{side}": float(np.clip(value * rng.normal(1, 0.1), 0, 1)) for side in "RL"}


def framing_camera(points: Array, side_px: int, extent_px: float, shift_px: Array) -> Camera:
    """Return the camera of a square image in which the points span extent_px, as cropped from a larger photograph.

    points: (68, 3) in the camera's axes. shift_px: (2,) offset of their centre from the image centre. The head stays on
    the optical axis.
    """
    flat = points[:, :2] / points[:, 2:]
    low, high = flat.min(axis=0), flat.max(axis=0)
    focal = extent_px / float((high - low).max())
    centre = (side_px - 1) / 2 + shift_px - focal * (low + high) / 2
    return Camera(focal, (float(centre[0]), float(centre[1])), (side_px, side_px))


def random_background(rng: Rng, side_px: int, photographs: Sequence[Image] = ()) -> Image:
    """Draw a background: a part of a photograph, or blurred patches of colour."""
    if len(photographs) and rng.random() < PHOTO_SHARE:
        photograph = photographs[int(rng.integers(len(photographs)))]
        size = int(min(photograph.shape[:2]) * rng.uniform(0.4, 1.0))
        y, x = (int(rng.integers(0, length - size + 1)) for length in photograph.shape[:2])
        part = photograph[y : y + size, x : x + size]
        scene = cv2.resize(part, (side_px, side_px), interpolation=cv2.INTER_AREA)
    else:
        cells = int(rng.integers(2, 9))
        patches = rng.uniform(20, 235, (cells, cells, 1)) * rng.uniform(0.2, 1) + rng.normal(0, 20, (cells, cells, 3))
        interpolation = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST
        patches += rng.uniform(0, 90)
        scene = cv2.resize(np.clip(patches, 0, 255).astype(np.uint8), (side_px, side_px), interpolation=interpolation)
    return np.asarray(cv2.blur(scene, (int(rng.integers(1, 10)),) * 2), dtype=np.uint8)


def developed(image: Image, rng: Rng) -> Image:
    """Apply a camera's defocus, channel gains and noise."""
    if rng.random() < 0.6:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.0))), dtype=np.uint8)
    gain = rng.normal(1.0, 0.05, 3) * rng.uniform(0.85, 1.15)
    grain = rng.standard_normal(image.shape, np.float32) * rng.uniform(0, 4)
    return np.clip(image * gain.astype(np.float32) + grain, 0, 255).astype(np.uint8)
