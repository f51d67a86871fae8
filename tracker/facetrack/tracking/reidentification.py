"""Who is who: faces are told apart by where they were expected first, by what they look like second."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from facetrack.appearance import Appearance
from facetrack.geometry import box_iou, points_box, touching
from facetrack.landmarker import Reading
from facetrack.tracking.track import Track
from facetrack.types import Floats, Image

REACH = 1.0
REACH_PER_S = 2.0
LEAP, FASTEST_PER_S = 0.8, 8.0
"""A lost face is expected within this of its place, in units of its size, and more with the time it was lost; it cannot
have gone further than at the fastest."""
PLACE_ALONE_S = 2.0
"""Its place alone gives a face its number back for so long after the loss."""
NEAR_SIMILARITY = 0.5
FAR_SIMILARITY = 0.75
CUT_SIMILARITY = 0.9
VAGUE = 0.05
"""How alike a face must look to one that was lost at this very place, and to one that was lost at the end of its reach
or beyond, or is itself as vague as `VAGUE`: an ear looks a little like its owner; and after a cut in the film. Of
pairs of two held-aside people 5 % are more alike than .58, 1 % than .72, .1 % than .85."""
FARTHEST = 10.0
"""In sizes of the face: beyond, one place is as good as another."""
STRANGER_SIMILARITY = 0.3
"""A face that looks less like itself than this is somebody else, onto whom the points have slid, or who stands where it
was lost."""
LOOK_INTERVAL_S = 0.5
MOVING, MOVING_INTERVAL_S = 0.5, 0.15
"""How often a face is looked at; more often one that moves by more than half its size a second: the points may have
slid onto somebody who walks past."""
CLEAR = 0.03
"""Vagueness up to which a look is worth keeping."""
HAIR = 0.15
"""Room around the points' box, over its longer side, in which hair and chin tell people apart."""
APART_IOU = 0.1
SWAP_MARGIN = 0.3
"""Two who overlapped have changed numbers if the other way round they look more like themselves by so much, summed."""


