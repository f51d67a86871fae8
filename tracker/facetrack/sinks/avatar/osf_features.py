"""OpenSeeFace's 14 features: what brows, eyes and mouth do against their rest, about -1..1."""

from __future__ import annotations

from facetrack.sinks.avatar.blendshapes import BROW_INNER_UP_MM, BROW_OUTER_UP_MM, CORNER_UP_MM, PUCKER_MM
from facetrack.sinks.avatar.measures import Measures
from facetrack.sinks.avatar.scene import Actor

NAMES = (
    *("eye_l", "eye_r", "eyebrow_steepness_l", "eyebrow_updown_l", "eyebrow_quirk_l"),
    *("eyebrow_steepness_r", "eyebrow_updown_r", "eyebrow_quirk_r"),
    *("mouth_corner_updown_l", "mouth_corner_inout_l", "mouth_corner_updown_r", "mouth_corner_inout_r"),
    *("mouth_open", "mouth_wide"),
)
"""The features in the packet's order."""
BEND_MM = 3.0
"""Bend of a brow that is a quirk of 1: a choice of this project."""


def features(actor: Actor, right_open: float, left_open: float) -> list[float]:
    """Return the 14 numbers. right_open, left_open: of the eyes, 0..1. What cannot be known is 0."""
    found = [0.0] * 14
    found[:2] = left_open - 1.0, right_open - 1.0
    found[12] = actor.face.signals.mouth.openness or 0.0
    seen, rest = actor.seen, actor.rest
    if seen is not None and rest is not None:
        found[2:8] = *_brow(seen, rest, "left"), *_brow(seen, rest, "right")
        left_mm, right_mm = seen.corner_left - rest.corner_left, seen.corner_right - rest.corner_right
        wide = (seen.width - rest.width) / PUCKER_MM
        found[8:12] = left_mm / CORNER_UP_MM, wide, right_mm / CORNER_UP_MM, wide
        found[13] = wide
    return [min(max(value, -1.0), 1.0) for value in found]


def _brow(seen: Measures, rest: Measures, side: str) -> tuple[float, float, float]:
    """Steepness (inner end up), height and bend of a brow."""
    inner, outer, bend = (
        getattr(seen, f"brow_{part}_{side}") - getattr(rest, f"brow_{part}_{side}")
        for part in ("inner", "outer", "bend")
    )
    inner, outer = inner / BROW_INNER_UP_MM, outer / BROW_OUTER_UP_MM
    return inner - outer, (inner + outer) / 2.0, bend / BEND_MM
