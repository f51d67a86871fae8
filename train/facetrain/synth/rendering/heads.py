"""Rendered heads: in a random scene, as training samples, and as a pack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.errors import DataError
from facetrack.types import Image
from facetrain.formats.packs import write_pack
from facetrain.sample import Sample
from facetrain.synth.rendering.accessories import random_style
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.head_model import HeadModel
from facetrain.synth.rendering.light import random_light
from facetrain.synth.rendering.people import EXTENT, developed, framing_camera, random_background, random_state
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.skin import Rng, random_look
from facetrain.synth.rendering.truth import Array, HeadState, HeadTruth

SIDE_PX = 176
SOURCE = "rendered"


def landmarks_of(model: HeadModel, state: HeadState) -> Array:
    """Return the (68, 3) points of a head in the camera's axes, cm; those of the jaw lie on the head itself."""
    shaped = model.shaped(state.identity, state.expression, state.gaze_deg)
    return state.in_camera(model, model.points68(shaped)).astype(np.float64)


def random_camera(
    landmarks: Array, rng: Rng, off_px: float, side_px: int = SIDE_PX, extent: tuple[float, float] = EXTENT
) -> Camera:
    """Draw a camera that shows a head at a random size.

    off_px: standard deviation of the head's place around the centre. side_px: of the square picture. extent: range of
        the head's extent as a share of it.
    """
    return framing_camera(landmarks, side_px, side_px * float(rng.uniform(*extent)), rng.normal(0, off_px, 2))


def in_random_scene(
    renderer: Renderer, state: HeadState, camera: Camera, rng: Rng, photographs: Sequence[Image] = ()
) -> tuple[Image, HeadTruth]:
    """Render a head of a random look, style and light before a random background; returns it as a camera stores it."""
    background = random_background(rng, max(camera.size), photographs)
    image, truth = renderer.render(state, random_look(rng), random_style(rng), random_light(rng), camera, background)
    return developed(image, rng), truth


def random_head(renderer: Renderer, seed: int, index: int, photographs: Sequence[Image] = ()) -> Sample:
    """Render one head of a random person, (SIDE_PX, SIDE_PX); a function of (seed, index) and the photographs alone.

    Attributes: those of `truth.HeadTruth`. visible: by the z-buffer. Occluded points are exact, too, so every weight
    is 1.
    """
    rng = np.random.default_rng((seed, index))
    state = random_state(renderer.model, rng)
    ahead = replace(state, gaze_deg=(0.0, 0.0))  # lids follow the gaze; the camera of these packs does not
    camera = random_camera(landmarks_of(renderer.model, ahead), rng, 0.03 * SIDE_PX)
    image, truth = in_random_scene(renderer, state, camera, rng, photographs)
    return Sample(
        name=f"head_{index:06d}.jpg", group=f"head_{index:06d}", source=SOURCE, image=image,
        points=truth.points, weight=np.ones(topology.N_POINTS, np.float32), visible=truth.visible,
        attributes=truth.attributes(),
    )  # fmt: skip


def write_heads(
    renderer: Renderer, path: Path, indices: Iterable[int], seed: int = 0, photographs: Sequence[Image] = ()
) -> int:
    """Render a head per index and write them as a pack, NAME.zip and NAME.npz; returns their number.

    Raises DataError where there is no index.
    """
    samples = [random_head(renderer, seed, index, photographs) for index in indices]
    if not samples:
        raise DataError("no head was requested; give a count of at least 1")
    write_pack(samples, path)
    return len(samples)
