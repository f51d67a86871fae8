"""Track: where a face is followed, with its filters. Person: who it is, and where one was seen last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from facetrack.angles import between
from facetrack.appearance import EmbeddingGallery
from facetrack.geometry import CropBox, box_iou, crops_and_boxes
from facetrack.landmarker import Reading
from facetrack.signals import FaceSignals
from facetrack.smoothing.landmarks import SMOOTHING, FaceSmoother, smooth_together
from facetrack.smoothing.one_euro import OneEuro, OneEuroOptions
from facetrack.tracking.motion import LastSeen
from facetrack.types import Event, Floats, Frame, HeadRotation, Landmarks, Pose

SAME_FACE_IOU = 0.35
"""Two boxes overlapping this much are one face."""
RECOVERY_S = 0.5
"""Seconds for which a lost face is read where it was: a hand before it, or a turn aside, often passes by then."""


class CropFilter:
    """One-euro filter of the crop, whose jitter would come back as jitter of the points.

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


class Track:
    """Track of one face, from where it was found until it is not seen in its place.

    person: whom it follows; None before it has proved to be a face, and once it went over to somebody else.
    reading, vector: the last reading, and its embedding once somebody computed it.
    readings: how many there were.
    landmarks, head: the reading's points and the network's rotation, smoothed; the latter None from a network without.
    crop: around the points, filtered.
    first_seen, last_seen: boxes of the reading's points.
    suspect: whether the last embedding was somebody else's.
    pose: of the head in the last frame in which it was shown; None where unknown.
    """

    BRIEF_S = 0.1
    """A face lost for no longer keeps its velocity: a fast head that the detector had to find again."""

    reading: Reading
    vector: Floats | None
    landmarks: Landmarks
    last_seen: LastSeen
    crop: CropBox

    def __init__(self, reading: Reading, time_s: float, margin: float, smoothing: str) -> None:
        """Begin with a first reading. margin: of the crops. smoothing: a name of `SMOOTHING`."""
        self.person: Person | None = None
        self.margin = margin
        self.smoother = FaceSmoother(SMOOTHING[smoothing])
        self._crop_filter = CropFilter()
        self.readings = 0
        self.head: HeadRotation | None = None
        self.pose: Pose | None = None
        self.suspect = False
        self.update(reading, time_s)
        self.first_seen = self.last_seen

    def update(self, reading: Reading, time_s: float) -> None:
        """Take a new reading."""
        update_tracks([self], [reading], time_s)

    def _apply(self, reading: Reading, points: Floats, box: Floats, crop: CropBox, time_s: float) -> None:
        """Take what `update_tracks` computed. points: the reading's, smoothed. box, crop: around the reading's own."""
        self.reading, self.vector = reading, None
        self.head = self._smoothed_head(reading.head)
        self.landmarks = Landmarks(points, reading.landmarks.sigma, reading.landmarks.visibility)
        seen = LastSeen(box, complex(crop.x, crop.y), time_s)
        self.last_seen = seen.after(self.last_seen) if self.readings else seen
        self.crop = self._crop_filter(crop, time_s)
        self.readings += 1

    def _smoothed_head(self, head: HeadRotation | None) -> HeadRotation | None:
        """Smooth the rotation as its points are, so that neither lags behind the other."""
        if head is None or self.head is None:
            return head
        return HeadRotation(between(self.head.rotation, head.rotation, self.smoother.share), head.precision)

    @property
    def box(self) -> Floats:
        return self.last_seen.box

    @property
    def yaw_deg(self) -> float | None:
        """Of the head when it was last shown."""
        return None if self.pose is None else self.pose.yaw_deg

    def resume(self, person: Person) -> None:
        """Follow a person who was lost."""
        last = person.last_seen
        if self.readings == 1 and last.known and self.last_seen.time_s - last.time_s <= self.BRIEF_S:
            self.last_seen = self.last_seen.after(last)
        self.person, person.ended = person, None

    def crop_at(self, time_s: float) -> CropBox:
        """Return the crop to read, at the predicted position."""
        shift = self.last_seen.shift_px(time_s - self.last_seen.time_s, self.crop.size_px / self.margin)
        crop = self.crop
        return CropBox(crop.x + shift.real, crop.y + shift.imag, crop.size_px, crop.roll_rad)

    def rescale(self, x: float, y: float) -> None:
        """Go on in a picture that is x, y times as large: positions are scaled, the filters of points begin anew."""
        self.smoother.reset()
        self._crop_filter.reset()
        self.first_seen, self.last_seen = self.first_seen.rescaled(x, y), self.last_seen.rescaled(x, y)
        crop = self.crop
        self.crop = replace(crop, x=(crop.x + 0.5) * x - 0.5, y=(crop.y + 0.5) * y - 0.5, size_px=crop.size_px * x)

    def overlap(self, box: Floats) -> float:
        """Return the intersection over union, 0..1, with another box."""
        return float(box_iou(self.box[None], box[None])[0, 0])


