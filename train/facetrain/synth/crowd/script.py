"""Scenes of the crowd clip as keyframed paths; positions are px of a 640x480 frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from facetrain.synth.crowd.truth import PRESENT_YAW_DEG, PROFILE_YAW_DEG

WIDTH, HEIGHT = SIZE = (640, 480)


@dataclass(frozen=True, slots=True)
class Key:
    """Keyframe of a face.

    x, y: centre of the points' bounding box in px.
    size_px: longer side of that box in the frontal view.
    yaw_deg: as in `facetrack.types.Pose`; photographs do not rotate.
    """

    time_s: float
    x: float
    y: float
    size_px: float = 100.0
    yaw_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Role:
    """Path of one person.

    keys: keyframes in time order, with smoothstep easing in between.
    rendered: a 3-D head, which can rotate; else a face cut from a photograph.
    sway_px, sway_deg: amplitudes of a slow sway added to the path.
    """

    keys: tuple[Key, ...]
    rendered: bool = False
    sway_px: float = 1.5
    sway_deg: float = 2.0


@dataclass(frozen=True, slots=True)
class Occluder:
    """Opaque rectangle of (width, height) px that occludes faces; its centre follows the keyframes."""

    keys: tuple[Key, ...]
    size: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scene:
    """Scene of a clip.

    layers: from back to front; a later layer occludes the earlier ones.
    present_yaw_deg: yaw beyond which a face need not be tracked.
    """

    name: str
    seconds: float
    layers: tuple[Role | Occluder, ...]
    present_yaw_deg: float = PRESENT_YAW_DEG

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(layer for layer in self.layers if isinstance(layer, Role))


def interpolate(keys: tuple[Key, ...], time_s: float) -> Key:
    """Interpolate the keyframes by smoothstep, sizes geometrically; constant before the first and after the last."""
    after = next((i for i, key in enumerate(keys) if key.time_s > time_s), len(keys))
    if after == 0 or after == len(keys):
        return replace(keys[min(after, len(keys) - 1)], time_s=time_s)
    low, high = keys[after - 1], keys[after]
    share = (time_s - low.time_s) / (high.time_s - low.time_s)
    share *= share * (3 - 2 * share)
    x, y, log_size, yaw = ((1 - share) * a + share * b for a, b in zip(_values(low), _values(high), strict=True))
    return Key(time_s, x, y, math.exp(log_size), yaw)


def _values(key: Key) -> tuple[float, float, float, float]:
    return key.x, key.y, math.log(key.size_px), key.yaw_deg


def script(with_heads: bool) -> tuple[Scene, ...]:
    """Return all scenes of the clip; `turning` only where there is a head model to render."""
    scenes = (crossing(), return_after_3_s(), exchange(), occlusion(), growing(), crowd(), fast())
    return (*scenes, turning()) if with_heads else scenes


def crossing() -> Scene:
    """Two people swap positions and return; the larger one passes in front of the other both times."""
    back = Role((Key(0.5, 510, 225, 95), Key(2.1, 130, 225, 95), Key(2.6, 130, 225, 95), Key(4.2, 510, 225, 95)))
    front = Role((Key(0.5, 130, 235, 110), Key(2.0, 510, 235, 110), Key(2.7, 510, 235, 110), Key(4.2, 130, 235, 110)))
    return Scene("crossing", 4.8, (back, front))


def return_after_3_s() -> Scene:
    """One person stays; the other leaves and returns at the same side, less than half in the frame for 3.0 s."""
    stays = Role((Key(0, 190, 240, 110),))
    leaves = Role((Key(1.0, 450, 230), Key(1.5, 760, 230), Key(4.1, 760, 230), Key(4.6, 450, 230)))
    return Scene("return", 5.6, (stays, leaves))


def exchange() -> Scene:
    """Two people leave on opposite sides and return after 3 s on swapped sides: only appearance identifies them."""
    left = (Key(1.0, 200, 235), Key(1.5, -120, 235), Key(2.0, -120, -300), Key(3.4, 760, -300), Key(3.8, 760, 235))
    right = (Key(1.0, 440, 235), Key(1.5, 760, 235), Key(2.0, 760, 800), Key(3.4, -120, 800), Key(3.8, -120, 235))
    into_right, into_left = (Key(4.1, 760, 235), Key(4.6, 440, 235)), (Key(4.1, -120, 235), Key(4.6, 200, 235))
    return Scene("exchange", 5.6, (Role(left + into_right), Role(right + into_left)))


def occlusion() -> Scene:
    """One rectangle occludes a face for 1.4 s; another occludes the mouth of the second face."""
    faces = Role((Key(0, 200, 235, 120),)), Role((Key(0, 460, 230, 110),))
    full = Occluder((Key(0.8, -140, 240), Key(1.2, 200, 240), Key(2.6, 200, 240), Key(3.0, -140, 240)), (200, 300))
    half = Occluder((Key(1.0, 460, 560), Key(1.4, 460, 325), Key(3.0, 460, 325), Key(3.4, 460, 560)), (150, 150))
    return Scene("covered", 4.2, (*faces, full, half))


def growing() -> Scene:
    """One face grows from 24 px to 280 px and shrinks again; another stays small."""
    small = Role((Key(0, 90, 90, 48),))
    grows = Role((Key(0.3, 385, 240, 24), Key(1.9, 385, 250, 280), Key(2.2, 385, 250, 280), Key(3.4, 385, 240, 60)))
    return Scene("growing", 4.0, (small, grows))


def crowd() -> Scene:
    """Six people stand; a seventh walks past in front of the upper three."""
    walker = Role((Key(0.4, -80, 150, 95), Key(3.6, 720, 150, 95)))
    return Scene("crowd", 4.2, (*standing(6, 72), walker))


def standing(count: int, size_px: float) -> tuple[Role, ...]:
    """Return people in rows, each swaying on the spot."""
    columns = math.ceil(math.sqrt(count * WIDTH / HEIGHT))
    rows = math.ceil(count / columns)
    places = [((i % columns + 0.5) * WIDTH / columns, (i // columns + 0.55) * HEIGHT / rows) for i in range(count)]
    return tuple(Role((Key(0, x, y, size_px),), sway_px=4.0) for x, y in places)


def fast() -> Scene:
    """One face moves 380 px sideways in .3 s repeatedly; the other nods.

    At 30 frames per second that is up to 60 px, over half a face, per frame.
    """
    sides, jumps = (130.0, 510.0), []
    for i in range(4):
        start_s = 0.5 + 0.75 * i
        jumps += [Key(start_s, sides[i % 2], 150, 110), Key(start_s + 0.3, sides[1 - i % 2], 150, 110)]
    nods = tuple(Key(0.4 * i, 320, (350.0, 425.0)[i % 2], 70) for i in range(10))
    return Scene("fast", 3.8, (Role(nods), Role(tuple(jumps))))


def turning() -> Scene:
    """Two rendered heads: one turns away until its face is invisible and back, the other turns to both sides."""
    away = [(0.6, 0), (1.6, 110), (2.4, 110), (3.4, 0)]
    sides = [(0.5, 0), (1.3, -45), (2.6, 45), (3.4, 0)]
    heads = ((190.0, away), (450.0, sides))
    return Scene(
        "turning",
        4.2,
        tuple(Role(tuple(Key(t, x, 240, 120, yaw) for t, yaw in way), rendered=True) for x, way in heads),
    )


def turns() -> tuple[Scene, ...]:
    """Return the scenes of the clip of turning heads, which are present up to PROFILE_YAW_DEG."""
    return profiles(), backs(), passing_in_profile()


def profiles() -> Scene:
    """One head turns to both profiles and back, the other, a photograph, looks on."""
    way = [(0.8, 0), (1.6, 90), (2.2, 90), (3.4, -90), (4.0, -90), (4.8, 0)]
    turns = Role(tuple(Key(t, 190, 240, 120, yaw) for t, yaw in way), rendered=True)
    return Scene("profiles", 5.6, (turns, Role((Key(0, 460, 230, 110),))), PROFILE_YAW_DEG)


def backs() -> Scene:
    """Two heads show their backs for two seconds; one of them walks meanwhile."""
    away = [(0.8, 0), (1.6, 180), (3.6, 180), (4.4, 0)]
    stays = Role(tuple(Key(t, 170, 240, 120, yaw) for t, yaw in away), rendered=True)
    walks = Role(
        tuple(Key(t, x, 235, 115, -yaw) for (t, yaw), x in zip(away, (500, 500, 400, 400), strict=True)), rendered=True
    )
    return Scene("backs", 5.6, (stays, walks), PROFILE_YAW_DEG)


def passing_in_profile() -> Scene:
    """One head walks past two others in profile and turns to the camera at the end."""
    others = Role((Key(0, 200, 190, 90),)), Role((Key(0, 430, 190, 90),))
    way = [(0.6, 90, 0), (1.2, 90, 85), (3.2, 550, 85), (4.0, 550, 0)]
    walks = Role(tuple(Key(t, x, 300, 110, yaw) for t, x, yaw in way), rendered=True)
    return Scene("passing", 4.8, (*others, walks), PROFILE_YAW_DEG)


def sway(role: Role, rng: np.random.Generator, times_s: np.ndarray) -> np.ndarray:
    """Return the (N, 3) sway of a role at each time: x and y in px, roll in degrees."""
    hertz, phase = rng.uniform(0.2, 0.7, 3), rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * hertz * times_s[:, None] + phase)
    return waves * [role.sway_px, role.sway_px, role.sway_deg]
