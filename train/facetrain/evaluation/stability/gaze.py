"""Jitter and lag of the gaze, on a rendered head that holds still: its eyes hold still too, or sweep from side to side.

What is measured is where both eyes look in the head, so that the head's own jitter and lag are not counted twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Frame, Image
from facetrain.augment.webcam import sensor_noise
from facetrain.evaluation.gaze.looks import DISTANCE_CM, SIZE, FollowGaze, by_mesh
from facetrain.evaluation.stability import metrics
from facetrain.evaluation.stability.clips import MOTION_S, NOISE, triangle_wave

Array = NDArray[np.float64]
GazeTracker = Callable[[Frame], tuple[float, float]]
"""Called on the frames of one clip in order; yaw and pitch of the eyes in the head, degrees, NaN where unknown."""
STILL_S, SWEEP_DEG_S, SEED = 100 / 30, 30.0, 4200
JITTER, LAG = "gaze jitter, noise 5", "gaze lag, 30 deg/s"
CAPTION = (
    "gaze jitter: mean over frames of the change of both eyes' direction in the head, degrees, eyes and head still. "
    "gaze lag: delay of that direction behind the truth, eyes sweeping 18 degrees to either side at 30 degrees/s, ms, "
    "as the lag of the points."
)


@dataclass(frozen=True, slots=True)
class GazeClip:
    """Rendered clip; look: from the time, s, to the eyes' yaw in degrees; picture: from that yaw to the image."""

    name: str
    seconds: float
    look: Callable[[float], float]
    picture: Callable[[float], Image]
    fps: float = 30.0


def gaze_clips(head_model: Path) -> list[GazeClip]:
    """Return the still and the sweeping eyes of one rendered person. Raises DataError for another file."""
    from facetrain.synth.rendering.clips import random_actor
    from facetrain.synth.rendering.head_model import load_head_model
    from facetrain.synth.rendering.render import Renderer

    renderer = Renderer(load_head_model(head_model))
    actor = random_actor(renderer.model, SEED, SIZE, DISTANCE_CM)

    @lru_cache(maxsize=256)
    def picture(yaw_deg: float) -> Image:
        return actor.rendered(renderer, replace(actor.rest, gaze_deg=(yaw_deg, 0.0)))[0]

    return [
        GazeClip(JITTER, STILL_S, lambda _: 0.0, picture),
        GazeClip(LAG, MOTION_S, lambda time_s: round(triangle_wave(time_s, SWEEP_DEG_S), 3), picture),
    ]


def figure(clip: GazeClip, start: Callable[[], AbstractContextManager[GazeTracker]]) -> float:
    """Return the clip's figure by a method that begins anew; NaN where it reads no eyes."""
    rng, count = np.random.default_rng(0), round(clip.seconds * clip.fps)
    times_s = np.arange(count) / clip.fps
    truth = np.array([(clip.look(time_s), 0.0) for time_s in times_s], np.float32)
    found = np.full((count, 2), np.nan, np.float32)
    with start() as follow:
        for index, time_s in enumerate(times_s.tolist()):
            image = sensor_noise(clip.picture(float(truth[index, 0])), NOISE, rng)
            found[index] = follow(Frame(image, time_s=time_s, index=index))
    if clip.name == JITTER:
        steps = np.linalg.norm(np.diff(found, axis=0), axis=1)
        return float(np.nanmean(steps)) if np.isfinite(steps).any() else math.nan
    return metrics.lag_ms(found[:, None], truth[:, None], times_s, 1.0)


def by_tracker(open_tracker: Callable[[], FaceTracker]) -> Callable[[], AbstractContextManager[GazeTracker]]:
    """Return the start of a tracker's gaze. open_tracker: a new one, with the lens of `looks.CAMERA`."""

    def start() -> AbstractContextManager[GazeTracker]:
        tracker = open_tracker()

        def follow(frame: Frame) -> tuple[float, float]:
            faces = tracker.update(frame)
            return _angles(faces[0].signals.gaze if faces else None)

        return nullcontext(follow)

    return start


def by_mediapipe(model: Path, video: bool) -> Callable[[], AbstractContextManager[GazeTracker]]:
    """Return the start of MediaPipe's irises on this project's eyeballs, with its smoothing of the gaze."""
    from facetrack.detector.mediapipe_mesh import MediaPipeMesh

    class Mesh(ExitStack):
        def __init__(self) -> None:
            super().__init__()
            network = self.enter_context(MediaPipeMesh(model, max_faces=1, video=video))
            self._follow: FollowGaze = by_mesh(network)

        def __call__(self, frame: Frame) -> tuple[float, float]:
            return _angles(self._follow(frame))

    return Mesh


def _angles(gaze: object) -> tuple[float, float]:
    yaw_deg, pitch_deg = getattr(gaze, "eyes_yaw_deg", None), getattr(gaze, "eyes_pitch_deg", None)
    return (math.nan, math.nan) if yaw_deg is None or pitch_deg is None else (yaw_deg, pitch_deg)


def add_rows(
    rows: dict[str, dict[str, float]], clips: Sequence[GazeClip],
    starts: dict[str, Callable[[], AbstractContextManager[GazeTracker]]],
) -> None:  # fmt: skip
    """Add the figures of the clips to the rows by method, before the missed frames. starts: by method."""
    for name, row in rows.items():
        missed = row.pop("missed")
        row |= {clip.name: figure(clip, starts[name]) for clip in clips}
        row["missed"] = missed
