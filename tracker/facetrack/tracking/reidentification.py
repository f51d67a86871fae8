"""Re-identification: predicted position first, appearance embeddings second."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from facetrack.appearance import Appearance
from facetrack.geometry import box_iou, points_box, touching
from facetrack.landmarker import Reading
from facetrack.pose import head_pose
from facetrack.tracking.confidence import DEFAULT, Confidence
from facetrack.tracking.track import Track
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
    """Gives lost tracks back to faces that are found again, and collects embeddings of those that are followed.

    appearance: the embedding network; None leaves the position as the only evidence.
    confidence: the landmark network's: an uncertain reading is little evidence (an ear resembles its owner a little),
        and only certain ones are worth keeping.
    """

    def __init__(self, appearance: Appearance | None, confidence: Confidence = DEFAULT) -> None:
        self._appearance, self._confidence = appearance, confidence
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._overlapped: set[frozenset[Track]] = set()

    def match_lost(
        self, image: Image, readings: Sequence[Reading], tracks: Sequence[Track], time_s: float,
        first: Sequence[Floats] | None = None,
    ) -> list[Track | None]:  # fmt: skip
        """Return for each face found the lost track that it continues, or None; no track twice.

        first: (4,) boxes where faces that wait were first seen, without which they are seen first now. Who walks past
            the place of a loss does not become more likely to be the one who was lost there.
        """
        lost = [track for track in tracks if track.lost]
        owners: list[Track | None] = [None] * len(readings)
        if not lost or not readings:
            return owners
        vectors = self._embed(image, [reading.landmarks.points for reading in readings])
        boxes = [points_box(reading.landmarks.points) for reading in readings] if first is None else first
        height, width = image.shape[:2]
        size = width, height
        fit, alike = np.full((2, len(readings), len(lost)), -np.inf)
        for i, (reading, vector, box) in enumerate(zip(readings, vectors, boxes, strict=True)):
            for j, track in enumerate(lost):
                similarity = self._likeness(vector, box, track, time_s)
                alike[i, j] = similarity or 0.0
                fit[i, j] = self._score(reading, box, similarity, track, time_s, size)
        fit[alike < alike.max(axis=1, keepdims=True) - BETTER_MARGIN] = -np.inf
        while np.isfinite(fit).any():
            row, column = np.unravel_index(int(fit.argmax()), fit.shape)
            owners[int(row)] = lost[int(column)]
            fit[row, :] = fit[:, column] = -np.inf
        return owners

    def resembles_lost(self, image: Image, reading: Reading, tracks: Sequence[Track], time_s: float) -> bool:
        """Return whether a face that `match_lost` gave to nobody may yet be somebody lost, by MIN_COSINE_NEAR.

        Who comes back into the picture is cut off by its edge at first, and resembles themselves more a moment later.
        """
        box = points_box(reading.landmarks.points)
        lost = [
            t for t in tracks
            if t.lost and len(t.embeddings) and t.last_seen.distance(box, time_s) <= self._reach(t, time_s - t.seen_s)
        ]  # fmt: skip
        (vector,) = self._embed(image, [reading.landmarks.points]) if lost else (None,)
        return vector is not None and any(t.embeddings.similarity(vector) >= MIN_COSINE_NEAR for t in lost)

    def _likeness(self, vector: Floats | None, box: Floats, track: Track, time_s: float) -> float | None:
        """Return a face's similarity to a lost person: 0 where it is out of their reach, None where it is unknown."""
        if vector is None or not len(track.embeddings):
            return None
        distance = track.last_seen.distance(box, time_s)
        is_far = track.last_seen.known and distance > self._reach(track, time_s - track.seen_s)
        return 0.0 if is_far else track.embeddings.similarity(vector)

    def _score(
        self, reading: Reading, box: Floats, similarity: float | None, track: Track, time_s: float,
        size: tuple[int, int],
    ) -> float:  # fmt: skip
        """Return how well a face fits a lost track, larger is better; -inf where it cannot be that person.

        box: where it was seen first. similarity: by `_likeness`. size: (width, height) px of the picture.
        """
        away_s, distance = time_s - track.seen_s, track.last_seen.distance(box, time_s)
        farness = min(distance / (REACH + REACH_PER_S * away_s), 1.0)
        if similarity is None:
            return -distance if farness < 1 and away_s <= MOTION_ONLY_REID_S else -np.inf
        if distance <= JUMP and away_s <= MOTION_ONLY_REID_S and similarity >= MIN_COSINE_SAME:
            pose = head_pose(reading.landmarks.points, size)
            if pose is not None and not track.embeddings.has_view(pose.yaw_deg):
                return similarity - 0.05 * distance  # from a side not seen yet: its place speaks for it
        doubt = max(farness, self._confidence.doubt(self._confidence(reading)))
        least = MIN_COSINE_NEAR + doubt * (MIN_COSINE_FAR - MIN_COSINE_NEAR)
        if similarity < (least if track.last_seen.known else MIN_COSINE_AFTER_CUT):
            return -np.inf
        return similarity - 0.05 * min(distance, MAX_DISTANCE)

    def _reach(self, track: Track, away_s: float) -> float:
        """Return how far a face can have gone in a time, in its sizes."""
        # Points that slid off lie beside the face; the position of an occluded one is from before that.
        aside = 0.0 if track.occluded else self._confidence.doubt(self._confidence(track.reading))
        return JUMP + aside + MAX_SPEED_PER_S * away_s

    def update(self, image: Image, followed: Sequence[Track], time_s: float) -> list[Track]:
        """Mark occlusions, undo ID swaps, and embed the face whose last embedding is oldest; once a frame.

        Returns the lost track of a person whose track turns out to follow somebody else.
        """
        if len(followed) > 1:
            self._mark_occlusions(image, followed)
        else:
            self._overlapped.clear()
            for track in followed:
                track.set_unoccluded(unoccluded=True)
        if self._appearance is None:
            return []
        due = [t for t in followed if t.unoccluded and _is_due(t, time_s) and self._embeddable(t, image)]
        if not due:
            return []
        track = min(due, key=lambda t: t.embedded_s)
        return self._add_embedding(track, self._appearance(image, [track.reading.landmarks.points])[0])

    def _mark_occlusions(self, image: Image, followed: Sequence[Track]) -> None:
        boxes = np.stack([track.box for track in followed])
        overlap = box_iou(boxes, boxes)
        np.fill_diagonal(overlap, 0)
        for track, others in zip(followed, overlap.max(axis=1).tolist(), strict=True):
            track.set_unoccluded(unoccluded=others < APART_IOU)
        if self._appearance is not None:
            self._undo_id_swaps(image, followed, overlap)

    def _add_embedding(self, track: Track, vector: Floats) -> list[Track]:
        # A head that is followed while it turns shows a side that resembles its front but little.
        comparable = track.embeddings.has_view(track.yaw_deg)
        if comparable and track.embeddings.similarity(vector) < MIN_COSINE_SAME:
            if not track.suspect:
                track.suspect = True  # embedded again in the next frame
                return []
            lost = track.detach_identity()
            track.add_embedding(vector)
            return [lost]
        track.add_embedding(vector)
        return []

    def _undo_id_swaps(self, image: Image, followed: Sequence[Track], overlap: NDArray[np.floating]) -> None:
        """Compare two faces that overlapped and are apart again with the embeddings of both tracks."""
        self._overlapped = {pair for pair in self._overlapped if pair <= set(followed)}
        for (i, one), (j, other) in combinations(enumerate(followed), 2):
            pair = frozenset((one, other))
            if overlap[i, j] >= APART_IOU:
                self._overlapped.add(pair)
            elif pair in self._overlapped and one.unoccluded and other.unoccluded:
                self._overlapped.discard(pair)
                if self._ids_swapped(image, one, other):
                    one.swap_identity(other)

    def _ids_swapped(self, image: Image, one: Track, other: Track) -> bool:
        first, second = self._embed(image, [one.reading.landmarks.points, other.reading.landmarks.points])
        if first is None or second is None or not len(one.embeddings) or not len(other.embeddings):
            return False
        kept = one.embeddings.similarity(first) + other.embeddings.similarity(second)
        changed = one.embeddings.similarity(second) + other.embeddings.similarity(first)
        return changed > kept + SWAP_MARGIN

    def resolve_duplicates(self, image: Image, followed: Sequence[Track], same_face_iou: float) -> None:
        """Mark as occluded the one of two tracks on one face that it does not belong to."""
        for track, other in combinations(followed, 2):
            if track.followed and other.followed and track.overlap(other.box) > same_face_iou:
                owner = self.owner_of_duplicate(image, track, other)
                (other if owner is track else track).occlude()

    def owner_of_duplicate(self, image: Image, one: Track, other: Track) -> Track:
        """Return which of two tracks that were read on one face it belongs to.

        The older one's without embeddings; with embeddings of one only, that one's if it is as similar as a face lost
        far away would have to be.
        """
        older = one if other.id == 0 or 0 < one.id < other.id else other
        (vector,) = self._embed(image, [one.reading.landmarks.points])
        if vector is None or not (len(one.embeddings) or len(other.embeddings)):
            return older
        alike = [t.embeddings.similarity(vector) if len(t.embeddings) else MIN_COSINE_FAR for t in (one, other)]
        return one if alike[0] > alike[1] else other

    def _embeddable(self, track: Track, image: Image) -> bool:
        """Return whether all of it is shown, and clear unless it is the first: half a face resembles nobody."""
        is_clear = not len(track.embeddings) or self._confidence(track.reading) >= self._confidence.clear
        return is_clear and _is_inside(track, image)

    def _embed(self, image: Image, points: Sequence[Floats]) -> list[Floats | None]:
        if self._appearance is None:
            return [None] * len(points)
        return list(self._appearance(image, points))


def _is_due(track: Track, time_s: float) -> bool:
    is_short = track.last_seen.speed > MOVING_SPEED or not track.embeddings.has_view(track.yaw_deg)
    interval_s = MOVING_EMBEDDING_INTERVAL_S if is_short else EMBEDDING_INTERVAL_S
    return time_s - track.embedded_s >= interval_s or track.suspect


def is_unoccluded(track: Track, followed: Sequence[Track], image: Image) -> bool:
    """Return whether neither the picture's edges nor another face cut off face or hair."""
    beside = np.array([other.box for other in followed if other is not track]).reshape(-1, 4)
    return not touching(_head_box(track), beside).any() and _is_inside(track, image)


def _is_inside(track: Track, image: Image) -> bool:
    head, size = _head_box(track), np.array(image.shape[1::-1])
    return bool((head[:2] >= 0).all() and (head[2:] <= size - 1).all())


def _head_box(track: Track) -> NDArray[np.floating]:
    room = HEAD_MARGIN * (track.box[2:] - track.box[:2]).max()
    return track.box + room * np.array([-1, -1, 1, 1])
