"""Both eyes of one face, as the eye network reads them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facetrack.types.frame import Floats

MAX_COVERED = 0.5
"""Probability of being covered above which an eye counts as not seen."""


@dataclass(frozen=True, slots=True, eq=False)
class EyesReading:
    """Both eyes of one face as the eye network sees them; row 0 the person's right eye, row 1 the left.

    contour: (2, 6, 2) float32 px in the frame, the eye's points of the 68 in their order (36-41, 42-47)
    contour_sigma: (2, 6) px
    iris: (2, 2) px, centre; iris_radius: (2,) px; iris_sigma: (2,) px
    gap: (2,) lid gap over eye width (distance of the corners), 0 shut; gap_sigma: (2,)
    state: (2, 3) probabilities of open, lowered, shut
    covered: (2,) probability that the eye cannot be seen (hand, hair, dark glasses, glare, turned away)
    gaze: (2, 2) x, y of the unit vector of the look in the picture's axes, the line of sight to the eye as z;
        gaze_sigma: (2,). NaN where nobody gives them
    """

    contour: Floats
    contour_sigma: Floats
    iris: Floats
    iris_radius: Floats
    iris_sigma: Floats
    gap: Floats
    gap_sigma: Floats
    state: Floats
    covered: Floats
    gaze: Floats = field(default_factory=lambda: np.full((2, 2), np.nan, np.float32))
    gaze_sigma: Floats = field(default_factory=lambda: np.full(2, np.nan, np.float32))


@dataclass(frozen=True, slots=True)
class EyeGaze:
    """Direction in which one eye looks, in the head's axes, with the signs of `Pose`.

    yaw_deg: positive towards the picture's right of a head that faces the camera. pitch_deg: positive up.
    sigma_deg: one standard deviation of either, without what all pictures of a person have in common.
    """

    yaw_deg: float
    pitch_deg: float
    sigma_deg: float
