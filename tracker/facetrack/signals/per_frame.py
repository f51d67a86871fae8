"""Measurements of one frame from its points and the network; unknown where the head's pose forbids one."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facetrack import compiled
from facetrack.signals.eyes.openness import eye_aspect_ratios
from facetrack.signals.mouth.openness import INSIDE, LIPS, mouth_opening
from facetrack.signals.observation import NO_ATTRIBUTES, NOTHING, FrameMeasures
from facetrack.topology import EAR_LEFT, EAR_RIGHT
from facetrack.types import Floats, Pose

_RIGHT, _LEFT = np.array(EAR_RIGHT), np.array(EAR_LEFT)

FAR_EYE_MAX_YAW_DEG = 25.0
"""Past 20-25 degrees of yaw the eye aspect ratio of the eye turned away is unreliable: tracky-mouse#98 sees blinks that
are none from 20 degrees on, and the eye lies on the side of the head, where its width shrinks fastest."""
NEAR_EYE_MAX_YAW_DEG = 45.0
MAX_PITCH_DEG = 30.0
"""Choices of this project: past these, foreshortening (cos 45 = .71, cos 30 = .87) and the lids' own curve change the
ratios of a still face by more than a half-closed eye or a slightly opened mouth would."""
SEEN_MAX_YAW_DEG = 60.0
"""The same of the near eye and the mouth where the network says that their points are visible."""
LEAST_VISIBLE = 0.5
"""Mean visibility of an eye's or the lips' points below which they are covered or turned away."""
EYE_OUTWARD_DEG = 15.0
MOUTH_NEARER = 0.1
"""The eye's plane looks outward from the face, and the mouth's near half is nearer and curved: on twelve heads of ICT's
model at a metre's distance the near eye's aspect ratio grows with the yaw as cos 15 / cos(yaw - 15), to 1.13 at 45 and
1.55 at 65 degrees, the mouth's as 1 / (cos yaw - .1 sin yaw), to 1.58 and 2.75, whatever their opening."""


def measure(
    points: Floats,
    pose: Pose | None,
    attributes: Mapping[str, float] = NO_ATTRIBUTES,
    visibility: Floats | None = None,
) -> FrameMeasures:
    """Measure (68, 2) px points, given the head's pose.

    visibility: (68,) 0..1 of each point, where the network tells it: then a covered eye or mouth is unknown, and the
        near eye and the mouth are known up to SEEN_MAX_YAW_DEG. Both ratios are corrected for their foreshortening.

    attributes: what the network reads off the picture, by the names of `modelfile.ATTRIBUTES`; it counts as long
    as the mouth's opening would.
    Without a pose nothing is known: points that fit no head measure nothing. A head that turns to the picture's right
    (yaw > 0) takes the person's left eye away from the camera.
    """
    return measure_viewed(points, None if pose is None else viewed_from_deg(pose), attributes, visibility)


def measure_viewed(
    points: Floats,
    viewed_deg: tuple[float, float] | None,
    attributes: Mapping[str, float] = NO_ATTRIBUTES,
    visibility: Floats | None = None,
) -> FrameMeasures:
    """Measure as `measure` does, given the head's (yaw, pitch) against the line of sight; None without a pose."""
    if viewed_deg is None:
        return NOTHING
    yaw_deg, pitch_deg = viewed_deg
    turned = abs(yaw_deg)
    if abs(pitch_deg) > MAX_PITCH_DEG:
        return NOTHING
    right, left, opening, *visible = _ratios(points, visibility)
    near = NEAR_EYE_MAX_YAW_DEG if visibility is None else SEEN_MAX_YAW_DEG
    right_seen = turned <= (FAR_EYE_MAX_YAW_DEG if yaw_deg < 0 else near) and visible[0] >= LEAST_VISIBLE
    left_seen = turned <= (FAR_EYE_MAX_YAW_DEG if yaw_deg > 0 else near) and visible[1] >= LEAST_VISIBLE
    face_seen = turned <= near and visible[2] >= LEAST_VISIBLE
    narrowing = _eye_narrowing(turned)
    right, left = (right * narrowing, left) if yaw_deg > 0 else (right, left * narrowing)
    return FrameMeasures(
        _known(right) if right_seen else None,
        _known(left) if left_seen else None,
        _known(opening * _mouth_narrowing(turned)) if face_seen else None,
        attributes.get("mouth_open") if face_seen else None,
        attributes.get("smile") if face_seen else None,
        attributes.get("glasses") if turned <= NEAR_EYE_MAX_YAW_DEG else None,
    )


def _ratios(points: Floats, visibility: Floats | None) -> tuple[float, ...]:
    """Return the right and the left eye's aspect ratio, the mouth's opening, and how visible each of the three is."""
    if compiled.kernels is not None:
        return compiled.kernels.ratios(points, visibility, _RIGHT, _LEFT, INSIDE, LIPS)
    visible = (mean_visibility(visibility, part) for part in (_RIGHT, _LEFT, LIPS))
    return (*eye_aspect_ratios(points), mouth_opening(points), *visible)


def viewed_from_deg(pose: Pose) -> tuple[float, float]:
    """(yaw, pitch) of the head against the line of sight to it, with the signs of Pose.

    What is foreshortened depends on where the camera stands as the head sees it, and so for a face near the picture's
    edge not on the angles to the optical axis, which Pose holds.
    """
    if compiled.kernels is not None:
        return compiled.kernels.viewed_deg(pose.rotation, pose.translation_mm)
    a, b, c = pose.translation_mm.tolist()
    # The direction to the camera, -t, in the head's own axes: its scalar products with the rotation's columns.
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = pose.rotation.tolist()
    x = -(r00 * a + r10 * b + r20 * c)
    y = -(r01 * a + r11 * b + r21 * c)
    z = -(r02 * a + r12 * b + r22 * c)
    return math.degrees(math.atan2(-x, -z)), math.degrees(math.atan2(y, math.hypot(x, z)))


def mean_visibility(visibility: Floats | None, indices: NDArray[np.intp]) -> float:
    """Return these points' mean visibility, 0..1; 1 for a network that does not tell."""
    return 1.0 if visibility is None else float(np.add.reduce(visibility.take(indices))) / len(indices)


def _eye_narrowing(turned_deg: float) -> float:
    """Return the near eye's width at this yaw over its frontal width; see EYE_OUTWARD_DEG."""
    outward = math.radians(EYE_OUTWARD_DEG)
    return min(math.cos(math.radians(turned_deg) - outward) / math.cos(outward), 1.0)


def _mouth_narrowing(turned_deg: float) -> float:
    """Return the same of the mouth's width; see MOUTH_NEARER."""
    turned = math.radians(turned_deg)
    return max(math.cos(turned) - MOUTH_NEARER * math.sin(turned), 0.1)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
