"""Rendered heads from profile to profile, whose points, visibility and rotation are exact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.angles import rotation_from_deg
from facetrack.types import Image
from facetrain.formats.label_tables import LabelTable, empty_table
from facetrain.formats.packs import write_pack
from facetrain.sample import POSE_ANGLES, Sample
from facetrain.synth.rendering.heads import SIDE_PX, in_random_scene, landmarks_of, random_camera
from facetrain.synth.rendering.people import random_state
from facetrain.synth.rendering.render import Renderer

Array = NDArray[np.float64]

SOURCE = "heads_turned"
YAW_DEG, BEHIND_YAW_DEG = (-95.0, 95.0), (130.0, 230.0)
"""Range of the yaw from profile to profile, and of heads that show only hair."""
PITCH_DEG, ROLL_DEG = (14.0, 40.0), (12.0, 40.0)
"""Standard deviation and limit."""


def random_turned_head(
    renderer: Renderer, jaw_offset: Array, seed: int, index: int, photographs: Sequence[Image] = (),
    yaw_deg: tuple[float, float] = YAW_DEG,
) -> Sample:  # fmt: skip
    """Render one head of a person of its own, (SIDE_PX, SIDE_PX) px; a function of its arguments alone.

    jaw_offset: (17, 3) cm, see `labelling.jaw`. The jaw's points stay on the head where it hides them, unlike those of
    `synth.rendering.heads`, which follow the visible outline.
    """
    rng = np.random.default_rng((seed, index))
    model = renderer.model
    yaw = float(rng.uniform(*yaw_deg))
    pitch, roll = (float(np.clip(rng.normal(0, s), -limit, limit)) for s, limit in (PITCH_DEG, ROLL_DEG))
    state = replace(random_state(model, rng), yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)
    points = landmarks_of(model, state)
    points[list(topology.JAW)] += jaw_offset @ state.rotation.T
    camera = random_camera(points, rng, 0.03 * SIDE_PX)
    image, truth = in_random_scene(renderer, state, camera, rng, photographs)
    name = f"head_{index:06d}.jpg"
    return Sample(
        name=name, group=Path(name).stem, source=SOURCE, image=image,
        points=camera.project(points).astype(np.float32), weight=np.ones(topology.N_POINTS, np.float32),
        visible=truth.visible, attributes=truth.attributes(),
    )  # fmt: skip


def write_turned_heads(
    renderer: Renderer,
    path: Path,
    jaw_offset: Array,
    indices: Iterable[int],
    seed: int = 0,
    photographs: Sequence[Image] = (),
    yaw_deg: tuple[float, float] = YAW_DEG,
) -> int:
    """Render a head per index and write them as a pack, NAME.zip and NAME.npz; returns how many."""
    samples = [random_turned_head(renderer, jaw_offset, seed, index, photographs, yaw_deg) for index in indices]
    write_pack(samples, path)
    return len(samples)


def of_heads(samples: Sequence[Sample]) -> LabelTable:
    """Make the label table of a pack of rendered heads: everything is exact."""
    names = tuple(sample.name for sample in samples)
    known = empty_table(names)
    for index, sample in enumerate(samples):
        known["points"][index], known["weight"][index] = sample.points, sample.weight
        if sample.visible is not None:
            known["visible"][index] = sample.visible
        known["rotation"][index] = rotation_from_deg(*(float(sample.attributes[name]) for name in POSE_ANGLES))
    known["rotation_weight"][:] = 1.0
    return LabelTable(names, **known)
