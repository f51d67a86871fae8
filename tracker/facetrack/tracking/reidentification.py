"""Re-identification: predicted position first, appearance embeddings second."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from facetrack.appearance import Appearance, EmbeddingGallery
from facetrack.geometry import box_iou, touching
from facetrack.pose import head_pose
from facetrack.tracking.confidence import DEFAULT, Confidence
from facetrack.tracking.track import SAME_FACE_IOU, Person, Track
from facetrack.types import Floats, Image

REACH = 1.0
REACH_PER_S = 2.0
"""A lost face is expected within REACH of its last position, in units of its size, and REACH_PER_S more for each second
it was lost."""
JUMP, MAX_SPEED_PER_S = 0.8, 8.0
"""It cannot have gone further than JUMP and MAX_SPEED_PER_S, in the same units."""
MOTION_ONLY_REID_S = 2.0
"""Seconds after the loss for which the position alone is enough."""
MIN_COSINE_NEAR = 0.5
"""Least cosine similarity to a face that was lost at this very position. Of pairs of two held-out people 5 % are more
similar than .58, 1 % than .72, .1 % than .85."""
MIN_COSINE_FAR = 0.75
"""The same at the end of its reach or beyond, or of a reading that only just passes as a face."""
MIN_COSINE_AFTER_CUT = 0.9
"""The same after a scene cut."""
MAX_WAITING_READINGS = 10
"""Readings after which a face counts as a new person's that is partly occluded, or like a lost one, until then."""
MAX_DISTANCE = 10.0
"""Distance in sizes of the face beyond which all positions are equally far."""
MIN_COSINE_SAME = 0.3
"""A face less similar to its own embeddings is somebody else, onto whom the points have slid, or who stands where the
face was lost."""
EMBEDDING_INTERVAL_S = 0.5
MOVING_SPEED, MOVING_EMBEDDING_INTERVAL_S = 0.5, 0.15
"""Interval between embeddings of a face; shorter for one that moves by more than half its size a second, since its
points may have slid onto somebody who walks past, and for one seen from a side that is not in its gallery yet."""
HEAD_MARGIN = 0.15
"""Room around the points' box, over its longer side, for hair and chin."""
APART_IOU = 0.1
"""Two boxes that overlap less are apart."""
BETTER_MARGIN = 0.1
"""A face is not given to a lost person near by where another one within reach resembles it more by this much cosine."""
SWAP_MARGIN = 0.3
"""Two people who overlapped have swapped IDs if that fits their embeddings better by this much cosine, summed."""


