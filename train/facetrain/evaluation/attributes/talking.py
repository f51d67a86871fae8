"""False yawns in a minute of talking: a rendered jaw that moves at the rate of syllables, and real clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facetrack.capture import VideoFile
from facetrack.errors import DataError
from facetrack.pose import head_pose
from facetrack.signals import FaceSignals, Observation
from facetrack.signals.mouth.speech import SpeechOptions
from facetrack.topology import N_POINTS
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Event, Floats, Frame, Pose
from facetrain.synth.rendering.clips import Actor, random_actor, yawning
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.truth import HeadState

SECONDS, FPS = 60.0, 30.0
JAW_REACH = {"talking": 0.5, "shouting": 1.0}
"""Blendshape weight jawOpen of the widest syllables: shouting opens the mouth as far as a yawn."""
PEOPLE = 3
"""Number of rendered people of each manner of talking."""
YAWN_S = 6.0
"""Duration of the control yawn after the talk, that of a mean yawn (Provine 1986).

It must be detected, or the absence of false yawns would prove nothing.
"""
CLIPS = ("talk_d10", "podium_kh", "cafe_0")
STEPS = 64
"""Number of jaw positions from closed to open; the landmarks of each are computed once."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Yawns detected while talking.

    yawns: number of detected yawns, all of them false
    faces_s: seconds in which faces were tracked, summed over the faces
    speaking: share of the frames with a known mouth state in which speech was detected
    widest: largest mouth opening
    control: number of yawns detected for the one true yawn after the talk, None if there was none
    """

    name: str
    yawns: int
    faces_s: float
    speaking: float
    widest: float
    control: int | None = None


def syllables(seconds: float, reach: float, rng: np.random.Generator) -> Callable[[float], float]:
    """Return jawOpen as a function of time, s.

    Syllables of 1/7 to 1/2 s (`signals.SpeechOptions`), each opened to .3 to 1 of `reach` and nearly closed again; a
    pause of .3 to .8 s after every 4 to 12 syllables.
    """
    options = SpeechOptions()
    times, values, now = [0.0], [0.0], 0.0
    while now < seconds:
        for _ in range(int(rng.integers(4, 13))):
            length = 1 / rng.uniform(options.slowest_hz, options.fastest_hz)
            times += [now + length / 2, now + length]
            values += [reach * rng.uniform(0.3, 1), reach * rng.uniform(0, 0.1)]
            now += length
        now += rng.uniform(0.3, 0.8)
        times.append(now)
        values.append(0.0)
    times_s, jaw_open = np.array(times), np.array(values)
    return lambda time_s: float(np.interp(time_s, times_s, jaw_open))


def rendered_talk(renderer: Renderer, manner: str, seed: int) -> Talk:
    """Run FaceSignals on a rendered person's ground truth points: a minute of talking, then a yawn."""
    actor = random_actor(renderer.model, seed)
    rng = np.random.default_rng((seed, 1))
    jaw = syllables(SECONDS, JAW_REACH[manner], rng)
    points = _points_by_jaw(renderer, actor)
    yawn = yawning(actor, SECONDS + 1.0, YAWN_S)
    face, last_s = FaceSignals(), SECONDS + YAWN_S + 3.0
    events: list[Event] = []
    speaking, widest = [], 0.0
    for index in range(round(last_s * FPS)):
        time_s = index / FPS
        talks = time_s < SECONDS
        # After the talk, the script of the yawn starts with a pause of 1 s.
        face_points = points(jaw(time_s)) if talks else _points(renderer, actor, yawn(time_s))
        signals, ended = face.update(_observation(time_s, face_points, actor))
        events += ended
        if talks:
            speaking.append(bool(signals.mouth.speaking))
            widest = max(widest, signals.mouth.aspect_ratio or 0.0)
    predicted = [event for event in events if event.kind == "yawn" and event.is_over]
    false = sum(event.start_s < SECONDS for event in predicted)
    return Talk(f"rendered, {manner}", false, SECONDS, float(np.mean(speaking)), widest, len(predicted) - false)


def _points_by_jaw(renderer: Renderer, actor: Actor) -> Callable[[float], Floats]:
    """Return a cached function from jawOpen to the (68, 2) ground truth points, px."""
    cache: dict[int, Floats] = {}

    def points(jaw: float) -> Floats:
        step = round(jaw * STEPS)
        if step not in cache:
            cache[step] = _points(renderer, actor, replace(actor.rest, expression={"jawOpen": step / STEPS}))
        return cache[step]

    return points


def _points(renderer: Renderer, actor: Actor, state: HeadState) -> Floats:
    return renderer.truth(state, actor.camera).points


def _observation(time_s: float, points: Floats, actor: Actor) -> Observation:
    """Return an observation of ground truth points with low sigma.

    Without attributes, so that no network output can veto a yawn.
    """
    pose: Pose | None = head_pose(points, actor.camera.size)
    return Observation(time_s, points, np.full(N_POINTS, 0.1, np.float32), pose)


def clip_paths(folder: Path, names: Sequence[str] = CLIPS) -> list[Path]:
    """Return the paths of the clips. Raises DataError if one is missing."""
    paths = [folder / f"{name}.mp4" for name in names]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise DataError(f"{folder} lacks {', '.join(missing)}; give the folder that holds videos with these as --data")
    return paths


def tracked_talk(tracker: FaceTracker, paths: Sequence[Path], seconds: float = SECONDS) -> Talk:
    """Run the whole tracker on the clips in sequence, repeated up to `seconds`.

    Raises SourceError if a clip cannot be read.
    """
    tracker.reset()
    events: list[Event] = []
    speaking: list[bool] = []
    faces_s = widest = before_s = 0.0
    for frame in chain_clips(paths, seconds):
        faces = tracker.update(frame)
        events += tracker.events
        faces_s += len(faces) * (frame.time_s - before_s)
        before_s = frame.time_s
        known_speaking: list[bool] = [f.signals.mouth.speaking for f in faces if f.signals.mouth.speaking is not None]
        speaking += known_speaking
        widest = max([widest, *(face.signals.mouth.aspect_ratio or 0.0 for face in faces)])
    yawns = sum(event.kind == "yawn" and event.is_over for event in events)
    share = float(np.mean(speaking)) if speaking else float("nan")
    return Talk(f"{', '.join(path.stem for path in paths)} in a row, {seconds:.0f} s", yawns, faces_s, share, widest)


def chain_clips(paths: Sequence[Path], seconds: float) -> Iterator[Frame]:
    """Yield `seconds` of the clips' frames, repeated, with times and indices that are continuous across the cuts."""
    index, start_s = 0, 0.0
    while start_s < seconds:
        for path in paths:
            time_s, step_s = start_s, 1 / FPS
            with VideoFile(path) as source:
                step_s = 1 / (source.fps or FPS)
                for frame in source:
                    time_s = start_s + frame.time_s
                    if time_s >= seconds:
                        return
                    yield Frame(frame.image, time_s=time_s, index=index)
                    index += 1
            start_s = time_s + step_s
