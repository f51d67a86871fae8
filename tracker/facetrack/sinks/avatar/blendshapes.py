"""ARKit's blendshapes, as far as points and signals carry them; docs/apps/blendshapes.md has each formula."""

from __future__ import annotations

from facetrack.sinks.avatar.looks import eyes_deg
from facetrack.sinks.avatar.measures import Measures
from facetrack.types import Face

BROW_INNER_UP_MM, BROW_OUTER_UP_MM, BROW_DOWN_MM = 5.2, 6.4, 4.0
INNER_BY_OUTER_MM = 3.5
EYE_WIDE = 0.33
CHIN_DOWN_MM = 27.0
CORNER_UP_MM, FROWN_MM, CORNER_BY_JAW_MM = 10.2, 4.2, 11.9
PUCKER_MM, FUNNEL_MM, FUNNEL_GAP_MM, STRETCH_MM, WIDTH_BY_SMILE_MM, WIDTH_BY_JAW_MM = 9.3, 5.9, 13.7, 13.2, 14.2, 5.7
MOUTH_BY_MOUTH_MM, MOUTH_BY_JAW_MM, CHIN_BY_JAW_MM, CHIN_BY_MOUTH_MM = 7.8, 3.8, 7.7, -4.7
"""How far the blendshapes of ICT-FaceKit (Li et al., CVPR 2020), whose names are ARKit's, move these lengths of its
mean face (see `measures.Measures`) when they are at 1, FUNNEL_MM less what its chin adds; EYE_WIDE is a share of the
eye's aspect ratio. BROW_DOWN_MM is 2.5 there and larger here, since landmarks jitter by a third of that."""
DEAD = 0.15
"""Share of that way that counts as none: the points of a still face move as far."""
EYE_REACH_DEG = (30.0, 25.0)
"""Turn of an eye in its socket, sideways and up or down, at which a look is 1: a choice of this project."""


def blendshapes(face: Face, seen: Measures | None = None, rest: Measures | None = None) -> dict[str, float]:
    """Return the blendshapes of a face by ARKit's names, 0..1; what cannot be known is absent.

    seen, rest: `measures` of the face in this frame and at rest; without them, only what the signals say. What the
    blendshape network predicts (`signals.blendshapes`) takes the place of a formula's value; but not a known eye's
    openness: the network's teacher seldom says more than .7 of a shut eye.
    """
    found = _from_signals(face)
    if seen is not None and rest is not None:
        found |= _brows(face, seen, rest)
        if face.signals.mouth.openness is not None:
            found |= _mouth(face, seen, rest)
    predicted = dict(face.signals.blendshapes or {})
    lids = {name: value for name, value in found.items() if name.startswith("eyeBlink")}
    return found | predicted | lids


def _from_signals(face: Face) -> dict[str, float]:
    signals, found = face.signals, {}
    for side, eye in (("Left", signals.eyes.left), ("Right", signals.eyes.right)):
        if eye.openness is not None:
            found[f"eyeBlink{side}"] = 1.0 - eye.openness
        if signals.smile.eye_narrowing is not None:
            found[f"eyeSquint{side}"] = found[f"cheekSquint{side}"] = signals.smile.eye_narrowing
        if signals.smile.prob is not None:
            found[f"mouthSmile{side}"] = signals.smile.prob
    if signals.mouth.openness is not None:
        found["jawOpen"] = signals.mouth.openness
    return found | _looks(face)


def _looks(face: Face) -> dict[str, float]:
    """Find where the eyes look, where the gaze is read from them and not from the head alone."""
    eyes = eyes_deg(face)
    if eyes is None:
        return {}
    left, up = (angle / reach for angle, reach in zip(eyes, EYE_REACH_DEG, strict=True))
    found = {f"eyeLookUp{side}": _share(up, 1.0, 0.0) for side in ("Left", "Right")}
    found |= {f"eyeLookDown{side}": _share(-up, 1.0, 0.0) for side in ("Left", "Right")}
    found |= {name: _share(left, 1.0, 0.0) for name in ("eyeLookOutLeft", "eyeLookInRight")}
    return found | {name: _share(-left, 1.0, 0.0) for name in ("eyeLookInLeft", "eyeLookOutRight")}


