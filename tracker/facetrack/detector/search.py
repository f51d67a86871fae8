"""Search of an image by a detector: the whole first, then parts of it, for small faces and faces on their side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.detector.stillness import Stillness, reduced
from facetrack.detector.tiles import Tiles, shifted
from facetrack.types import Detections, Floats, Image

if TYPE_CHECKING:
    from facetrack.detector import Detector

SURE_SCORE = 0.5
"""Score from which a detection is read as a face."""
HINT_SCORE = 0.2
"""Score from which a small detection is a hint to look closer.

Of held-out faces of 24 px in 640x480, 12 px in an input of 320, .48 score over .5, .90 over this, beside 1.9 false
hints a picture; in the part around them .97 score over .5 (docs/experiments.md).
"""

MOST_WEAK, MOST_WEAK_ALONE, MOST_WEAK_SINGLE = 1, 4, 16
"""Detections under SURE_SCORE that are read in a search, each at the cost of a followed face: of a frame in which faces
are followed, of one without, of a picture on its own."""

NOBODY: Floats = np.zeros((0, 4), np.float32)
"""Boxes of the followed faces where there is none."""
Free = Callable[[Detections], NDArray[np.intp]]
"""Returns the indices of the boxes over no followed face."""
Part = tuple[Image, Callable[[Detections], Detections]]
"""Image to search, and the map of its detections to px of the whole image."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Detections over no followed face.

    found: all detections, in px of the whole image.
    sure: indices of those of at least SURE_SCORE, best first.
    weak: indices of those below it that the landmark network should evaluate. Of held-out heads turned by 60 to 90
        degrees .57 have a score over .5 and .87 over .2, where .8 of the faces pass as certain and .002 of what is no
        face (docs/experiments.md).
    """

    found: Detections
    sure: NDArray[np.intp]
    weak: NDArray[np.intp]


class Search(Protocol):
    """Search of an image in several passes."""

    def reset(self) -> None: ...

    def __call__(
        self, detector: Detector, image: Image, free: Free, followed: Floats, missed: bool
    ) -> Iterator[Candidates]:
        """Yield each pass's candidates; `free` is asked anew in each, so that what was found need not be read again.

        followed: (N, 4) boxes of the followed faces. missed: whether somebody was lost a moment ago.
        """


class CoarseToFine:
    """Search of a frame: the whole first, then at most one part of it where the whole shows no free face.

    Parts are the surroundings of a small detection under SURE_SCORE, and in turn the tiles and the whole image in
    quarter turns, for faces that lie on their side. Detections under SURE_SCORE take turns as `Candidates.weak`.
    A picture in which nothing moves is searched a number of times, then seldom (`Stillness`).

    While everybody is followed, these passes are shared among three searches: the first sees the whole, the second what
    it hinted at, the third the next tile or quarter turn; the latter two after a reduced picture, for a near face.
    """

    FINE_PX = 320, 240
    """Width and height of the part around a hint: a detector that downsamples to 320 px sees it at its full size."""
    COARSE_PX = 160
    """Longer side of the reduced picture, at least: a quarter of the time, and of held-out faces of 80 px in 640x480
    .93, of 120 px .99 are found, as of half the size in the whole."""
    CLOSER_EVERY = 3
    """While somebody is followed, every CLOSER_EVERY-th search may look at the next tile or quarter turn."""
    ROUNDS = CLOSER_EVERY
    """Searches per tile and quarter turn until an unchanged picture is known."""

    def __init__(self) -> None:
        self._tiles, self._still = Tiles(), Stillness()
        self.reset()

    def reset(self) -> None:
        self._tiles.reset()
        self._still.reset()
        self._alone = True
        self._searches = self._turn = self._part_turn = self._weak_turn = 0
        self._hints = NOBODY

    def __call__(
        self, detector: Detector, image: Image, free: Free, followed: Floats = NOBODY, missed: bool = False
    ) -> Iterator[Candidates]:
        """Yield the candidates of the whole frame, then of one part of it, if the whole shows no sure one."""
        alone = len(followed) == 0
        if alone and not self._alone:
            self._still.reset()  # whoever was followed may still be there
        self._alone = alone
        height, width = image.shape[:2]
        small, parts = reduced(image, self.COARSE_PX), len(self._tiles.origins(width, height)) + 2
        own = None if alone else followed / np.tile((width, height), 2)
        if self._still(small, self.ROUNDS * parts, own):
            return
        self._searches += 1
        turn = self._searches % self.CLOSER_EVERY
        shared = not (alone or missed or self._still.is_known)
        if shared and turn != 1:
            first = _sure_of((small, partial(enlarged, small=small.shape, size=image.shape)), detector, free)
        else:
            first = self._whole(detector, image, free, alone)
        yield first
        hints = self._hints if not shared or turn == 2 else NOBODY
        part = None if len(first.sure) else self._part(image, hints, everywhere=alone or turn == 0)
        if part is not None:
            yield _sure_of(part, detector, free)

    def _whole(self, detector: Detector, image: Image, free: Free, alone: bool) -> Candidates:
        """Search the whole frame, and keep its small weak detections as hints, best first."""
        found = detector(image)
        sure, weak = _by_score(found, free)
        shown, most = weak, MOST_WEAK_ALONE if alone else MOST_WEAK
        if len(weak) > most:
            shown = np.roll(weak, -self._weak_turn)[:most]
            self._weak_turn = (self._weak_turn + most) % len(weak)
        boxes = found.boxes[weak]
        small = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) <= Tiles.OVERLAP_PX
        self._hints = boxes[small] if self._tiles.origins(image.shape[1], image.shape[0]) else NOBODY
        return Candidates(found, sure, shown)

    def _part(self, image: Image, hints: Floats, everywhere: bool) -> Part | None:
        """Return the part to search next, around one of the (N, 4) hints or, if everywhere, the next of all parts."""
        choices = len(hints) + everywhere
        if choices == 0:
            return None
        chosen = self._turn % choices
        self._turn += 1
        return self._next(image) if chosen == len(hints) else self._around(image, hints[chosen])

    def _around(self, image: Image, hint: Floats) -> Part:
        wide, high = self.FINE_PX
        limit = np.maximum(0, np.array(image.shape[1::-1]) - self.FINE_PX)
        x, y = np.rint(np.clip((hint[:2] + hint[2:] - self.FINE_PX) / 2, 0, limit)).astype(int).tolist()
        return image[y : y + high, x : x + wide], partial(shifted, origin=(x, y))

    def _next(self, image: Image) -> Part:
        """Return the next of the tiles, followed by the two quarter turns."""
        tiles = len(self._tiles.origins(image.shape[1], image.shape[0]))
        chosen = self._part_turn % (tiles + 2)
        self._part_turn += 1
        if chosen < tiles and (tile := self._tiles.next(image)) is not None:
            return tile[0], partial(shifted, origin=tile[1])
        return quarter_turned(image, clockwise=chosen == tiles)


class Thorough:
    """Search of a picture on its own: the whole, all tiles, and the whole in both quarter turns."""

    def reset(self) -> None: ...

    def __call__(
        self, detector: Detector, image: Image, free: Free, followed: Floats = NOBODY, missed: bool = False
    ) -> Iterator[Candidates]:
        found = detector(image)
        sure, weak = _by_score(found, free)
        yield Candidates(found, sure, weak[:MOST_WEAK_SINGLE])
        tiles = Tiles()
        for x, y in tiles.origins(image.shape[1], image.shape[0]):
            tile = image[y : y + tiles.size[1], x : x + tiles.size[0]]
            part = tile, partial(_whole_ones, origin=(x, y), tile=tile.shape, image=image.shape)
            yield _sure_of(part, detector, free)
        for clockwise in (True, False):
            yield _sure_of(quarter_turned(image, clockwise), detector, free)


def _by_score(found: Detections, free: Free) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of the free detections of at least SURE_SCORE, and of the others."""
    indices = free(found)
    sure = found.scores[indices] >= SURE_SCORE
    return indices[sure], indices[~sure]


