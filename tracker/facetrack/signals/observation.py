"""Input of the signals: one face in one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from facetrack.types import EyeGaze, EyesReading, Floats, Pose

NO_ATTRIBUTES: Mapping[str, float] = MappingProxyType({})
MAX_GAP_S = 0.25
"""Between two observations further apart than this nothing is known: what was going on is dropped, never ended. A
choice of this project: two steps of the slowest rate that is served (10 per second), and shorter than most blinks with
what leads in and out of them, so that hardly one can hide in it unseen."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One face in one frame in which it was seen.

    time_s: the frame's; strictly increasing from one observation of a face to the next.
    points: (68, 2) float32 px, smoothed. sigma: (68,) float32 px, one standard deviation of each.
    pose: None where it is unknown.
    attributes: what the network reads off the picture, by the names of `modelfile.ATTRIBUTES`; empty from a network
        that reads nothing.
    presence: 0..1, the network's belief that this is a face.
    visibility: (68,) 0..1 of each point; None from a network without it.
    eyes: both eyes as an eye network sees them; None without one, or where it saw nothing.
    gaze: where the right and the left eye look in the head (`facetrack.gaze`); None for one that does not tell.
    """

    time_s: float
    points: Floats
    sigma: Floats
    pose: Pose | None = None
    attributes: Mapping[str, float] = field(default_factory=lambda: NO_ATTRIBUTES)
    presence: float = 1.0
    visibility: Floats | None = None
    eyes: EyesReading | None = None
    gaze: tuple[EyeGaze | None, EyeGaze | None] = (None, None)


@dataclass(frozen=True, slots=True)
class FrameMeasures:
    """Measurements of one frame by themselves; None for what cannot be seen well enough.

    right_aspect_ratio, left_aspect_ratio: of the person's eyes (see `eyes.eye_aspect_ratios`).
    mouth_aspect_ratio: see `mouth.mouth_opening`.
    mouth_open_prob, smile_prob, glasses_prob: 0..1 as the network reads them.
    """

    right_aspect_ratio: float | None = None
    left_aspect_ratio: float | None = None
    mouth_aspect_ratio: float | None = None
    mouth_open_prob: float | None = None
    smile_prob: float | None = None
    glasses_prob: float | None = None


NOTHING = FrameMeasures()
"""Measures of a face of which nothing can be measured."""