def _brows(face: Face, seen: Measures, rest: Measures) -> dict[str, float]:
    found, inner_up = {}, 0.0
    sides = (
        ("Left", seen.brow_inner_left - rest.brow_inner_left, seen.brow_outer_left - rest.brow_outer_left,
         seen.eye_left, rest.eye_left),
        ("Right", seen.brow_inner_right - rest.brow_inner_right, seen.brow_outer_right - rest.brow_outer_right,
         seen.eye_right, rest.eye_right),
    )  # fmt: skip
    for side, inner_mm, outer_mm, eye, eye_at_rest in sides:
        outer = found[f"browOuterUp{side}"] = _share(outer_mm, BROW_OUTER_UP_MM)
        found[f"browDown{side}"] = _share(-inner_mm, BROW_DOWN_MM)
        inner_up += _share(inner_mm - INNER_BY_OUTER_MM * outer, BROW_INNER_UP_MM) / 2.0
        if eye is not None and eye_at_rest is not None and eye_at_rest > 0.0:
            found[f"eyeWide{side}"] = _share(eye / eye_at_rest - 1.0, EYE_WIDE)
    found["browInnerUp"] = inner_up
    return found


def _mouth(face: Face, seen: Measures, rest: Measures) -> dict[str, float]:
    opened_mm = max(seen.gap - rest.gap, 0.0)
    jaw = min(max((seen.chin - rest.chin) / CHIN_DOWN_MM, 0.0), 1.0)
    smile = face.signals.smile.prob or 0.0
    left_mm = seen.corner_left - rest.corner_left + CORNER_BY_JAW_MM * jaw
    right_mm = seen.corner_right - rest.corner_right + CORNER_BY_JAW_MM * jaw
    tilt = max(-1.0, min(1.0, (left_mm - right_mm) / CORNER_UP_MM))
    wider_mm = seen.width - rest.width + WIDTH_BY_JAW_MM * jaw
    funnel = min(opened_mm / FUNNEL_GAP_MM, 1.0)
    narrow = _share(-wider_mm, PUCKER_MM + (FUNNEL_MM - PUCKER_MM) * funnel)
    stretch = _share(wider_mm - WIDTH_BY_SMILE_MM * smile, STRETCH_MM)
    found = {
        "mouthFrownLeft": _share(-left_mm, FROWN_MM) * (1.0 - smile),
        "mouthFrownRight": _share(-right_mm, FROWN_MM) * (1.0 - smile),
        "mouthPucker": narrow * (1.0 - funnel),
        "mouthFunnel": narrow * funnel,
        "mouthStretchLeft": stretch,
        "mouthStretchRight": stretch,
    }
    if face.signals.smile.prob is not None:
        found["mouthSmileLeft"] = smile * min(1.0, 1.0 + tilt)
        found["mouthSmileRight"] = smile * min(1.0, 1.0 - tilt)
    return found | _sideways(seen.mouth_x - rest.mouth_x, seen.chin_x - rest.chin_x)


def _sideways(mouth_mm: float, chin_mm: float) -> dict[str, float]:
    """Jaw and mouth to the person's left, from two lengths that both change: two linear equations."""
    scale = MOUTH_BY_JAW_MM * CHIN_BY_MOUTH_MM - MOUTH_BY_MOUTH_MM * CHIN_BY_JAW_MM
    jaw = (CHIN_BY_MOUTH_MM * mouth_mm - MOUTH_BY_MOUTH_MM * chin_mm) / scale
    mouth = (MOUTH_BY_JAW_MM * chin_mm - CHIN_BY_JAW_MM * mouth_mm) / scale
    return {
        "jawLeft": _share(jaw, 1.0), "jawRight": _share(-jaw, 1.0),
        "mouthLeft": _share(mouth, 1.0), "mouthRight": _share(-mouth, 1.0),
    }  # fmt: skip


def _share(way: float, full: float, dead: float = DEAD) -> float:
    """How much of the full way, 0..1, beyond the dead part of it."""
    return min(max((way / full - dead) / (1.0 - dead), 0.0), 1.0)
