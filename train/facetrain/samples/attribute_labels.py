"""What is known of a face's eyes, mouth, smile, glasses and pose, from its labels and its points: 0..1, and NaN where
nothing is known, or not for sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.angles import euler_deg, rotation_from_deg
from facetrack.modelfile import ATTRIBUTES, POSE_ANGLES
from facetrack.pose import head_pose
from facetrack.signals import eye_aspect_ratios, mouth_opening
from facetrack.types import Floats
from facetrain.sample import Sample

COLUMN = {name: index for index, name in enumerate(ATTRIBUTES)}
EYES = ("eye_right_open", "eye_left_open")
CLEARLY_OPEN, CLEARLY_CLOSED = 0.22, 0.07
"""Eye aspect ratios of labelled points beyond which an eye is open or closed for sure; in between it is unknown."""
SHUT_MOUTH, WIDE_MOUTH = 0.05, 0.35
"""mouth_open rises from 0 to 1 between these openings (`signals.mouth_opening`)."""
SMILES = {"happiness": 1.0, "happy": 1.0} | dict.fromkeys(("neutral", "anger", "sadness", "fear", "disgust"), 0.0)
SMILE_TRUST = {"genki4k": 1.0, "expressions": 0.3}
SMILE_TRUST_ELSE = 0.1
"""Weight of a set's smiles in training. GENKI-4K was made for smiles; to be happy, as faces of the expressions are, is
not quite the same; and MTFL calls other faces smiling: heads trained on GENKI-4K alone are right in 74 % of them."""
FOCAL = 4.0
"""Focal length of a crop's camera in crop sides, for the pose from points: a face of 16 cm fills the crop's inner part
at some 80 cm. Farther or nearer hardly changes angles that are relative to the line of sight."""
LIDS = "lids"
"""The faces of all sets whose lids somebody read."""
POINT_LABEL_SOURCES = ("helen_train", "ytfaces_train", "ytfaces_self", "expressions", "expressions_self", "heads", LIDS)
"""Sets whose points are good enough to say how far the mouth is open."""
LID_LABEL_SOURCES = ("helen_train", "ytfaces_train", "expressions", "heads")
"""Sets whose points are good enough to say whether an eye is. A landmark network's own are not: at a closed eye its
aspect ratio stays near .28 where an open one has .3. MediaPipe's mesh (expressions) follows the lids well."""

FULLY_OPEN = 0.7
"""Lid opening of a rendered head from which an eye counts as fully open."""
SEEN_SHARE = 0.6
"""Of an eye's outline; where less is seen, nobody can tell whether it is open."""


class AttributeLabels(NamedTuple):
    """attributes: (len(ATTRIBUTES),) 0..1, NaN where unknown. rotation: (3, 3) head to camera in the sample's picture,
    or None."""

    attributes: Floats
    rotation: NDArray[np.float64] | None


def known(sample: Sample) -> AttributeLabels:
    """What the sample's attributes and points say."""
    values = np.full(len(ATTRIBUTES), np.nan, np.float32)
    given = sample.attributes
    for name in ("smile", "glasses"):
        if name in given:
            values[COLUMN[name]] = float(given[name])
    if "emotion" in given:
        values[COLUMN["smile"]] = SMILES.get(str(given["emotion"]), np.nan)
    if sample.source in POINT_LABEL_SOURCES:
        values[COLUMN["mouth_open"]] = mouth_open(float(mouth_opening(sample.points)))
    if sample.source in LID_LABEL_SOURCES:
        values[[COLUMN[name] for name in EYES]] = eyes_open(sample.points)
    for name, side, outline in zip(EYES, ("right", "left"), (topology.RIGHT_EYE, topology.LEFT_EYE), strict=True):
        if f"lid_opening_{side}" in given:
            values[COLUMN[name]] = min(1.0, float(given[f"lid_opening_{side}"]) / FULLY_OPEN)
        if sample.visible is not None and sample.visible[list(outline)].mean() < SEEN_SHARE:
            values[COLUMN[name]] = np.nan
        if name in given:  # somebody looked at this very eye, and says so even where they cannot tell (NaN)
            values[COLUMN[name]] = float(given[name])
    return AttributeLabels(values, _rotation(given))


def smile_trust(sample: Sample) -> float:
    """Weight of its label by who gave it; the faces of `LIDS` have theirs from MTFL or the expressions."""
    giver = "expressions" if "emotion" in sample.attributes else sample.source
    return SMILE_TRUST.get(giver, SMILE_TRUST_ELSE)


def _rotation(given: Mapping[str, float | str]) -> NDArray[np.float64] | None:
    if not set(POSE_ANGLES) <= set(given):
        return None
    yaw, pitch, roll = (float(given[name]) for name in POSE_ANGLES)
    return rotation_from_deg(yaw, pitch, roll)


def eyes_open(points: Floats) -> Floats:
    """(68, 2) -> (2,) right, left: 1, 0 or NaN."""
    ratios = np.array(eye_aspect_ratios(points))
    clear = np.where(ratios > CLEARLY_OPEN, 1.0, np.where(ratios < CLEARLY_CLOSED, 0.0, np.nan))
    return clear.astype(np.float32)


def mouth_open(opening: float) -> float:
    """Inner lip gap over mouth width -> 0 shut to 1 wide open."""
    return float(np.clip((opening - SHUT_MOUTH) / (WIDE_MOUTH - SHUT_MOUTH), 0, 1))


def pose_deg(points: Floats, side_px: int) -> Floats:
    """(68, 2) crop px -> (3,) yaw, pitch, roll relative to the crop; NaN where the points fit no head."""
    pose = head_pose(points, (side_px, side_px), FOCAL * side_px)
    angles = (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) if pose is not None else (np.nan,) * 3
    return np.array(angles, np.float32)


def turned_deg(rotation: NDArray[np.float64], crop_roll_rad: float) -> Floats:
    """(3, 3) head to camera -> (3,) angles in a crop that is turned clockwise by `crop_roll_rad`."""
    cos, sin = np.cos(crop_roll_rad), np.sin(crop_roll_rad)
    back = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return np.array(euler_deg(back @ rotation), np.float32)
