"""Rendered people with a still head who look ahead, left, right, up and down: the share of recognised seconds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facetrack.gaze import eyes_in_head
from facetrack.signals.head.gaze import GazeMeter
from facetrack.signals.head.neutral import NeutralHead
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import CameraModel, Floats, Frame, GazeSignals, Image
from facetrain.augment.webcam import sensor_noise
from facetrain.evaluation.gaze.methods import mesh_reading
from facetrain.synth.rendering.clips import random_actor
from facetrain.synth.rendering.render import Renderer

SIZE, DISTANCE_CM, NOISE, FPS = (400, 300), 40.0, 4.0, 12.0
CAMERA = CameraModel(fov_deg=60.0)
AHEAD, LEFT, RIGHT, UP, DOWN = "ahead", "left", "right", "up", "down"
LOOKS = {AHEAD: (0.0, 0.0), LEFT: (-15.0, 0.0), RIGHT: (15.0, 0.0), UP: (0.0, 12.0), DOWN: (0.0, -12.0)}
"""(yaw, pitch) of the eyes in the head; left and right are the picture's."""
FIRST_S, LOOK_S, BACK_S, SETTLE_S = 3.25, 2.25, 1.25, 0.25
"""Ahead at first; each look, and ahead after it; what is left out of each at its beginning."""
TOLD_DEG = 6.0
"""Angle from straight ahead from which a frame's gaze is a look aside: half of the smallest look."""
FollowGaze = Callable[[Frame], GazeSignals | None]


@dataclass(frozen=True, slots=True)
class Second:
    """One second of a look: what it was, and what most of its frames say; None where most say nothing."""

    truth: str
    recognised: str | None


def course() -> list[tuple[float, float, str]]:
    """Return (start, end, look) of a clip, in order."""
    found, time_s = [(0.0, FIRST_S, AHEAD)], FIRST_S
    for look in (LEFT, RIGHT, UP, DOWN):
        found += [(time_s, time_s + LOOK_S, look), (time_s + LOOK_S, time_s + LOOK_S + BACK_S, AHEAD)]
        time_s += LOOK_S + BACK_S
    return found


def frames(renderer: Renderer, seed: int) -> Iterator[tuple[Frame, str]]:
    """Render one person; every look once, each frame with noise of its own."""
    actor = random_actor(renderer.model, seed, SIZE, DISTANCE_CM)
    images: dict[str, Image] = {}
    for name, gaze_deg in LOOKS.items():
        images[name], _ = actor.rendered(renderer, replace(actor.rest, gaze_deg=gaze_deg))
    rng, parts = np.random.default_rng(seed), course()
    for index in range(round(FPS * parts[-1][1])):
        time_s = index / FPS
        look = next(name for start_s, end_s, name in parts if start_s <= time_s < end_s)
        yield Frame(sensor_noise(images[look], NOISE, rng), time_s=time_s, index=index), look


def recognised(gaze: GazeSignals | None) -> str | None:
    """Return the direction that a frame's gaze has; None where it is unknown or the head's alone."""
    if gaze is None or gaze.source != "eyes" or gaze.yaw_deg is None or gaze.pitch_deg is None:
        return None
    if max(abs(gaze.yaw_deg), abs(gaze.pitch_deg)) < TOLD_DEG:
        return AHEAD
    if abs(gaze.yaw_deg) >= abs(gaze.pitch_deg):
        return RIGHT if gaze.yaw_deg > 0 else LEFT
    return UP if gaze.pitch_deg > 0 else DOWN


def seconds(times_s: Sequence[float], said: Sequence[str | None]) -> list[Second]:
    """Return every whole second of each look but its first SETTLE_S, and of the ahead between; not the first ahead."""
    found = []
    for start_s, end_s, look in course()[1:]:
        begin_s = start_s + SETTLE_S
        while begin_s + 1.0 <= end_s + 1e-9:
            words = [word for t, word in zip(times_s, said, strict=True) if begin_s <= t < begin_s + 1.0]
            word, count = Counter(words).most_common(1)[0] if words else (None, 0)
            found.append(Second(look, word if 2 * count > len(words) else None))
            begin_s += 1.0
    return found


def by_tracker(tracker: FaceTracker) -> FollowGaze:
    """Return the tracker's gaze of the first face, begun anew."""
    tracker.reset()

    def follow(frame: Frame) -> GazeSignals | None:
        faces = tracker.update(frame)
        return faces[0].signals.gaze if faces else None

    return follow


def by_mesh(mesh: Callable[[Image, float], Floats]) -> FollowGaze:
    """Return the gaze by MediaPipe's irises, with the same eyeballs, zeros and smoothing."""
    meter, neutral = GazeMeter(), NeutralHead()

    def follow(frame: Frame) -> GazeSignals | None:
        meshes = mesh(frame.image, frame.time_s)
        if not len(meshes):
            return None
        size = (frame.image.shape[1], frame.image.shape[0])
        reading, pose = mesh_reading(meshes[0], CAMERA, size)
        eyes = eyes_in_head(reading, pose, CAMERA.intrinsics(size))
        return meter.update(frame.time_s, neutral.update(frame.time_s, pose), pose, eyes, (None, None))[1]

    return follow


def measure(renderer: Renderer, follow: Callable[[], FollowGaze], seeds: Sequence[int]) -> list[Second]:
    """Follow each person with a method that begins anew."""
    found = []
    for seed in seeds:
        method, times_s, said = follow(), [], []
        for frame, _ in frames(renderer, seed):
            times_s.append(frame.time_s)
            said.append(recognised(method(frame)))
        found += seconds(times_s, said)
    return found


def shares(found: Sequence[Second]) -> dict[str, float]:
    """Return the share of the seconds that are recognised, by look, and of the four looks aside together."""
    out = {}
    for look in LOOKS:
        own = [second.recognised == look for second in found if second.truth == look]
        out[look] = sum(own) / len(own) if own else math.nan
    aside = [second.recognised == second.truth for second in found if second.truth != AHEAD]
    return out | {"aside": sum(aside) / len(aside) if aside else math.nan}