class Person:
    """Person with a track ID, from 1.

    last_seen: where no other box overlapped the face last, or where it was lost in plain sight.
    embedded: where its last embedding was taken, at -inf s before the first.
    ended: the track that lost the person in plain sight. None while one follows, and of a person who was lost behind
        another face, by a cut, or because the track went on with somebody else.
    certain: whether a reading ever was (`Confidence.clear`).
    """

    def __init__(self, number: int, signals: FaceSignals, last_seen: LastSeen) -> None:
        self.id, self.signals, self.last_seen = number, signals, last_seen
        self.embeddings, self.embedded = EmbeddingGallery(), replace(last_seen, time_s=-math.inf)
        self.ended: Track | None = None
        self.certain = False

    def lose(self, track: Track | None) -> None:
        """Be lost in plain sight by a track; None: by a cut, from which only the embeddings can bring one back."""
        self.last_seen = replace(self.last_seen, known=False) if track is None else track.last_seen
        self.ended = track

    def add_embedding(self, vector: Floats, track: Track) -> None:
        """Add the embedding of the track's current reading."""
        self.embeddings.add(vector, track.yaw_deg)
        self.embedded = track.last_seen

    def end_events(self, frame: Frame, forgotten: bool) -> tuple[Event, ...]:
        """Return the events that end, or begin, because the face is not in this frame, or is forgotten with it."""
        if forgotten:
            return self.signals.interrupt()
        return self.signals.expire(frame.time_s, self._may_face_away(frame))

    def _may_face_away(self, frame: Frame) -> bool:
        """Return whether only a turn of the head explains the loss: it was in the picture, and behind no other face."""
        x0, y0, x1, y1 = self.last_seen.box.tolist()
        height, width = frame.image.shape[:2]
        return self.ended is not None and x0 > 0 and y0 > 0 and x1 < width - 1 and y1 < height - 1

    def rescale(self, x: float, y: float) -> None:
        """Go on in a picture that is x, y times as large."""
        self.last_seen, self.embedded = self.last_seen.rescaled(x, y), self.embedded.rescaled(x, y)
        if self.ended is not None:
            self.ended.rescale(x, y)


def update_tracks(tracks: Sequence[Track], readings: Sequence[Reading], time_s: float) -> None:
    """Take a new reading of each track, in one pass over arrays."""
    if not tracks:
        return
    points = [reading.landmarks.points for reading in readings]
    sigma = [reading.landmarks.sigma for reading in readings]
    smoothed = smooth_together([track.smoother for track in tracks], points, sigma, time_s)
    rolls = [None if reading.head is None else reading.head.roll_rad for reading in readings]
    places = crops_and_boxes(points, tracks[0].margin, rolls)
    for track, reading, own, (crop, box) in zip(tracks, readings, smoothed, places, strict=True):
        track._apply(reading, own, box, crop, time_s)
