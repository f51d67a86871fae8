"""One followed face: where it is expected next, and the filters that belong to it."""

from __future__ import annotations

import math

import numpy as np

from facetrack.geometry import CropBox, crop_from_points, points_box
from facetrack.landmarker import Reading
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


class Track:
    """A face with a number.

    crop: where to look in the next frame. box: (4,) extent of the last points. seen_s: when it was last there.
    """

    def __init__(self, track_id: int, margin: float, smoothing: str) -> None:
        self.id = track_id
        self._margin = margin
        self._smoother = FaceSmoother(SMOOTHING[smoothing])
        self._crop_filter = CropFilter()
        self.followed = False
        self.just_lost = False
        self.forgotten = False

    def restart(self, reading: Reading, time_s: float) -> None:
        """Begin, or begin again after a loss: what was known of the motion no longer counts."""
        self._smoother.reset()
        self._crop_filter.reset()
        self.followed, self.just_lost = True, False
        self.take(reading, time_s)

    def take(self, reading: Reading, time_s: float) -> None:
        """A new reading of the followed face."""
        raw = reading.landmarks
        points = self._smoother(raw.points, raw.sigma, time_s)
        self.landmarks = Landmarks(points, raw.sigma)
        self.presence, self.attributes = reading.presence, reading.attributes
        self.seen_s = time_s
        self.box: Floats = points_box(raw.points)
        self.crop: CropBox = self._crop_filter(crop_from_points(raw.points, self._margin), time_s)

    def lose(self) -> None:
        """Not there in this frame: remembered, not followed."""
        self.followed, self.just_lost = False, self.followed

    def forget(self) -> None:
        self.followed, self.forgotten = False, True

    def distance(self, box: Floats) -> float:
        """Between the last box and another: of the centres, in units of the last box's longer side, plus the log of the
        ratio of their sizes."""
        size = float((self.box[2:] - self.box[:2]).max())
        other = float((box[2:] - box[:2]).max())
        gap = float(np.hypot(*((self.box[:2] + self.box[2:]) - (box[:2] + box[2:])) / 2))
        return gap / size + abs(float(np.log(other / size)))
