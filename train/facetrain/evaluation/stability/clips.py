"""Clips with exact ground truth to measure jitter and lag of tracked landmarks.

The bundled photograph: still with sensor noise, rotated as a relief, shifted in the image, blinking. A rendered head.
Labelled faces, still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats, Frame, Image
from facetrain.augment.webcam import sensor_noise
from facetrain.sample import Sample
from facetrain.synth.relief import EYE_PX, Relief

Array = NDArray[np.float64]
State = Callable[[float], tuple[Image, Floats]]
"""Function from the time, s, to an image (H, W, 3) uint8 BGR without noise and its ground truth points (68, 2) px."""

PERIOD_S = 2.4
"""Period of the motion: 1.2 s at constant speed one way, 1.2 s back."""
MOTION_S = 4.2
"""Duration of a clip with motion: one and three quarters of a period, so that every position is passed three times."""
BLINK_S, BLINK_EVERY_S, BLINK_START_S = 0.15, 0.71, 0.5
"""Duration of a blink, period of the blinks, and start of the blink in the period.

The period is no multiple of the frame time, so that each blink has another phase relative to the frames.
"""
NOISE = 5.0
"""Standard deviation of the sensor noise in grey levels, independent in every pixel, channel and frame."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Synthetic clip; figure: its metric, "jitter", "lag" or "blink". The metric is averaged over clips of one name."""

    name: str
    figure: str
    seconds: float
    state: State
    fps: float = 30.0
    noise: float = NOISE

    def __len__(self) -> int:
        return round(self.seconds * self.fps)

    def play(self, seed: int = 0) -> Iterator[tuple[Frame, Floats]]:
        """Yield the frames with noise, and the ground truth points (68, 2) px of each."""
        rng = np.random.default_rng(seed)
        for index in range(len(self)):
            image, points = self.state(index / self.fps)
            yield Frame(sensor_noise(image, self.noise, rng), time_s=index / self.fps, index=index), points


def triangle_wave(time_s: float, speed: float) -> float:
    """Return a triangle wave of period PERIOD_S and slopes +-speed: 0 at time 0, rising."""
    phase = (time_s / PERIOD_S + 0.25) % 1.0
    return speed * PERIOD_S * (0.25 - abs(phase - 0.5))


def photograph_clips(size: tuple[int, int] = (640, 480)) -> list[Clip]:
    """Return the clips made from the bundled photograph, in frames of (width, height) px."""
    relief = Relief(size)
    still = relief.still()

    def shifted(speed: float) -> State:
        def state(time_s: float) -> tuple[Image, Floats]:
            shift_px = triangle_wave(time_s, speed * relief.eye_px)
            return relief.still((0.8 * shift_px, 0.6 * shift_px))

        return state

    def turned(speed_deg_s: float) -> State:
        return lambda time_s: relief.turned(triangle_wave(time_s, speed_deg_s))

    return [
        Clip("jitter, noise 5", "jitter", 100 / 30, lambda _: still),
        Clip("jitter, noise 2", "jitter", 50 / 30, lambda _: still, noise=2.0),
        Clip("jitter, noise 10", "jitter", 50 / 30, lambda _: still, noise=10.0),
        Clip("lag, 30 deg/s", "lag", MOTION_S, turned(30.0)),
        Clip("lag, 30 deg/s, 60 fps", "lag", MOTION_S, turned(30.0), fps=60.0),
        Clip("lag, 5 deg/s", "lag", MOTION_S, turned(5.0)),
        Clip("lag, shift 1/s", "lag", MOTION_S, shifted(1.0)),
        Clip("lag, shift .1/s", "lag", MOTION_S, shifted(0.1)),
        Clip("blink", "blink", 6 * BLINK_EVERY_S, lambda time_s: relief.still(closure=blink(time_s))),
    ]


def blink(time_s: float) -> float:
    """Return the closure of the lids, 0..1: periodic raised cosines of duration BLINK_S."""
    share = (time_s % BLINK_EVERY_S - BLINK_START_S) / BLINK_S
    return float(0.5 - 0.5 * np.cos(2 * np.pi * share)) if 0 < share < 1 else 0.0


def head_clip(head_model: Path, size: tuple[int, int] = (640, 480)) -> Clip:
    """Return a clip of a rendered head that rotates at 30 degrees/s about the centre of its eyes.

    Nose and jaw move in opposite directions. Raises DataError if the file is no head model (see
    `facetrain.synth.rendering.head_model`).
    """
    from facetrain.synth.rendering.clips import random_actor
    from facetrain.synth.rendering.head_model import load_head_model
    from facetrain.synth.rendering.render import Renderer

    renderer = Renderer(load_head_model(head_model))
    actor = random_actor(renderer.model, seed=1, size=size)

    def state(time_s: float) -> tuple[Image, Floats]:
        image, truth = actor.rendered(renderer, replace(actor.rest, yaw_deg=triangle_wave(time_s, 30.0)))
        return image, truth.fixed_points

    return Clip("lag, head 30 deg/s", "lag", MOTION_S, state)


def still_clips(samples: Sequence[Sample], name: str, count: int = 20) -> list[Clip]:
    """Return clips of labelled faces, each still for a second and as large as in the photograph.

    At most `count` evenly spaced ones of the samples with all 68 points.
    """
    usable = [sample for sample in samples if sample.scheme == topology.SCHEME and np.isfinite(sample.points).all()]
    chosen = usable[:: -(-len(usable) // count)] if usable else []
    stills = [_resized(sample.image, sample.points) for sample in chosen]
    return [Clip(f"jitter, {name}", "jitter", 1.0, lambda _, still=still: still) for still in stills]  # type: ignore[misc]


def _resized(image: Image, points: Floats) -> tuple[Image, Floats]:
    """Resize the image so that the distance of the outer eye corners is EYE_PX."""
    scale = EYE_PX / eye_distance_px(points)
    width, height = (max(1, round(scale * side)) for side in image.shape[1::-1])
    factor = np.array([width, height]) / image.shape[1::-1]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8), ((points + 0.5) * factor - 0.5).astype(np.float32)


def eye_distance_px(points: Floats) -> float:
    """Return the distance of the outer eye corners of (68, 2) points."""
    right, left = points[list(topology.EYE_OUTER_CORNERS)]
    return float(np.linalg.norm(left - right))
