"""Cuts of a part of the picture, found in what each face's own surroundings show: a call's grid, a speaker view."""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np

from facetrack.appearance import Appearance
from facetrack.geometry import points_box
from facetrack.landmarker import Reading
from facetrack.tracking.reidentification import MIN_COSINE_FAR
from facetrack.tracking.scene_cut import difference, samples
from facetrack.tracking.track import Track
from facetrack.types import Floats, Image

Region = tuple[int, int, int, int]
"""Left, top, right, bottom in px, without the latter two."""


class FaceCuts:
    """Comparison of each face's surroundings with those in the last frame, both reduced to about 24 samples a side.

    A face was cut to another person's if both differ, where the face was and along with the face, twice as much as
    between the two frames before, and the appearance network sees somebody else. The measure is the one of `SceneCut`.
    In the project's ten clips it stays below 15 where the face was; between two cells of two of them it is 29 and more.
    A fast head changes what its old place shows, not what goes along with it; people who walk past one another change
    both, but not suddenly; a hand, a lamp or blur change neither enough for the network. A dissolve over several
    frames, and a cut in the first two frames of a face, are not found here. No delay.

    appearance: None leaves the picture as the only evidence, which must then differ as much as for `SceneCut`.
    """

    SMALL_PX = 24
    GROWTH = 1.5
    """Side of the surroundings over the longer side of the points' box."""
    SAME, LIMIT, LIMIT_ALONE = 10.0, 20.0, 25.0
    """Largest difference of boxes that show the same, smallest of a cut's surroundings, and that without embeddings."""
    JUMP = 2.0
    """Least ratio of a cut's difference to that of the frame before."""

    def __init__(self, appearance: Appearance | None) -> None:
        self._appearance = appearance
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._shape: tuple[int, ...] = ()
        self._last: dict[Track, tuple[Region, Floats]] = {}
        self._seen: dict[Track, Floats | None] = {}  # what this picture shows in those regions
        self._changes: dict[Track, float] = {}  # in the last frame
        self._now: dict[Track, float] = {}  # in this one

    def look(self, image: Image, tracks: Iterable[Track]) -> None:
        """Sample what the picture shows where the faces were, before its crops are cut: they read the same memory."""
        self._seen = {}
        if image.shape == self._shape:
            self._seen = {track: self._small(image, self._last[track][0]) for track in tracks if track in self._last}

    def remember(self, image: Image, tracks: Iterable[Track]) -> None:
        """Keep the surroundings of the followed faces until the next frame.

        They stay where they were, and are not sampled again, while a face has moved or grown by less than a sample.
        """
        self._changes, self._now = self._now, {}
        self._shape = image.shape
        last, self._last = self._last, {}
        for track in tracks:
            region = _surroundings(track.box, self.GROWTH)
            small = self._seen.get(track)
            if small is not None and self._is_near(region, last[track][0]):
                self._last[track] = last[track][0], small
            elif (small := self._small(image, region)) is not None:
                self._last[track] = region, small
        self._seen = {}

    def _is_near(self, region: Region, other: Region) -> bool:
        (left, top, right, bottom), (left0, top0, right0, bottom0) = region, other
        step = (right - left) / self.SMALL_PX
        return (
            abs(left - left0) <= step and abs(top - top0) <= step
            and abs(right - right0) <= step and abs(bottom - bottom0) <= step
        )  # fmt: skip

    def unchanged(self, image: Image) -> set[Track]:
        """Return the tracks whose own boxes show the same as in the last frame, whatever the rest shows."""
        return {track for track in self._last if self._change(image, track, inner=True) <= self.SAME}

    def __call__(self, image: Image, track: Track, reading: Reading) -> bool:
        """Return whether the reading of a followed face, of this frame, is that of somebody whom it was cut to."""
        if track not in self._last:
            return False
        change = self._now[track] = self._change(image, track)
        limit = max(self.LIMIT, self.JUMP * self._changes.get(track, math.inf))
        if change <= limit:
            return False
        points = reading.landmarks.points
        change = min(change, self._change(image, track, points_box(points)))
        known = None if track.person is None else track.person.embeddings
        if self._appearance is None or not known:
            return change > self.LIMIT_ALONE
        if change <= limit:
            return False
        return known.similarity(self._appearance(image, [points])[0]) < MIN_COSINE_FAR

    def _change(self, image: Image, track: Track, box: Floats | None = None, inner: bool = False) -> float:
        """Return the mean difference from the last frame, without one of brightness; 0 where nothing is known.

        box: of the face now, (4,) px; None for the place at which it was. inner: of the box itself alone.
        """
        region, last = self._last[track]
        if image.shape != self._shape:
            return 0.0
        if box is not None:
            # As far beside the face as the region was beside where the face was.
            was, now = _surroundings(track.box, self.GROWTH), _surroundings(box, self.GROWTH)
            left, top, right, bottom = (new + at - old for new, at, old in zip(now, region, was, strict=True))
            small = self._small(image, (left, top, right, bottom))
        elif track in self._seen:
            small = self._seen[track]
        else:
            small = self._small(image, region)
        if small is None:
            return 0.0
        if small.shape != last.shape:
            last = cv2.resize(last, small.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        if inner:
            small, last = _middle(small, self.GROWTH), _middle(last, self.GROWTH)
        return difference(small, last)

    def _small(self, image: Image, region: Region) -> Floats | None:
        """Return the reduced part of the picture, None where less than three samples a side are in it."""
        height, width = image.shape[:2]
        left, top, right, bottom = region
        step = max(1, (right - left) // self.SMALL_PX)
        top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
        if min(bottom - top, right - left) <= 2 * step:
            return None
        return samples(image, top, left, step, bottom, right)


def _surroundings(box: Floats, growth: float) -> Region:
    x0, y0, x1, y1 = box.tolist()
    x, y, half = (x0 + x1) / 2, (y0 + y1) / 2, growth * max(x1 - x0, y1 - y0) / 2
    return round(x - half), round(y - half), round(x + half), round(y + half)


def _middle(small: Floats, share: float) -> Floats:
    """Return the middle part of a picture, a `share`-th of each side."""
    rows, columns = (round(side * (1 - 1 / share) / 2) for side in small.shape[:2])
    return np.ascontiguousarray(small[rows : small.shape[0] - rows, columns : small.shape[1] - columns])