class Identity:
    """Gives numbers back to faces found again, and takes looks at those that are followed.

    appearance: None tells faces apart by their place alone.
    """

    def __init__(self, appearance: Appearance | None) -> None:
        self._appearance = appearance
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._met: set[frozenset[Track]] = set()

    def owners(
        self, image: Image, readings: Sequence[Reading], tracks: Sequence[Track], time_s: float
    ) -> list[Track | None]:
        """Of each face found: the lost track whose number it gets back, or None; no track twice."""
        lost = [track for track in tracks if track.lost]
        owners: list[Track | None] = [None] * len(readings)
        if not lost or not readings:
            return owners
        vectors = self._looks_of(image, [reading.landmarks.points for reading in readings])
        found = list(zip(readings, vectors, strict=True))
        fit = np.array([[self._fit(*one, track, time_s) for track in lost] for one in found])
        while np.isfinite(fit).any():
            row, column = np.unravel_index(int(fit.argmax()), fit.shape)
            owners[int(row)] = lost[int(column)]
            fit[row, :] = fit[:, column] = -np.inf
        return owners

    def _fit(self, reading: Reading, vector: Floats | None, track: Track, time_s: float) -> float:
        """Larger is better; -inf where this face cannot be that person."""
        box = points_box(reading.landmarks.points)
        away_s, distance = time_s - track.seen_s, track.place.distance(box, time_s)
        farness = min(distance / (REACH + REACH_PER_S * away_s), 1.0)
        if vector is None or not len(track.looks):
            return -distance if farness < 1 and away_s <= PLACE_ALONE_S else -np.inf
        if track.place.known and distance > LEAP + FASTEST_PER_S * away_s:
            return -np.inf
        similarity = track.looks.similarity(vector)
        vague = float(np.clip((reading.relative_sigma() - CLEAR) / (VAGUE - CLEAR), 0, 1))
        doubt = max(farness, vague)
        least = NEAR_SIMILARITY + doubt * (FAR_SIMILARITY - NEAR_SIMILARITY)
        if similarity < (least if track.place.known else CUT_SIMILARITY):
            return -np.inf
        return similarity - 0.05 * min(distance, FARTHEST)

    def attend(self, image: Image, followed: Sequence[Track], time_s: float) -> list[Track]:
        """Once a frame, after all were read: note who stands alone, set right who changed numbers in passing, and take
        one look at whoever was not looked at for longest. Returns whoever turns out to be lost: somebody else stands
        there, as yet without a number."""
        if len(followed) > 1:
            self._stand(image, followed)
        else:
            self._met.clear()
            for track in followed:
                track.stand(alone=True)
        if self._appearance is None:
            return []
        due = [t for t in followed if t.alone and _is_due(t, time_s) and _shows_face(t, image)]
        if not due:
            return []
        track = min(due, key=lambda t: t.looked_s)
        return self._look(track, self._appearance(image, [track.reading.landmarks.points])[0])

    def _stand(self, image: Image, followed: Sequence[Track]) -> None:
        boxes = np.stack([track.box for track in followed])
        overlap = box_iou(boxes, boxes)
        np.fill_diagonal(overlap, 0)
        for track, others in zip(followed, overlap.max(axis=1).tolist(), strict=True):
            track.stand(alone=others < APART_IOU)
        if self._appearance is not None:
            self._part(image, followed, overlap)

    def _look(self, track: Track, vector: Floats) -> list[Track]:
        if len(track.looks) and track.looks.similarity(vector) < STRANGER_SIMILARITY:
            if not track.doubted:
                track.doubted = True  # and looked at again in the next frame
                return []
            lost = track.replaced()
            track.look(vector)
            return [lost]
        track.look(vector)
        return []

    def _part(self, image: Image, followed: Sequence[Track], overlap: NDArray[np.floating]) -> None:
        """Two who overlapped and stand apart again: whose number is whose?"""
        self._met = {pair for pair in self._met if pair <= set(followed)}
        for (i, one), (j, other) in combinations(enumerate(followed), 2):
            pair = frozenset((one, other))
            if overlap[i, j] >= APART_IOU:
                self._met.add(pair)
            elif pair in self._met and one.alone and other.alone:
                self._met.discard(pair)
                if self._changed(image, one, other):
                    one.swap(other)

    def _changed(self, image: Image, one: Track, other: Track) -> bool:
        first, second = self._looks_of(image, [one.reading.landmarks.points, other.reading.landmarks.points])
        if first is None or second is None or not len(one.looks) or not len(other.looks):
            return False
        kept = one.looks.similarity(first) + other.looks.similarity(second)
        changed = one.looks.similarity(second) + other.looks.similarity(first)
        return changed > kept + SWAP_MARGIN

    def belongs_to(self, image: Image, one: Track, other: Track) -> Track:
        """Two tracks read on one face: whose it is. Without looks, the older's; with looks at one only, that one's if
        it is as alike as a face lost far away would have to be."""
        older = one if other.id == 0 or 0 < one.id < other.id else other
        (vector,) = self._looks_of(image, [one.reading.landmarks.points])
        if vector is None or not (len(one.looks) or len(other.looks)):
            return older
        alike = [t.looks.similarity(vector) if len(t.looks) else FAR_SIMILARITY for t in (one, other)]
        return one if alike[0] > alike[1] else other

    def _looks_of(self, image: Image, points: Sequence[Floats]) -> list[Floats | None]:
        if self._appearance is None:
            return [None] * len(points)
        return list(self._appearance(image, points))


def _is_due(track: Track, time_s: float) -> bool:
    interval_s = MOVING_INTERVAL_S if track.place.speed > MOVING else LOOK_INTERVAL_S
    return time_s - track.looked_s >= interval_s or track.doubted


def _shows_face(track: Track, image: Image) -> bool:
    """Whether all of it is in the picture, and clear unless it is the first look: half a face looks like nobody."""
    return _is_inside(track, image) and (not len(track.looks) or track.reading.relative_sigma() <= CLEAR)


def is_whole(track: Track, followed: Sequence[Track], image: Image) -> bool:
    """Whether neither the picture's edges nor another face cut off face or hair."""
    beside = np.array([other.box for other in followed if other is not track]).reshape(-1, 4)
    return not touching(_with_hair(track), beside).any() and _is_inside(track, image)


def _is_inside(track: Track, image: Image) -> bool:
    head, size = _with_hair(track), np.array(image.shape[1::-1])
    return bool((head[:2] >= 0).all() and (head[2:] <= size - 1).all())


def _with_hair(track: Track) -> NDArray[np.floating]:
    room = HAIR * (track.box[2:] - track.box[:2]).max()
    return track.box + room * np.array([-1, -1, 1, 1])
