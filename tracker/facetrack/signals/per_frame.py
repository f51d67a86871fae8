"""Measurements of one frame from its points and the network; unknown where the head's pose forbids one."""

from __future__ import annotations

import math
from collections.abc import Mapping

from facetrack.signals.eyes.openness import eye_aspect_ratios
from facetrack.signals.mouth.openness import mouth_opening
from facetrack.signals.observation import NO_ATTRIBUTES, NOTHING, FrameMeasures
from facetrack.types import Floats, Pose

FAR_EYE_MAX_YAW_DEG = 25.0
"""Past 20-25 degrees of yaw the eye aspect ratio of the eye turned away is unreliable: tracky-mouse#98 sees blinks that
are none from 20 degrees on, and the eye lies on the side of the head, where its width shrinks fastest."""
NEAR_EYE_MAX_YAW_DEG = 45.0
MAX_PITCH_DEG = 30.0
"""Choices of this project: past these, foreshortening (cos 45 = .71, cos 30 = .87) and the lids' own curve change the
ratios of a still face by more than a half-closed eye or a slightly opened mouth would."""


def measure(points: Floats, pose: Pose | None, attributes: Mapping[str, float] = NO_ATTRIBUTES) -> FrameMeasures:
    """Measure (68, 2) px points, given the head's pose.

    attributes: what the network reads off the picture, by the names of `modelfile.ATTRIBUTES`. What it says of an eye
    counts as long as the eye's aspect ratio would, and the rest as long as the mouth's opening.
    Without a pose nothing is known: points that fit no head measure nothing. A head that turns to the picture's right
    (yaw > 0) takes the person's left eye away from the camera.
    """
    return measure_viewed(points, None if pose is None else viewed_from_deg(pose), attributes)


def measure_viewed(
    points: Floats, viewed_deg: tuple[float, float] | None, attributes: Mapping[str, float] = NO_ATTRIBUTES
) -> FrameMeasures:
    """Measure as `measure` does, given the head's (yaw, pitch) against the line of sight; None without a pose."""
    if viewed_deg is None:
        return NOTHING
    yaw_deg, pitch_deg = viewed_deg
    turned = abs(yaw_deg)
    if abs(pitch_deg) > MAX_PITCH_DEG:
        return NOTHING
    right, left = eye_aspect_ratios(points)
    right_seen, left_seen = turned <= _limit(is_far=yaw_deg < 0), turned <= _limit(is_far=yaw_deg > 0)
    face_seen = turned <= NEAR_EYE_MAX_YAW_DEG
    return FrameMeasures(
        _known(right) if right_seen else None,
        _known(left) if left_seen else None,
        _known(mouth_opening(points)) if face_seen else None,
        attributes.get("eye_right_open") if right_seen else None,
        attributes.get("eye_left_open") if left_seen else None,
        attributes.get("mouth_open") if face_seen else None,
        attributes.get("smile") if face_seen else None,
        attributes.get("glasses") if face_seen else None,
    )


def viewed_from_deg(pose: Pose) -> tuple[float, float]:
    """(yaw, pitch) of the head against the line of sight to it, with the signs of Pose.

    What is foreshortened depends on where the camera stands as the head sees it, and so for a face near the picture's
    edge not on the angles to the optical axis, which Pose holds.
    """
    a, b, c = pose.translation_mm.tolist()
    # The direction to the camera, -t, in the head's own axes: its scalar products with the rotation's columns.
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = pose.rotation.tolist()
    x = -(r00 * a + r10 * b + r20 * c)
    y = -(r01 * a + r11 * b + r21 * c)
    z = -(r02 * a + r12 * b + r22 * c)
    return math.degrees(math.atan2(-x, -z)), math.degrees(math.atan2(y, math.hypot(x, z)))


def _limit(is_far: bool) -> float:
    return FAR_EYE_MAX_YAW_DEG if is_far else NEAR_EYE_MAX_YAW_DEG


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
