"""Clips of a head that follows a script: turning, blinking, yawning, or still under a sensor's noise.

A script gives the head's state at any time, so a clip has the same truth at every frame rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facetrack.types import Floats, Frame, Image
from facetrain.synth.rendering.accessories import Style, random_style
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.head_model import HeadModel
from facetrain.synth.rendering.light import Light, plain_light
from facetrain.synth.rendering.people import random_background, random_identity
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.skin import Look, paint, random_look
from facetrain.synth.rendering.truth import HeadState, HeadTruth, closing_blink

Script = Callable[[float], HeadState]
"""Time in s -> the head's state."""

CLOSING_S, OPENING_S = 0.08, 0.16
"""How long lids take to close before a blink's closure, and to open after it: opening is the slower half (Evinger et
al., Eyelid movements, Invest. Ophthalmol. Vis. Sci. 1991)."""


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """Who plays, in what light, before which background and camera; canvas: the painted map of the look."""

    rest: HeadState
    look: Look
    style: Style
    light: Light
    camera: Camera
    background: Image
    canvas: Floats


def random_actor(model: HeadModel, seed: int, size: tuple[int, int] = (320, 240), distance_cm: float = 55.0) -> Actor:
    """A person at rest in the middle of a webcam's picture (60 degrees wide, as `facetrack.pose` assumes)."""
    rng = np.random.default_rng(seed)
    focal = size[0] / 2 / np.tan(np.deg2rad(30))
    rest = HeadState(random_identity(model, rng), {}, translation_cm=(0.0, 0.0, distance_cm))
    look = random_look(rng)
    camera = Camera(float(focal), ((size[0] - 1) / 2, (size[1] - 1) / 2), size)
    background = random_background(rng, max(size))
    return Actor(rest, look, random_style(rng), plain_light(), camera, background, paint(model, look))


def play(
    renderer: Renderer,
    actor: Actor,
    script: Script,
    fps: float,
    seconds: float,
    noise_sigma: float = 0.0,
    seed: int = 0,
) -> Iterator[tuple[Frame, HeadTruth]]:
    """Frames at times index / fps and the truth of each. noise_sigma: a sensor's noise in grey levels."""
    rng = np.random.default_rng(seed)
    for index in range(round(fps * seconds)):
        time_s = index / fps
        image, truth = renderer.render(
            script(time_s), actor.look, actor.style, actor.light, actor.camera, actor.background, actor.canvas
        )
        if noise_sigma > 0:
            noisy = image + noise_sigma * rng.standard_normal(image.shape, np.float32)
            image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        yield Frame(image, time_s, index), truth


def still(actor: Actor) -> Script:
    return lambda time_s: actor.rest


def turning(actor: Actor, speed_deg_s: float, reach_deg: float = 45.0) -> Script:
    """From the front to +reach, to -reach and back, again and again, at an even speed."""

    def state(time_s: float) -> HeadState:
        phase = (speed_deg_s * time_s / reach_deg) % 4.0
        yaw = reach_deg * (phase if phase < 1 else 2 - phase if phase < 3 else phase - 4)
        return replace(actor.rest, yaw_deg=actor.rest.yaw_deg + yaw)

    return state


def blinking(actor: Actor, model: HeadModel, closures: Sequence[tuple[float, float]]) -> Script:
    """Both lids meet exactly from the start to the end of each closure in s, and move only CLOSING_S before it and
    OPENING_S after it."""
    right, left = closing_blink(model, actor.rest.identity)

    def state(time_s: float) -> HeadState:
        shut = max((lid_closure(time_s, start, end) for start, end in closures), default=0.0)
        lids = {"eyeBlink_R": shut * right, "eyeBlink_L": shut * left}
        return replace(actor.rest, expression={**actor.rest.expression, **lids})

    return state


def lid_closure(time_s: float, start_s: float, end_s: float) -> float:
    """0 open, 1 closed: 1 from start to end, with straight flanks around it."""
    return float(np.interp(time_s, [start_s - CLOSING_S, start_s, end_s, end_s + OPENING_S], [0, 1, 1, 0]))


def yawning(actor: Actor, start_s: float, duration_s: float = 4.0) -> Script:
    """The jaw falls over the first 40 % of the yawn, stays for 30 % and rises; the eyes squint with it."""

    def state(time_s: float) -> HeadState:
        share = (time_s - start_s) / duration_s
        opened = float(np.interp(share, [0, 0.4, 0.7, 1], [0, 1, 1, 0]))
        moved = {"jawOpen": opened, "mouthFunnel": 0.2 * opened}
        moved |= {f"{name}_{side}": 0.5 * opened for name in ("eyeSquint", "eyeBlink") for side in "RL"}
        return replace(actor.rest, expression={**actor.rest.expression, **moved})

    return state
