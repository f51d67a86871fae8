"""Rendered eyes: lids and gaze drawn independently, with exact points, irises, gaps and states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from facetrack import topology
from facetrack.angles import rotation_from_deg
from facetrack.gaze import sight_axes
from facetrack.geometry import transform
from facetrack.types import Floats, Image
from facetrain.samples.eyes.table import ORDER, Eye, contour_of, eyes_of
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.heads import in_random_scene, landmarks_of
from facetrain.synth.rendering.people import random_state
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.skin import Rng
from facetrain.synth.rendering.truth import Array, HeadState, HeadTruth, closing_blink

SIZE, EYE_PX = (208, 112), (20.0, 36.0)
"""Of the picture, which shows both eyes' stored crops and no more, and the range of an eye's width in it."""
MAX_YAW_DEG = 50.0
LOOKS_DOWN, DOWN_DEG, PITCH_DEG, YAW_DEG = 0.4, (-34.0, -6.0), (-12.0, 25.0), (-32.0, 32.0)
"""Share of the heads that look down, their range, the others', and all heads' to the side."""
WIDE_OPEN, SHUT = 0.55, 0.12
"""Share of the heads with lids as the gaze has them, and with shut ones; the others' are anything between."""
SHUT_BELOW, LOWERED_BELOW, OPEN_ABOVE = 0.06, 0.6, 0.75
"""Lid gap over the person's open one: below which an eye is shut, below which it is lowered, from which it is open."""
IRIS_CM = 0.59
"""Radius of an iris: the visible iris is 11.8 mm wide (Ruefer et al., Cornea 2005: 11.7)."""
SEEN = 0.5
"""Share of an eye's points that are visible, below which it is covered."""
SHUT_GAZE_WEIGHT = 0.4
"""Weight of the gaze of shut eyes, which teaches how unsure it is, over that of open ones."""
OPEN_GAP = 0.31
"""Median gap of open eyes over the eye's width in photographs, to which the person's open gap is set."""


def rendered_eyes(
    renderer: Renderer, indices: Iterable[int], seed: int = 0, photographs: Sequence[Image] = ()
) -> Iterator[Eye]:
    """Yield the eyes of rendered heads, a function of (seed, index) and the photographs alone."""
    for index in indices:
        rng = np.random.default_rng((seed, index, 16))
        state = _with_lids(random_state(renderer.model, rng), renderer, rng)
        camera = _camera(landmarks_of(renderer.model, state), rng)
        image, truth = in_random_scene(renderer, state, camera, rng, photographs)
        irises, looks = _irises(renderer, state, camera), looks_of(renderer, state)
        yield from _labelled(image, truth, irises, looks, f"head_{index:06d}", state)


def _with_lids(state: HeadState, renderer: Renderer, rng: Rng) -> HeadState:
    """Draw the gaze and how far the lids are shut besides following it, and a yaw at which both eyes can be seen."""
    pitch = float(rng.uniform(*(DOWN_DEG if rng.random() < LOOKS_DOWN else PITCH_DEG)))
    kind = rng.random()
    shut = float(rng.uniform(0, 0.12)) if kind < WIDE_OPEN else 1.0 if kind < WIDE_OPEN + SHUT else float(rng.random())
    closing = closing_blink(renderer.model, state.identity)
    lids = {f"eyeBlink_{side}": shut * full for side, full in zip("RL", closing, strict=True)}
    yaw = state.yaw_deg if abs(state.yaw_deg) <= MAX_YAW_DEG else float(rng.uniform(-MAX_YAW_DEG, MAX_YAW_DEG))
    gaze = (float(rng.uniform(*YAW_DEG)), pitch)
    return replace(state, expression={**state.expression, **lids}, gaze_deg=gaze, yaw_deg=yaw)


def _camera(landmarks: Array, rng: Rng) -> Camera:
    """Draw a camera that shows both eyes at a random size. landmarks: (68, 3) in the camera's axes."""
    flat = landmarks[:, :2] / landmarks[:, 2:]
    width = max(float(np.linalg.norm(flat[eye[3]] - flat[eye[0]])) for eye in (topology.RIGHT_EYE, topology.LEFT_EYE))
    focal = float(np.exp(rng.uniform(*np.log(EYE_PX)))) / width
    middle = flat[[*topology.RIGHT_EYE, *topology.LEFT_EYE]].mean(axis=0)
    x, y = (np.array(SIZE) - 1) / 2 + rng.normal(0, 2, 2) - focal * middle
    return Camera(focal, (float(x), float(y)), SIZE)


def _irises(renderer: Renderer, state: HeadState, camera: Camera) -> list[Floats]:
    """Return (3,) centre and radius in px of the right and left iris."""
    out, shaped = [], renderer.model.shaped(state.identity, state.expression, state.gaze_deg)
    for centre in state.in_camera(renderer.model, renderer.model.irises(shaped)).astype(np.float64):
        radius = camera.focal_px * IRIS_CM / centre[2]
        out.append(np.array([*camera.project(centre), radius], np.float32))
    return out


def looks_of(renderer: Renderer, state: HeadState) -> Array:
    """Return the (2, 2) x, y of the unit vector of the right and the left eye's look, the line of sight to it as z."""
    landmarks = landmarks_of(renderer.model, state)
    look = state.rotation @ -rotation_from_deg(*state.gaze_deg, 0.0)[:, 2]
    corners = ((eye[0], eye[3]) for eye in (topology.RIGHT_EYE, topology.LEFT_EYE))
    return np.stack([(sight_axes(landmarks[list(ends)].mean(axis=0)) @ look)[:2] for ends in corners])


def _labelled(
    image: Image, truth: HeadTruth, irises: list[Floats], looks: Array, name: str, state: HeadState
) -> Iterator[Eye]:
    for side, (eye, matrix) in enumerate(eyes_of(image, truth.points, name, name, "rendered")):
        contour, opening = contour_of(truth.points, side, matrix), truth.lid_opening[side]
        visible = truth.visible[list(ORDER[side])].mean()
        seen = visible >= SEEN
        eye.set("contour", contour, 0.12 * seen)
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        centre = transform(irises[side][None, :2], matrix)[0]
        radius_px = float(scale * irises[side][2])
        inside = cv2.pointPolygonTest(contour, (float(centre[0]), float(centre[1])), True) / radius_px
        trust = float(np.clip((opening - 0.15) / 0.3, 0, 1) * np.clip(1 + 2 * inside, 0, 1)) * seen
        eye.set("iris", [*centre.tolist(), radius_px], trust)
        eye.set("gaze", matrix[:, :2] @ looks[side] / scale, seen * (SHUT_GAZE_WEIGHT + (1 - SHUT_GAZE_WEIGHT) * trust))
        eye.labels["radius_weight"] = np.asarray(0.2 * trust, np.float32)
        eye.set("gap", OPEN_GAP * min(opening, 1.3), 0.3 * seen)
        if opening < SHUT_BELOW:
            eye.set_state("shut", weight=0.5 * seen)
        elif opening < LOWERED_BELOW:
            eye.set_state("lowered", weight=0.5 * seen)
        elif opening > OPEN_ABOVE and state.gaze_deg[1] > -12:
            eye.set_state("open", weight=0.5 * seen)
        eye.set("covered", float(visible < 0.2), 0.5 * (visible < 0.2 or visible > 0.8))
        yield eye
