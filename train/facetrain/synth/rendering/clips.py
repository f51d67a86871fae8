"""Clips of a scripted head: turning, blinking, yawning, or still with sensor noise.

A script gives the head's state at any time, so a clip has the same ground truth at every frame rate.
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
"""Maps time in s to the head's state."""

CLOSING_S, OPENING_S = 0.08, 0.16
"""Durations of the lids' closing before and opening after a blink's closure: opening is the slower half (Evinger et
al., Eyelid movements, Invest. Ophthalmol. Vis. Sci. 1991)."""


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """Person, light, background and camera of a clip.

    canvas: the skin map of the look, painted once.
    """

    rest: HeadState
    look: Look
    style: Style
    light: Light
    camera: Camera
    background: Image
    canvas: Floats

    def rendered(self, renderer: Renderer, state: HeadState) -> tuple[Image, HeadTruth]:
        """Render the actor in another state than at rest, with its ground truth."""
        return renderer.render(state, self.look, self.style, self.light, self.camera, self.background, self.canvas)


def random_actor(model: HeadModel, seed: int, size: tuple[int, int] = (320, 240), distance_cm: float = 55.0) -> Actor:
    """Return a random person at rest in the middle of a webcam's view (60 degrees wide as in `facetrack.pose`)."""
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
    """Render frames at times index / fps with their ground truth.

    noise_sigma: standard deviation of the sensor noise in grey levels.
    """
    rng = np.random.default_rng(seed)
    for index in range(round(fps * seconds)):
        time_s = index / fps
        image, truth = actor.rendered(renderer, script(time_s))
        if noise_sigma > 0:
            noisy = image + noise_sigma * rng.standard_normal(image.shape, np.float32)
            image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        yield Frame(image, time_s=time_s, index=index), truth


def still(actor: Actor) -> Script:
    return lambda time_s: actor.rest


def turning(actor: Actor, speed_deg_s: float, reach_deg: float = 45.0) -> Script:
    """Return a script of periodic yaw from 0 to +reach, to -reach and back, at constant speed."""

    def state(time_s: float) -> HeadState:
        phase = (speed_deg_s * time_s / reach_deg) % 4.0
        yaw = reach_deg * (phase if phase < 1 else 2 - phase if phase < 3 else phase - 4)
        return replace(actor.rest, yaw_deg=actor.rest.yaw_deg + yaw)

    return state


def blinking(actor: Actor, model: HeadModel, closures: Sequence[tuple[float, float]]) -> Script:
    """Return a blink script.

    closures: (start, end) in s between which both lids are exactly closed; the lids move only CLOSING_S before and
    OPENING_S after.
    """
    right, left = closing_blink(model, actor.rest.identity)

    def state(time_s: float) -> HeadState:
        shut = max((lid_closure(time_s, start, end) for start, end in closures), default=0.0)
        lids = {"eyeBlink_R": shut * right, "eyeBlink_L": shut * left}
        return replace(actor.rest, expression={**actor.rest.expression, **lids})

    return state


def lid_closure(time_s: float, start_s: float, end_s: float) -> float:
    """Return the closure at a time: 1 from start to end, with linear flanks to 0 (open) around it."""
    return float(np.interp(time_s, [start_s - CLOSING_S, start_s, end_s, end_s + OPENING_S], [0, 1, 1, 0]))


def yawning(actor: Actor, start_s: float, duration_s: float = 4.0) -> Script:
    """Return a yawn script: the jaw falls over 40 % of the time, stays for 30 % and rises; the eyes squint."""

    def state(time_s: float) -> HeadState:
        share = (time_s - start_s) / duration_s
        opened = float(np.interp(share, [0, 0.4, 0.7, 1], [0, 1, 1, 0]))
        expression = {"jawOpen": opened, "mouthFunnel": 0.2 * opened}
        expression |= {f"{name}_{side}": 0.5 * opened for name in ("eyeSquint", "eyeBlink") for side in "RL"}
        return replace(actor.rest, expression={**actor.rest.expression, **expression})

    return state