def _sure_of(part: Part, detector: Detector, free: Free) -> Candidates:
    """Search a part of the image, whose weak detections are left alone."""
    found = part[1](detector(part[0]))
    return Candidates(found, _by_score(found, free)[0], np.zeros(0, np.intp))


def _whole_ones(
    found: Detections, origin: tuple[int, int], tile: tuple[int, ...], image: tuple[int, ...]
) -> Detections:
    """Return a tile's detections in px of the image, without those that the tile's edges cut and the image's do not."""
    moved, low = shifted(found, origin), np.array(origin)
    high = low + tile[1::-1]
    cut = (moved.boxes[:, :2] < low) & (low > 0) | (moved.boxes[:, 2:] > high) & (high < image[1::-1])
    whole = ~cut.any(axis=1)
    keypoints = None if moved.keypoints is None else moved.keypoints[whole]
    return Detections(moved.boxes[whole], moved.scores[whole], keypoints)


def enlarged(detections: Detections, small: tuple[int, ...], size: tuple[int, ...]) -> Detections:
    """Map the detections in a reduced image to the image of `size` (height, width, ..)."""
    ratio = np.array([size[1] / small[1], size[0] / small[0]], np.float32)

    def there(points: Floats) -> Floats:
        return (points + np.float32(0.5)) * ratio - np.float32(0.5)

    boxes = there(detections.boxes.reshape(-1, 2, 2)).reshape(-1, 4)
    keypoints = None if detections.keypoints is None else there(detections.keypoints)
    return Detections(boxes, detections.scores, keypoints)


def quarter_turned(image: Image, clockwise: bool) -> Part:
    """Return the image in a quarter turn, and the map of its detections back."""
    code = cv2.ROTATE_90_CLOCKWISE if clockwise else cv2.ROTATE_90_COUNTERCLOCKWISE
    return np.asarray(cv2.rotate(image, code), np.uint8), partial(turned_back, clockwise=clockwise, size=image.shape)


def turned_back(detections: Detections, clockwise: bool, size: tuple[int, ...]) -> Detections:
    """Map the detections in a quarter-turned image to the image of `size` (height, width, ..)."""
    height, width = size[:2]

    def back(points: Floats) -> Floats:
        across, down = points[..., 0], points[..., 1]
        x, y = (down, height - 1 - across) if clockwise else (width - 1 - down, across)
        return np.stack([x, y], axis=-1)

    corners = back(detections.boxes.reshape(-1, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    keypoints = None if detections.keypoints is None else back(detections.keypoints)
    return Detections(boxes, detections.scores, keypoints)