class Reidentifier:
    """Gives lost people back to faces that are found again, and collects embeddings of those that are followed.

    appearance: the embedding network; None leaves the position as the only evidence.
    confidence: the landmark network's: an uncertain reading is little evidence (an ear resembles its owner a little),
        and only certain ones are worth keeping.
    """

    def __init__(self, appearance: Appearance | None, confidence: Confidence = DEFAULT) -> None:
        self._appearance, self._confidence = appearance, confidence
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._overlapped: set[frozenset[Person]] = set()

    def match_lost(
        self, image: Image, tracks: Sequence[Track], lost: Sequence[Person], time_s: float
    ) -> list[Person | None]:
        """Return for each track of nobody the lost person whom it follows, or None; no person twice.

        It is scored by where it was first seen: who walks past the place of a loss does not become more likely to be
        the one who was lost there.
        """
        owners: list[Person | None] = [None] * len(tracks)
        if not lost or not tracks:
            return owners
        size = image.shape[1], image.shape[0]
        fit, alike = np.full((2, len(tracks), len(lost)), -np.inf)
        for i, (track, vector) in enumerate(zip(tracks, self._embed(image, tracks), strict=True)):
            for j, person in enumerate(lost):
                similarity = self._likeness(vector, track, person, time_s)
                alike[i, j] = similarity or 0.0
                fit[i, j] = self._score(track, similarity, person, time_s, size)
        fit[alike < alike.max(axis=1, keepdims=True) - BETTER_MARGIN] = -np.inf
        while np.isfinite(fit).any():
            row, column = np.unravel_index(int(fit.argmax()), fit.shape)
            owners[int(row)] = lost[int(column)]
            fit[row, :] = fit[:, column] = -np.inf
        return owners

    def may_be_lost(
        self, image: Image, track: Track, tracks: Sequence[Track], lost: Sequence[Person], time_s: float
    ) -> bool:
        """Return whether a face that `match_lost` gave to nobody may yet be somebody lost, up to MAX_WAITING_READINGS.

        One that is partly occluded, or resembles them by MIN_COSINE_NEAR: who comes back into the picture is cut off by
        its edge at first, and resembles themselves more a moment later.
        """
        if not lost or track.readings >= MAX_WAITING_READINGS:
            return False
        if not _is_unoccluded(track, tracks, image):
            return True
        near = [
            p.embeddings for p in lost
            if len(p.embeddings) and p.last_seen.distance(track.box, time_s) <= self._reach(p, time_s)
        ]  # fmt: skip
        (vector,) = self._embed(image, [track]) if near else (None,)
        return vector is not None and any(known.similarity(vector) >= MIN_COSINE_NEAR for known in near)

    def _likeness(self, vector: Floats | None, track: Track, person: Person, time_s: float) -> float | None:
        """Return a face's similarity to a lost person: 0 where it is out of their reach, None where it is unknown."""
        if vector is None or not len(person.embeddings):
            return None
        distance = person.last_seen.distance(track.first_seen.box, time_s)
        is_far = person.last_seen.known and distance > self._reach(person, time_s)
        return 0.0 if is_far else person.embeddings.similarity(vector)

    def _score(
        self, track: Track, similarity: float | None, person: Person, time_s: float, size: tuple[int, int]
    ) -> float:
        """Return how well a face fits a lost person, larger is better; -inf where it cannot be that person.

        similarity: by `_likeness`. size: (width, height) px of the picture.
        """
        last = person.last_seen
        away_s, distance = time_s - last.time_s, last.distance(track.first_seen.box, time_s)
        farness = min(distance / (REACH + REACH_PER_S * away_s), 1.0)
        if similarity is None:
            return -distance if farness < 1 and away_s <= MOTION_ONLY_REID_S else -np.inf
        if distance <= JUMP and away_s <= MOTION_ONLY_REID_S and similarity >= MIN_COSINE_SAME:
            pose = head_pose(track.reading.landmarks.points, size)
            if pose is not None and not person.embeddings.has_view(pose.yaw_deg):
                return similarity - 0.05 * distance  # from a side not seen yet: its place speaks for it
        doubt = max(farness, self._doubt(track))
        least = MIN_COSINE_NEAR + doubt * (MIN_COSINE_FAR - MIN_COSINE_NEAR)
        if similarity < (least if last.known else MIN_COSINE_AFTER_CUT):
            return -np.inf
        return similarity - 0.05 * min(distance, MAX_DISTANCE)

    def _reach(self, person: Person, time_s: float) -> float:
        """Return how far a lost face can have gone, in its sizes."""
        # Points that slid off lie beside the face; the position of an occluded one is from before that.
        aside = 0.0 if person.ended is None else self._doubt(person.ended)
        return JUMP + aside + MAX_SPEED_PER_S * (time_s - person.last_seen.time_s)

    def _doubt(self, track: Track) -> float:
        return self._confidence.doubt(self._confidence(track.reading))

    def update(self, image: Image, tracks: Sequence[Track], time_s: float) -> None:
        """Undo ID swaps, and embed the person whose last embedding is oldest; once a frame.

        A track that turns out to follow somebody else has no person from here on.
        """
        unoccluded = set(tracks)
        if len(tracks) > 1:
            overlap = _overlaps(tracks)
            unoccluded = {track for track, most in zip(tracks, overlap.max(axis=1), strict=True) if most < APART_IOU}
            self._undo_id_swaps(image, tracks, overlap, unoccluded)
        else:
            self._overlapped.clear()  # of two people one is no longer followed
        followed = [(track, track.person) for track in tracks if track in unoccluded and track.person is not None]
        for track, person in followed:
            person.last_seen = track.last_seen
        due = [pair for pair in followed if _is_due(*pair, time_s) and self._embeddable(*pair, image)]
        if self._appearance is not None and due:
            self._add_embedding(image, *min(due, key=lambda pair: pair[1].embedded.time_s))

    def _add_embedding(self, image: Image, track: Track, person: Person) -> None:
        (vector,) = self._embed(image, [track])
        assert vector is not None  # there is a network
        # A head that is followed while it turns shows a side that resembles its front but little.
        comparable = person.embeddings.has_view(track.yaw_deg)
        if not comparable or person.embeddings.similarity(vector) >= MIN_COSINE_SAME:
            person.add_embedding(vector, track)
            track.suspect = False
        elif not track.suspect:
            track.suspect = True  # embedded again in the next frame
        else:
            track.person, track.suspect, person.last_seen = None, False, person.embedded

    def _undo_id_swaps(
        self, image: Image, tracks: Sequence[Track], overlap: NDArray[np.floating], unoccluded: Collection[Track]
    ) -> None:
        """Compare two faces that overlapped and are apart again with the embeddings of both people."""
        followed = {track.person for track in tracks}
        self._overlapped = {pair for pair in self._overlapped if pair <= followed}
        for (i, one), (j, other) in combinations(enumerate(tracks), 2):
            if one.person is None or other.person is None:
                continue
            pair = frozenset((one.person, other.person))
            if overlap[i, j] >= APART_IOU:
                self._overlapped.add(pair)
            elif pair in self._overlapped and one in unoccluded and other in unoccluded:
                self._overlapped.discard(pair)
                if self._ids_swapped(image, one, other):
                    one.person, other.person = other.person, one.person

    def _ids_swapped(self, image: Image, one: Track, other: Track) -> bool:
        known = [_embeddings(track) for track in (one, other)]
        first, second = self._embed(image, [one, other]) if all(map(len, known)) else (None, None)
        if first is None or second is None:
            return False
        kept = known[0].similarity(first) + known[1].similarity(second)
        return known[0].similarity(second) + known[1].similarity(first) > kept + SWAP_MARGIN

    def without_duplicates(self, image: Image, tracks: Sequence[Track]) -> list[Track]:
        """Return the tracks without those on the face of another one, which it belongs to."""
        kept = list(tracks)
        if len(kept) < 2:
            return kept
        for i, j in np.argwhere(np.triu(_overlaps(tracks)) > 1.5 * SAME_FACE_IOU):
            track, other = tracks[i], tracks[j]
            if track in kept and other in kept:
                kept.remove(other if self.owner_of_duplicate(image, track, other) is track else track)
        return kept

    def owner_of_duplicate(self, image: Image, one: Track, other: Track) -> Track:
        """Return which of two tracks that were read on one face it belongs to.

        The older person's without embeddings; with embeddings of one only, that one's if it is as similar as a face
        lost far away would have to be.
        """
        (vector,) = self._embed(image, [one])
        known = [_embeddings(track) for track in (one, other)]
        if vector is None or not any(map(len, known)):
            return min(one, other, key=lambda t: math.inf if t.person is None else t.person.id)
        alike = [gallery.similarity(vector) if len(gallery) else MIN_COSINE_FAR for gallery in known]
        return one if alike[0] > alike[1] else other

    def _embeddable(self, track: Track, person: Person, image: Image) -> bool:
        """Return whether all of it is shown, and clear unless it is the first: half a face resembles nobody."""
        is_clear = not len(person.embeddings) or self._confidence(track.reading) >= self._confidence.clear
        return is_clear and _is_inside(track, image)

    def _embed(self, image: Image, tracks: Sequence[Track]) -> list[Floats | None]:
        """Return the embedding of each track's last reading, which is of this picture; each is computed once."""
        new = [track for track in tracks if track.vector is None]
        if self._appearance is not None and new:
            vectors = self._appearance(image, [track.reading.landmarks.points for track in new])
            for track, vector in zip(new, vectors, strict=True):
                track.vector = vector
        return [track.vector for track in tracks]


