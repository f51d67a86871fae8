"""Attribute labels of a face from its annotations and points: mouth, smile and glasses, 0..1.

NaN where a label is missing or uncertain.
"""

from __future__ import annotations

import numpy as np

from facetrack.modelfile import ATTRIBUTES
from facetrack.pose import head_pose
from facetrack.signals import mouth_opening
from facetrack.types import CameraModel, Floats
from facetrain.sample import Sample

COLUMN = {name: index for index, name in enumerate(ATTRIBUTES)}
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
POINT_LABEL_SOURCES = ("helen_train", "ytfaces_train", "ytfaces_self", "expressions", "expressions_self", "heads")
"""Data sets whose points are accurate enough to label the mouth opening."""


def labels_of(sample: Sample) -> Floats:
    """Return the labels that follow from the sample's attributes and points, (len(ATTRIBUTES),), NaN where unknown."""
    values = np.full(len(ATTRIBUTES), np.nan, np.float32)
    given = sample.attributes
    for name in ("smile", "glasses"):
        if name in given:
            values[COLUMN[name]] = float(given[name])
    if "emotion" in given:
        values[COLUMN["smile"]] = SMILES.get(str(given["emotion"]), np.nan)
    if sample.source in POINT_LABEL_SOURCES:
        values[COLUMN["mouth_open"]] = mouth_open(float(mouth_opening(sample.points)))
    return values


def smile_trust(sample: Sample) -> float:
    """Return the loss weight of the smile label by its origin; packs with emotions are those of the expressions."""
    origin = "expressions" if "emotion" in sample.attributes else sample.source
    return SMILE_TRUST.get(origin, SMILE_TRUST_ELSE)


def mouth_open(opening: float) -> float:
    """Map the inner lip gap over the mouth width to 0 (shut) .. 1 (wide open)."""
    return float(np.clip((opening - SHUT_MOUTH) / (WIDE_MOUTH - SHUT_MOUTH), 0, 1))


def pose_deg(points: Floats, side_px: int) -> Floats:
    """Return (3,) yaw, pitch, roll relative to the crop from (68, 2) crop px; NaN where no head pose fits."""
    pose = head_pose(points, (side_px, side_px), CameraModel(fx=FOCAL * side_px))
    angles = (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) if pose is not None else (np.nan,) * 3
    return np.array(angles, np.float32)
