"""The names of ARKit's 52 blendshapes, in the orders and spellings of the protocols. Left and right are the person's.

Apple, ARFaceAnchor.BlendShapeLocation; Unreal's Live Link Face counts them in another order and adds nine angles.
"""

from __future__ import annotations

SIDES = ("Left", "Right")


def _sides(*stems: str) -> tuple[str, ...]:
    return tuple(f"{stem}{side}" for stem in stems for side in SIDES)


_LOOKS = ("eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide")
LIVE_LINK_SHAPES = (
    *(f"{stem}Left" for stem in _LOOKS),
    *(f"{stem}Right" for stem in _LOOKS),
    *("jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker"),
    *("mouthLeft", "mouthRight", *_sides("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch")),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *_sides("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown"),
    *("browInnerUp", *_sides("browOuterUp"), "cheekPuff", *_sides("cheekSquint", "noseSneer"), "tongueOut"),
)
"""The 52 in the order of Live Link Face."""
LIVE_LINK_ANGLES = (
    *("headYaw", "headPitch", "headRoll", "leftEyeYaw", "leftEyePitch", "leftEyeRoll"),
    *("rightEyeYaw", "rightEyePitch", "rightEyeRoll"),
)
"""What follows them in a packet of Live Link Face."""
WHOLE_SIDEWAYS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
"""Names whose Left and Right are directions, not one of two sides."""


def pascal(name: str) -> str:
    """Return eyeBlinkLeft as EyeBlinkLeft, the spelling of Perfect Sync and Unreal."""
    return name[0].upper() + name[1:]


def underscored(name: str) -> str:
    """Return eyeBlinkLeft as eyeBlink_L, the spelling of iFacialMocap, which keeps directions such as jawLeft."""
    if name in WHOLE_SIDEWAYS:
        return name
    for side in SIDES:
        if name.endswith(side):
            return f"{name.removesuffix(side)}_{side[0]}"
    return name