def _embeddings(track: Track) -> EmbeddingGallery:
    return EmbeddingGallery() if track.person is None else track.person.embeddings


def _overlaps(tracks: Sequence[Track]) -> NDArray[np.floating]:
    """(N, N) intersections over union of different tracks, 0 on the diagonal."""
    if len(tracks) < 2:
        return np.zeros((len(tracks), len(tracks)))
    boxes = np.stack([track.box for track in tracks])
    overlap = box_iou(boxes, boxes)
    np.fill_diagonal(overlap, 0)
    return overlap


def _is_due(track: Track, person: Person, time_s: float) -> bool:
    is_short = track.last_seen.speed > MOVING_SPEED or not person.embeddings.has_view(track.yaw_deg)
    interval_s = MOVING_EMBEDDING_INTERVAL_S if is_short else EMBEDDING_INTERVAL_S
    return time_s - person.embedded.time_s >= interval_s or track.suspect


def _is_unoccluded(track: Track, tracks: Sequence[Track], image: Image) -> bool:
    """Return whether neither the picture's edges nor another face cut off face or hair."""
    beside = np.array([other.box for other in tracks if other is not track]).reshape(-1, 4)
    return not touching(np.array(_head_box(track)), beside).any() and _is_inside(track, image)


def _is_inside(track: Track, image: Image) -> bool:
    (left, top, right, bottom), (height, width) = _head_box(track), image.shape[:2]
    return left >= 0 and top >= 0 and right <= width - 1 and bottom <= height - 1


def _head_box(track: Track) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = track.box.tolist()
    room = HEAD_MARGIN * max(x1 - x0, y1 - y0)
    return x0 - room, y0 - room, x1 + room, y1 + room
