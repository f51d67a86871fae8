"""Attribute labels of a face from its annotations and points: eyes, mouth, smile, glasses (0..1) and pose.

NaN where a label is missing or uncertain.
"""

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
from facetrack.types import CameraModel, Floats
from facetrain.sample import Sample

COLUMN = {name: index for index, name in enumerate(ATTRIBUTES)}
EYES = ("eye_right_open", "eye_left_open")
CLEARLY_OPEN, CLEARLY_CLOSED = 0.22, 0.07
"""Eye aspect ratios of labelled points above and below which an eye is labelled open and closed; in between NaN."""
SHUT_MOUTH, WIDE_MOUTH = 0.05, 0.35
"""Mouth openings (`signals.mouth_opening`) between which the label mouth_open rises from 0 to 1."""
SMILES = {"happiness": 1.0, "happy": 1.0} | dict.fromkeys(("neutral", "anger", "sadness", "fear", "disgust"), 0.0)
SMILE_TRUST = {"genki4k": 1.0, "expressions": 0.3}
SMILE_TRUST_ELSE = 0.1
"""Loss weight of a data set's smile labels. GENKI-4K was made for smiles; happiness, as labelled in the expressions, is
not quite the same; and MTFL has another definition: heads trained on GENKI-4K alone agree with 74 % of its labels."""
FOCAL = 4.0
"""Focal length in crop sides for the pose from points: a face of 16 cm then fills the crop's inner part at some 80 cm.
Another distance hardly changes angles relative to the line of sight."""
LIDS = "lids"
"""Source name of the faces of all data sets whose eyelids were labelled manually."""
POINT_LABEL_SOURCES = ("helen_train", "ytfaces_train", "ytfaces_self", "expressions", "expressions_self", "heads", LIDS)
"""Data sets whose points are accurate enough to label the mouth opening."""
LID_LABEL_SOURCES = ("helen_train", "ytfaces_train", "expressions", "heads")
"""Data sets whose points are accurate enough to label eye closure. Pseudo-labels of a landmark network are not: their
aspect ratio of a closed eye stays near .28, of an open one .3. MediaPipe's mesh (expressions) follows the lids well."""

FULLY_OPEN = 0.7
"""Lid opening of a rendered head from which an eye is labelled fully open."""
MIN_VISIBLE_SHARE = 0.6
"""Visible share of an eye's outline points below which its state is unknown."""


class AttributeLabels(NamedTuple):
    """Attribute labels of one face.

    attributes: (len(ATTRIBUTES),) 0..1, NaN where unknown.
    rotation: (3, 3) head to camera in the sample's image, None where unknown.
    """

    attributes: Floats
    rotation: NDArray[np.float64] | None


def labels_of(sample: Sample) -> AttributeLabels:
    """Return the labels that follow from the sample's attributes and points."""
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
        if sample.visible is not None and sample.visible[list(outline)].mean() < MIN_VISIBLE_SHARE:
            values[COLUMN[name]] = np.nan
        if name in given:  # a manual label of this eye takes precedence, NaN (undecidable) included
            values[COLUMN[name]] = float(given[name])
    return AttributeLabels(values, _rotation(given))


def smile_trust(sample: Sample) -> float:
    """Return the loss weight of the smile label by its origin; faces of `LIDS` come from MTFL or the expressions."""
    origin = "expressions" if "emotion" in sample.attributes else sample.source
    return SMILE_TRUST.get(origin, SMILE_TRUST_ELSE)


def _rotation(given: Mapping[str, float | str]) -> NDArray[np.float64] | None:
    if not set(POSE_ANGLES) <= set(given):
        return None
    yaw, pitch, roll = (float(given[name]) for name in POSE_ANGLES)
    return rotation_from_deg(yaw, pitch, roll)


def eyes_open(points: Floats) -> Floats:
    """Label both eyes, (2,) right, left, from (68, 2) points: 1 open, 0 closed, NaN uncertain."""
    ratios = np.array(eye_aspect_ratios(points))
    labels = np.where(ratios > CLEARLY_OPEN, 1.0, np.where(ratios < CLEARLY_CLOSED, 0.0, np.nan))
    return labels.astype(np.float32)


def mouth_open(opening: float) -> float:
    """Map the inner lip gap over the mouth width to 0 (shut) .. 1 (wide open)."""
    return float(np.clip((opening - SHUT_MOUTH) / (WIDE_MOUTH - SHUT_MOUTH), 0, 1))


def pose_deg(points: Floats, side_px: int) -> Floats:
    """Return (3,) yaw, pitch, roll relative to the crop from (68, 2) crop px; NaN where no head pose fits."""
    pose = head_pose(points, (side_px, side_px), CameraModel(fx=FOCAL * side_px))
    angles = (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) if pose is not None else (np.nan,) * 3
    return np.array(angles, np.float32)


def turned_deg(rotation: NDArray[np.float64], crop_roll_rad: float) -> Floats:
    """Return the (3,) angles of a (3, 3) head-to-camera rotation in a crop turned clockwise by `crop_roll_rad`."""
    cos, sin = np.cos(crop_roll_rad), np.sin(crop_roll_rad)
    inverse_roll = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return np.array(euler_deg(inverse_roll @ rotation), np.float32)
