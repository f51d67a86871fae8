"""One followed face: where it is expected next, what it looks like, and the filters that belong to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from facetrack.appearance import Looks
from facetrack.geometry import CropBox, box_iou, crops_from_points, points_box
from facetrack.landmarker import Reading
from facetrack.signals import FaceSignals
from facetrack.smoothing.landmarks import SMOOTHING, FaceSmoother, smooth_together
from facetrack.smoothing.one_euro import OneEuro, OneEuroOptions
from facetrack.types import Floats, Landmarks


class CropFilter:
    """Steadies the crop: its trembling would come back as trembling of the points.

    Delay: 1 / (2 pi 1.5 Hz) = 106 ms at rest, falling with speed; the network tolerates a crop that is late by a tenth
    of the face. It never delays the points themselves, which are read where they are in the frame.
    """

    OPTIONS = OneEuroOptions(min_cutoff_hz=1.5, beta=20.0, d_cutoff_hz=3.0)

    def __init__(self) -> None:
        self._centre = OneEuro[complex](self.OPTIONS)
        self._log_size, self._roll = OneEuro[float](self.OPTIONS), OneEuro[float](self.OPTIONS)
        self.reset()

    def reset(self) -> None:
        self._centre.reset()
        self._log_size.reset()
        self._roll.reset()
        self._roll_rad: float | None = None

    def __call__(self, crop: CropBox, time_s: float) -> CropBox:
        roll = crop.roll_rad
        if self._roll_rad is not None:  # unwrapped: a head passing upside down must not spin the filter
            roll = self._roll_rad + (roll - self._roll_rad + math.pi) % (2 * math.pi) - math.pi
        self._roll_rad = roll
        centre = self._centre(complex(crop.x, crop.y), time_s, scale=crop.size_px)
        size_px = math.exp(self._log_size(math.log(crop.size_px), time_s))
        return CropBox(centre.real, centre.imag, size_px, self._roll(roll, time_s))


class Velocity:
    """Where a face will be if it goes on as it went: constant velocity, from its last two places.

    No delay: a head that starts to move is late by one frame, then met where it goes. What trembling alone moves is
    taken off, so a head at rest is expected where it is.
    """

    NEW = 0.7
    """Weight of the newest step in the velocity."""
    TREMBLING = 0.02
    FARTHEST = 0.8
    """Of the face's size: a shift that counts as none, and the longest one foretold."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last: tuple[complex, float] | None = None
        self.px_per_s = 0j

    def take(self, centre: complex, time_s: float) -> None:
        """centre: x + iy px at time_s, later than the last."""
        if self._last is not None:
            newest = (centre - self._last[0]) / (time_s - self._last[1])
            self.px_per_s = self.NEW * newest + (1 - self.NEW) * self.px_per_s
        self._last = centre, time_s

    def shift_px(self, ahead_s: float, size_px: float) -> complex:
        """x + iy px from the last place to the one `ahead_s` later."""
        shift = self.px_per_s * ahead_s
        length = abs(shift) / size_px
        if length <= self.TREMBLING:
            return 0j
        return shift * (min(length - self.TREMBLING, self.FARTHEST) / length)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a face was: (4,) box px, when, and how fast its middle went, x + iy px/s. known: whether that still says
    anything; after a cut in the film it does not."""

    box: Floats
    time_s: float
    px_per_s: complex
    known: bool = True

    GOES_ON_S: ClassVar[float] = 0.5
    """Unseen, it is expected to go on for so long."""

    @property
    def size_px(self) -> float:
        """The box's longer side."""
        x0, y0, x1, y1 = self.box.tolist()
        return max(x1 - x0, y1 - y0)

    @property
    def speed(self) -> float:
        """In sizes of the face per second."""
        return abs(self.px_per_s) / self.size_px

    def distance(self, box: Floats, time_s: float) -> float:
        """To another box at a later time: of the centres, in units of this one's longer side, as if it had stood or
        gone on, whichever is nearer, plus the log of the ratio of their sizes; inf if the place says nothing."""
        if not self.known:
            return math.inf
        x0, y0, x1, y1 = box.tolist()
        left, top, right, bottom = self.box.tolist()
        way = complex(x0 + x1 - left - right, y0 + y1 - top - bottom) / 2
        gone = self.px_per_s * min(time_s - self.time_s, self.GOES_ON_S)
        gap = min(abs(way), abs(way - gone))
        return gap / self.size_px + abs(math.log(max(x1 - x0, y1 - y0) / self.size_px))


