"""What a frame is to avatars and trackers, made once for all protocols."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from facetrack.sinks.avatar.blendshapes import blendshapes
from facetrack.sinks.avatar.choice import FaceChoice
from facetrack.sinks.avatar.head import Array, HeadPoints, head_points
from facetrack.sinks.avatar.measures import Measures, Rest, measures
from facetrack.sinks.avatar.mirror import mirrored_face
from facetrack.sinks.avatar.neutral import Neutral
from facetrack.types import Event, Face, Pose

FORGOTTEN_S = 60.0
"""Time after which the rest of a face that is gone is dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """One face, mirrored where that was asked for.

    pose: rotation and angles from the neutral, position from the camera; None where the face has none. moved_mm: (3,)
    position from the neutral. is_centred: whether a neutral was taken, and that position is from it. shapes:
    `blendshapes`. seen, rest: its measures, None turned away.
    """

    face: Face
    pose: Pose | None
    moved_mm: Array | None
    is_centred: bool
    points: HeadPoints | None
    seen: Measures | None
    rest: Measures | None
    shapes: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One frame.

    index, time_s: the frame's. unix_s: its time since 1970. clock_s: when it was taken, by time.perf_counter. size:
    (width, height) px. faces, events: as tracked, never mirrored. main: of the protocols for one face; None without.
    others: the other faces, where a protocol sends them. mirrored: whether actors are mirror images.
    """

    index: int
    time_s: float
    unix_s: float
    clock_s: float
    size: tuple[int, int]
    faces: Sequence[Face]
    events: Sequence[Event]
    main: Actor | None
    others: tuple[Actor, ...] = ()
    mirrored: bool = False


class SceneMaker:
    """Scenes of a run, with what is remembered from frame to frame: the main face, the neutral, faces at rest.

    everyone: make the actors of the other faces, too.
    """

    def __init__(self, choice: FaceChoice, *, mirror: bool = False, everyone: bool = False) -> None:
        self.neutral = Neutral()
        self._choice, self._mirror, self._everyone = choice, mirror, everyone
        self._rests: dict[int, tuple[float, Rest]] = {}
        self._unix_0: float | None = None
        self._clock_0: float | None = None

    def start(self, clock_s: float) -> None:
        """Take the time.perf_counter() of the frames' time 0."""
        self._clock_0 = clock_s

    def scene(
        self, index: int, time_s: float, size: tuple[int, int], faces: Sequence[Face], events: Sequence[Event]
    ) -> Scene:
        """Make a frame's scene."""
        if self._clock_0 is None:
            self._clock_0 = time.perf_counter() - time_s
        if self._unix_0 is None:
            self._unix_0 = time.time() - time.perf_counter() + self._clock_0
        chosen = self._choice.choose(time_s, faces)
        main = None if chosen is None else self._actor(time_s, size, chosen, self.neutral)
        others: tuple[Actor, ...] = ()
        if self._everyone:
            others = tuple(self._actor(time_s, size, face, None) for face in faces if face is not chosen)
        self._forget(time_s)
        return Scene(
            index, time_s, self._unix_0 + time_s, self._clock_0 + time_s, size, faces, events, main, others,
            self._mirror,
        )  # fmt: skip

    def _actor(self, time_s: float, size: tuple[int, int], face: Face, neutral: Neutral | None) -> Actor:
        face = mirrored_face(face, size[0]) if self._mirror else face
        points = head_points(face)
        seen = None if points is None else measures(face, points)
        _, rest = self._rests.get(face.track_id, (time_s, Rest()))
        self._rests[face.track_id] = time_s, rest
        rest.update(time_s, seen)
        if neutral is not None and neutral.answer(face.pose):
            rest.take(seen)
        pose = face.pose if neutral is None or face.pose is None else neutral.turned(face.pose)
        moved_mm = None if neutral is None or face.pose is None else neutral.moved_mm(face.pose)
        is_centred = neutral is not None and neutral.position_mm is not None
        return Actor(face, pose, moved_mm, is_centred, points, seen, rest.value, blendshapes(face, seen, rest.value))

    def _forget(self, time_s: float) -> None:
        gone = [track_id for track_id, (last_s, _) in self._rests.items() if time_s - last_s > FORGOTTEN_S]
        for track_id in gone:
            del self._rests[track_id]
