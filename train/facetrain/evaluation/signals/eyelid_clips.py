"""Rendered heads that blink at known times, tracked by the whole tracker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Event, Frame, Image
from facetrain.augment.webcam import sensor_noise
from facetrain.reporting.progress import with_progress
from facetrain.synth.rendering.clips import CLOSING_S, OPENING_S, Actor, lid_closure, random_actor
from facetrain.synth.rendering.head_model import HeadModel, load_head_model
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.truth import closing_blink

RATES = (15.0, 30.0, 60.0)
SIZE = (320, 320)
DISTANCE_CM = 45.0
SECONDS = 12.0
FIRST_S, EVERY_S = 2.5, 1.1
"""Time of the first blink, after a while of open eyes, and interval of the blinks, to which up to .4 s are added."""
SHUT_S = (0.02, 0.25)
"""Range of the time that the lids stay closed: the closure is over a half for .14 to .37 s (blinks last .1 to .4 s)."""
HALF, LABELLED = 0.5, 0.7
"""Closures (0 open, 1 closed) at which a blink begins and ends.

HALF: as defined by the tracker (`signals.closure.Measures`); LABELLED: as by the labellers of docs/labels.
"""
NOISE = 3.0
"""Standard deviation of the sensor noise, in grey levels."""
STEPS = 24
"""Number of rendered closures from open to closed: the error is at most 1/48 of the closure, some 3 ms."""


@dataclass(frozen=True, slots=True)
class Lids:
    """Blink whose lids are closed from shut_s to opening_s and move at constant speed before and after."""

    shut_s: float
    opening_s: float

    def span_s(self, closure: float = HALF) -> tuple[float, float]:
        """Return the times at which the lids pass the closure, closing and opening."""
        return self.shut_s - (1 - closure) * CLOSING_S, self.opening_s + (1 - closure) * OPENING_S

    def duration_s(self, closure: float = HALF) -> float:
        """Return the time above the closure."""
        start_s, end_s = self.span_s(closure)
        return end_s - start_s


@dataclass(frozen=True, slots=True)
class EyelidScore:
    """Scores at one frame rate; the errors are predicted minus true, of each detected blink, in s.

    duration: error of the duration at the closure HALF
    onset: error of the start at the closure HALF
    labelled: error of the duration at the closure LABELLED
    missed, false: number of missed blinks and of false alarms
    """

    fps: float
    duration: tuple[float, ...] = ()
    onset: tuple[float, ...] = ()
    labelled: tuple[float, ...] = ()
    missed: int = 0
    false: int = 0

    def __add__(self, other: EyelidScore) -> EyelidScore:
        return replace(
            self, duration=self.duration + other.duration, onset=self.onset + other.onset,
            labelled=self.labelled + other.labelled,
            missed=self.missed + other.missed, false=self.false + other.false,
        )  # fmt: skip

    @property
    def f1(self) -> float:
        whole = 2 * len(self.duration) + self.missed + self.false
        return 2 * len(self.duration) / whole if whole else float("nan")

    def figures(self) -> dict[str, float]:
        """Return counts, F1, and the errors in frames of this rate: mean, mean absolute and largest."""
        out: dict[str, float] = {
            "true": len(self.duration), "missed": self.missed, "false": self.false, "f1": self.f1
        }  # fmt: skip
        for name, seconds in (("onset", self.onset), ("duration", self.duration), ("duration_70", self.labelled)):
            error = np.array(seconds or [np.nan]) * self.fps
            size = np.abs(error)
            out |= {f"{name}_error": error.mean(), f"{name}_abs": size.mean(), f"{name}_worst": size.max()}
        return {name: float(value) for name, value in out.items()}


def blinks(seed: int) -> list[Lids]:
    """Return the random blinks of a clip."""
    rng = np.random.default_rng(seed)
    starts = np.arange(FIRST_S, SECONDS - EVERY_S, EVERY_S)
    return [Lids(float(t), float(t + rng.uniform(*SHUT_S))) for t in starts + rng.uniform(0, 0.4, len(starts))]


class Blinker:
    """Rendered head at rest that blinks; each of the STEPS closures is rendered once."""

    def __init__(self, renderer: Renderer, seed: int) -> None:
        self._renderer = renderer
        self._actor: Actor = random_actor(renderer.model, seed, SIZE, DISTANCE_CM)
        self._full = closing_blink(renderer.model, self._actor.rest.identity)
        self._images: dict[int, Image] = {}

    def frames(self, lids: list[Lids], fps: float, seed: int) -> Iterator[Frame]:
        """Yield the frames of SECONDS at `fps`, each with its own noise."""
        rng = np.random.default_rng(seed)
        for index in range(round(fps * SECONDS)):
            closure = max(lid_closure(index / fps, blink.shut_s, blink.opening_s) for blink in lids)
            image = sensor_noise(self._image(round(closure * STEPS)), NOISE, rng)
            yield Frame(image, time_s=index / fps, index=index)

    def _image(self, step: int) -> Image:
        if step not in self._images:
            actor, (right, left) = self._actor, self._full
            lids = {"eyeBlink_R": right * step / STEPS, "eyeBlink_L": left * step / STEPS}
            state = replace(actor.rest, expression={**actor.rest.expression, **lids})
            self._images[step], _ = actor.rendered(self._renderer, state)
        return self._images[step]


def measure(tracker: FaceTracker, head_model: Path, seeds: int = 3) -> list[EyelidScore]:
    """Return one score per frame rate, over `seeds` persons.

    Raises DataError if the file is no head model.
    """
    model: HeadModel = load_head_model(head_model)
    scores = {fps: EyelidScore(fps) for fps in RATES}
    for seed in with_progress(range(seeds), "rendered eyelids"):
        blinker, lids = Blinker(Renderer(model), seed), blinks(seed)
        for fps in RATES:
            tracker.reset()
            events: list[Event] = []
            for frame in blinker.frames(lids, fps, seed):
                tracker.update(frame)
                events += [event for event in tracker.events if event.is_over]
            scores[fps] += score(lids, events, fps)
    return list(scores.values())


def score(true: list[Lids], events: list[Event], fps: float) -> EyelidScore:
    """Match predicted to true blinks one to one, by overlap in time; all other predicted lid events are false."""
    predicted = [e for e in events if e.closing_speed_per_s is not None]
    gain = np.zeros((len(true), len(predicted)))
    for row, lids in enumerate(true):
        start_s, end_s = lids.span_s()
        for column, event in enumerate(predicted):
            shared = min(end_s, event.until_s) - max(start_s, event.start_s)
            gain[row, column] = max(0.0, shared) if event.kind == "blink" else 0.0
    pairs = [(r, c) for r, c in zip(*linear_sum_assignment(gain, maximize=True), strict=True) if gain[r, c] > 0]
    return EyelidScore(
        fps,
        tuple(predicted[c].duration_s - true[r].duration_s() for r, c in pairs),
        tuple(predicted[c].start_s - true[r].span_s()[0] for r, c in pairs),
        tuple(predicted[c].duration_s - true[r].duration_s(LABELLED) for r, c in pairs),
        len(true) - len(pairs),
        len(predicted) - len(pairs),
    )
