"""One followed face: where it is expected next, what it looks like, and the filters that belong to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from facetrack.appearance import Looks
from facetrack.geometry import CropBox, box_iou, crop_from_points, points_box
from facetrack.landmarker import Reading
from facetrack.signals import FaceSignals
from facetrack.smoothing import SMOOTHING, FaceSmoother, OneEuro, OneEuroOptions
from facetrack.types import Floats, Landmarks


class CropFilter:
    """Steadies the crop: its trembling would come back as trembling of the points.

    Delay: 1 / (2 pi 1.5 Hz) = 106 ms at rest, falling with speed; the network tolerates a crop that is late by a tenth
    of the face. It never delays the points themselves, which are read where they are in the frame.
    """

    OPTIONS = OneEuroOptions(min_cutoff_hz=1.5, beta=20.0, d_cutoff_hz=3.0)

    def __init__(self) -> None:
        self._centre, self._shape = OneEuro(self.OPTIONS), OneEuro(self.OPTIONS)
        self.reset()

    def reset(self) -> None:
        self._centre.reset()
        self._shape.reset()
        self._roll_rad: float | None = None

    def __call__(self, crop: CropBox, time_s: float) -> CropBox:
        roll = crop.roll_rad
        if self._roll_rad is not None:  # unwrapped: a head passing upside down must not spin the filter
            roll = self._roll_rad + (roll - self._roll_rad + math.pi) % (2 * math.pi) - math.pi
        self._roll_rad = roll
        x, y = self._centre(np.array([[crop.x, crop.y]]), time_s, scale=crop.size_px)[0]
        log_size, roll = self._shape(np.array([math.log(crop.size_px), roll]), time_s)
        return CropBox(float(x), float(y), math.exp(log_size), float(roll))


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
        self._last: tuple[NDArray[np.float64], float] | None = None
        self.px_per_s = np.zeros(2)

    def take(self, centre: NDArray[np.float64], time_s: float) -> None:
        """centre: (2,) px at time_s, later than the last."""
        if self._last is not None:
            newest = (centre - self._last[0]) / (time_s - self._last[1])
            self.px_per_s = self.NEW * newest + (1 - self.NEW) * self.px_per_s
        self._last = centre, time_s

    def shift_px(self, ahead_s: float, size_px: float) -> NDArray[np.float64]:
        """(2,) px from the last place to the one `ahead_s` later."""
        shift = self.px_per_s * ahead_s
        length = float(np.hypot(*shift)) / size_px
        if length <= self.TREMBLING:
            return np.zeros(2)
        return shift * (min(length - self.TREMBLING, self.FARTHEST) / length)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a face was: (4,) box px, when, and how fast its middle went (2,) px/s. known: whether that still says
    anything; after a cut in the film it does not."""

    box: Floats
    time_s: float
    px_per_s: NDArray[np.float64]
    known: bool = True

    GOES_ON_S: ClassVar[float] = 0.5
    """Unseen, it is expected to go on for so long."""

    @property
    def speed(self) -> float:
        """In sizes of the face per second."""
        return float(np.hypot(*self.px_per_s) / (self.box[2:] - self.box[:2]).max())

    def distance(self, box: Floats, time_s: float) -> float:
        """To another box at a later time: of the centres, in units of this one's longer side, as if it had stood or
        gone on, whichever is nearer, plus the log of the ratio of their sizes; inf if the place says nothing."""
        if not self.known:
            return math.inf
        size = float((self.box[2:] - self.box[:2]).max())
        other = float((box[2:] - box[:2]).max())
        way = ((box[:2] + box[2:]) - (self.box[:2] + self.box[2:])) / 2
        gone = self.px_per_s * min(time_s - self.time_s, self.GOES_ON_S)
        gap = min(float(np.hypot(*way)), float(np.hypot(*(way - gone))))
        return gap / size + abs(float(np.log(other / size)))


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
        self._margin = margin
        self._smoothing = smoothing
        self._smoother = FaceSmoother(SMOOTHING[smoothing])
        self._crop_filter = CropFilter()
        self._velocity = Velocity()
        self.looks, self.looked_s, self.doubted = Looks(), -math.inf, False
        self.followed = self.just_lost = self.hidden = False
        self.alone = True
        self.place = Place(np.zeros(4, np.float32), -math.inf, np.zeros(2))

    def restart(self, reading: Reading, time_s: float) -> None:
        """Begin, or begin again after a loss: the filters start afresh."""
        self._smoother.reset()
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
        raw = reading.landmarks
        points = self._smoother(raw.points, raw.sigma, time_s)
        self.reading = reading
        self.readings += 1
        self.landmarks = Landmarks(points, raw.sigma)
        crop = crop_from_points(raw.points, self._margin)
        self._velocity.take(np.array([crop.x, crop.y]), time_s)
        self.place = Place(points_box(raw.points), time_s, self._velocity.px_per_s)
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
        x, y = self._velocity.shift_px(time_s - self.seen_s, self._crop.size_px / self._margin)
        return replace(self._crop, x=self._crop.x + float(x), y=self._crop.y + float(y))

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
        person = Track(self._margin, self._smoothing)
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