class Track:
    """A face that is followed, or was.

    id: its number from 1, 0 until it is confirmed. signals: followed from then on. readings: how often it was read
    since it was last lost. place: the extent of its last points; of a hidden one, of the last that nobody else's
    overlapped. alone: nobody else's box overlaps it. looks: what it looked like, last at looked_s. doubted: somebody
    else was seen then.
    """

    BRIEF_S = 0.1
    """Who was lost for no longer goes on with the same velocity: a fast head that the detector had to find again."""

    def __init__(self, margin: float, smoothing: str) -> None:
        self.id = 0
        self.signals: FaceSignals | None = None
        self.readings = 0
        self.margin = margin
        self._smoothing = smoothing
        self.smoother = FaceSmoother(SMOOTHING[smoothing])
        self._crop_filter = CropFilter()
        self._velocity = Velocity()
        self.looks, self.looked_s, self.doubted = Looks(), -math.inf, False
        self.followed = self.just_lost = self.hidden = False
        self.alone = True
        self.place = Place(np.zeros(4, np.float32), -math.inf, 0j)

    def restart(self, reading: Reading, time_s: float) -> None:
        """Begin, or begin again after a loss: the filters start afresh."""
        self.smoother.reset()
        self._crop_filter.reset()
        new = math.isinf(self.seen_s)
        if time_s - self.seen_s > self.BRIEF_S:
            self._velocity.reset()
        self.followed, self.just_lost, self.hidden, self.doubted = True, False, False, False
        self.readings = 0
        self.take(reading, time_s)
        if new:
            self._alone = self._looked = self.place

    def take(self, reading: Reading, time_s: float) -> None:
        """A new reading of the followed face."""
        take_all([self], [reading], time_s)

    def took(self, reading: Reading, points: Floats, box: Floats, crop: CropBox, time_s: float) -> None:
        """See `take_all`. points: the reading's, smoothed; box, crop: around the reading's own."""
        self.reading = reading
        self.readings += 1
        self.landmarks = Landmarks(points, reading.landmarks.sigma)
        self._velocity.take(complex(crop.x, crop.y), time_s)
        self.place = Place(box, time_s, self._velocity.px_per_s)
        self._crop: CropBox = self._crop_filter(crop, time_s)

    @property
    def box(self) -> Floats:
        return self.place.box

    @property
    def seen_s(self) -> float:
        return self.place.time_s

    @property
    def confirmed(self) -> bool:
        return self.id > 0

    @property
    def lost(self) -> bool:
        """Known, and not there."""
        return self.confirmed and not self.followed

    def confirm(self, number: int, signals: FaceSignals) -> None:
        """It is a face, and nobody known: it gets its number."""
        self.id, self.signals = number, signals

    def crop_at(self, time_s: float) -> CropBox:
        """Where to look for it: where it goes if it is followed, where it was if it was lost."""
        if not self.followed:
            return self._crop
        shift = self._velocity.shift_px(time_s - self.seen_s, self._crop.size_px / self.margin)
        return replace(self._crop, x=self._crop.x + shift.real, y=self._crop.y + shift.imag)

    def lose(self) -> None:
        """Not there in this frame: remembered, not followed."""
        self.followed, self.just_lost = False, self.followed

    def look(self, vector: Floats) -> None:
        """Remember what it looks like now."""
        self.looks.add(vector)
        self.looked_s, self.doubted = self.seen_s, False
        self._looked = self.place

    def replaced(self) -> Track:
        """Somebody else is followed here: returns the person, lost where the last look was; this one has no number."""
        person = Track(self.margin, self._smoothing)
        person.swap(self)
        person.place = person._alone = person._looked = self._looked
        person.hidden = True
        return person

    def stand(self, alone: bool) -> None:
        """Whether nobody else's box overlaps it in this frame; where it last stood alone is kept."""
        self.alone = alone
        if alone:
            self._alone = self.place

    def hide(self) -> None:
        """Lost behind another face, on which it was read last: it is expected where it stood alone."""
        self.lose()
        self.hidden = True
        self.place = self._alone

    def cut_off(self) -> None:
        """Lost by a cut in the film: only its looks can bring it back."""
        self.hide()
        self.just_lost = False
        self.place = replace(self.place, known=False)

    def swap(self, other: Track) -> None:
        """The two had changed numbers: change them back, with what belongs to the person rather than to the place."""
        self.id, other.id = other.id, self.id
        self.signals, other.signals = other.signals, self.signals
        self.looks, other.looks = other.looks, self.looks

    def overlap(self, box: Floats) -> float:
        """0..1: intersection over union with another box."""
        return float(box_iou(self.box[None], box[None])[0, 0])


def take_all(tracks: Sequence[Track], readings: Sequence[Reading], time_s: float) -> None:
    """A new reading of each of the followed faces, in one pass over arrays."""
    if not tracks:
        return
    points = np.stack([reading.landmarks.points for reading in readings])
    sigma = np.stack([reading.landmarks.sigma for reading in readings])
    smoothed = smooth_together([track.smoother for track in tracks], points, sigma, time_s)
    boxes, crops = points_box(points), crops_from_points(points, tracks[0].margin)
    for i, track in enumerate(tracks):
        track.took(readings[i], smoothed[i], boxes[i], crops[i], time_s)
