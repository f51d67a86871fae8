"""Choice of the one face that protocols for one face send."""

from __future__ import annotations

from collections.abc import Sequence

from facetrack.errors import FacetrackError
from facetrack.types import Face

RULES = ("longest", "largest")
LARGER = 1.2
"""Side lengths by which another face must be larger to take over: two of about one size do not flicker."""

REMEMBERED_S = 10.0
"""Absence after which a track that returns counts as new."""


class FaceChoice:
    """The main face of each frame: the one followed longest, kept until it is lost; the largest; or one track.

    rule: "longest", "largest", or a track's number. Raises FacetrackError for another.
    """

    def __init__(self, rule: str = "longest") -> None:
        if rule not in RULES and not (rule.isdecimal() and int(rule) > 0):
            raise FacetrackError(f"--face is '{rule}'; expected largest, longest or a track's number from 1")
        self._rule = rule
        self._id = int(rule) if rule.isdecimal() else 0
        self._times: dict[int, tuple[float, float]] = {}  # first and last of each track

    def choose(self, time_s: float, faces: Sequence[Face]) -> Face | None:
        """Return the main one of a frame's faces; None without one."""
        by_id = {face.track_id: face for face in faces}
        self._times = {i: times for i, times in self._times.items() if time_s - times[1] <= REMEMBERED_S}
        self._times |= {i: (self._times.get(i, (time_s, time_s))[0], time_s) for i in by_id}
        if self._rule == "largest":
            self._id = self._largest(faces)
        elif self._rule == "longest" and self._id not in by_id and by_id:
            self._id = min(by_id, key=lambda i: (self._times[i][0], i))
        return by_id.get(self._id)

    def _largest(self, faces: Sequence[Face]) -> int:
        sides = {face.track_id: float(max(face.box[2] - face.box[0], face.box[3] - face.box[1])) for face in faces}
        largest = max(sides, key=lambda i: sides[i], default=0)
        return self._id if sides.get(self._id, 0.0) * LARGER >= sides.get(largest, 0.0) > 0.0 else largest
