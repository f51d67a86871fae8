"""Rendered heads as training samples and as a pack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.errors import DataError
from facetrack.types import Image
from facetrain.formats.packs import write_pack
from facetrain.sample import Sample
from facetrain.synth.rendering.accessories import random_style
from facetrain.synth.rendering.light import random_light
from facetrain.synth.rendering.people import EXTENT, developed, framing_camera, random_background, random_state
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.skin import random_look

SIDE_PX = 176
SOURCE = "rendered"


def random_head(renderer: Renderer, seed: int, index: int, photographs: Sequence[Image] = ()) -> Sample:
    """Render one head of a random person, (SIDE_PX, SIDE_PX); a function of (seed, index) and the photographs alone.

    Attributes: those of `truth.HeadTruth`. visible: by the z-buffer. Occluded points are exact, too, so every weight
    is 1.
    """
    rng = np.random.default_rng((seed, index))
    model = renderer.model
    state = random_state(model, rng)
    shaped = model.shaped(state.identity, state.expression)
    landmarks = state.in_camera(model, model.points68(shaped)).astype(np.float64)
    camera = framing_camera(landmarks, SIDE_PX, SIDE_PX * float(rng.uniform(*EXTENT)), rng.normal(0, 0.03 * SIDE_PX, 2))
    background = random_background(rng, SIDE_PX, photographs)
    image, truth = renderer.render(state, random_look(rng), random_style(rng), random_light(rng), camera, background)
    return Sample(
        name=f"head_{index:06d}.jpg", group=f"head_{index:06d}", source=SOURCE, image=developed(image, rng),
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
