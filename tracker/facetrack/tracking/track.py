"""Track of one face: motion prediction, embeddings of the person, and the filters that belong to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from facetrack.angles import between
from facetrack.appearance import EmbeddingGallery
from facetrack.geometry import CropBox, box_iou, crops_from_points, points_box
from facetrack.landmarker import Reading
from facetrack.signals import FaceSignals
from facetrack.smoothing.landmarks import SMOOTHING, FaceSmoother, smooth_together
from facetrack.smoothing.one_euro import OneEuro, OneEuroOptions
from facetrack.tracking.motion import LastSeen, Velocity
from facetrack.types import Event, Floats, Frame, HeadRotation, Image, Pose

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
    """Track of one face, followed or lost.

    id: track ID from 1, 0 until the track is confirmed.
    signals: the person's, from then on.
    readings: how often it was read since it was last lost.
    head: the network's rotation, smoothed; None from a network without it.
    last_seen: box of its last points; of an occluded one, of the last that no other box overlapped.
    unoccluded: whether no other box overlaps it.
    embeddings: the person's, the last one taken at embedded_s.
    suspect: whether that one was somebody else's.
    pose: of the head when it was last shown; None where unknown.
    """

    BRIEF_S = 0.1
    """A face lost for no longer keeps its velocity: a fast head that the detector had to find again."""

    def __init__(self, margin: float, smoothing: str) -> None:
        self.id = 0
        self.signals: FaceSignals | None = None
        self.readings = 0
        self.margin = margin
        self._smoothing = smoothing
        self.smoother = FaceSmoother(SMOOTHING[smoothing])
        self._crop_filter = CropFilter()
        self._velocity = Velocity()
        self.head: HeadRotation | None = None
        self.embeddings, self.embedded_s, self.suspect = EmbeddingGallery(), -math.inf, False
        self.pose: Pose | None = None
        self.followed = self.just_lost = self.occluded = False
        self.unoccluded = True
        self.last_seen = LastSeen(np.zeros(4, np.float32), -math.inf, 0j)
        self.first_box: Floats = self.last_seen.box  # where this episode of following began

    def set_smoothing(self, smoothing: str) -> None:
        """Go on with another smoothing from the next reading on."""
        self._smoothing, self.smoother.options = smoothing, SMOOTHING[smoothing]

    def restart(self, reading: Reading, time_s: float) -> None:
        """Begin, or begin again after a loss, with fresh filters."""
        self.smoother.reset()
        self._crop_filter.reset()
        self.head = None
        new = math.isinf(self.seen_s)
        if time_s - self.seen_s > self.BRIEF_S:
            self._velocity.reset()
        self.followed, self.just_lost, self.occluded, self.suspect = True, False, False, False
        self.readings = 0
        self.update(reading, time_s)
        self.first_box = self.last_seen.box
        if new:
            self._last_unoccluded = self._last_embedded = self.last_seen

    def update(self, reading: Reading, time_s: float) -> None:
        """Take a new reading of the followed face."""
        update_tracks([self], [reading], time_s)

    def _apply(self, reading: Reading, points: Floats, box: Floats, crop: CropBox, time_s: float) -> None:
        """Take what `update_tracks` computed. points: the reading's, smoothed. box, crop: around the reading's own."""
        self.reading = reading
        self.head = self._smoothed_head(reading.head)
        self.readings += 1
        self.landmarks = replace(reading.landmarks, points=points)
        self._velocity.update(complex(crop.x, crop.y), time_s)
        self.last_seen = LastSeen(box, time_s, self._velocity.px_per_s)
        self._crop: CropBox = self._crop_filter(crop, time_s)

    def _smoothed_head(self, head: HeadRotation | None) -> HeadRotation | None:
        """Smooth the rotation as its points are, so that neither lags behind the other."""
        if head is None or self.head is None:
            return head
        return replace(head, rotation=between(self.head.rotation, head.rotation, self.smoother.share))

    @property
    def box(self) -> Floats:
        return self.last_seen.box

    @property
    def yaw_deg(self) -> float | None:
        """Of the head when it was last shown."""
        return None if self.pose is None else self.pose.yaw_deg

    @property
    def seen_s(self) -> float:
        return self.last_seen.time_s

    @property
    def confirmed(self) -> bool:
        return self.id > 0

    @property
    def lost(self) -> bool:
        """Whether it is a confirmed track that is not followed."""
        return self.confirmed and not self.followed

    def confirm(self, number: int, signals: FaceSignals) -> None:
        """Confirm the track as a new person's and give it its ID."""
        self.id, self.signals = number, signals

    def crop_at(self, time_s: float) -> CropBox:
        """Return the crop to read: at the predicted position of a followed face, the last one of a lost face."""
        if not self.followed:
            return self._crop
        shift = self._velocity.shift_px(time_s - self.seen_s, self._crop.size_px / self.margin)
        return replace(self._crop, x=self._crop.x + shift.real, y=self._crop.y + shift.imag)

    def lose(self) -> None:
        """Stop following it: not seen in this frame, but remembered."""
        self.followed, self.just_lost = False, self.followed

    def end_events(self, frame: Frame, forgotten: bool) -> tuple[Event, ...]:
        """Return the events that end, or begin, because the face is not in this frame, or is forgotten with it."""
        if self.signals is None:
            return ()
        if forgotten:
            return self.signals.interrupt()
        return self.signals.expire(frame.time_s, self.may_face_away(frame.image))

    def may_face_away(self, image: Image) -> bool:
        """Return whether only a turn of the head explains the loss: it was in the picture, and behind no other face."""
        if self.occluded or not self.last_seen.known:
            return False
        x0, y0, x1, y1 = self.box.tolist()
        return x0 > 0 and y0 > 0 and x1 < image.shape[1] - 1 and y1 < image.shape[0] - 1

    def add_embedding(self, vector: Floats) -> None:
        """Add the embedding of its current reading."""
        self.embeddings.add(vector, self.yaw_deg)
        self.embedded_s, self.suspect = self.seen_s, False
        self._last_embedded = self.last_seen

    def detach_identity(self) -> Track:
        """Take the person off this track, which follows somebody else by now and has no ID from here on.

        Returns a lost track of the person, at the position of the last embedding.
        """
        person = Track(self.margin, self._smoothing)
        person.swap_identity(self)
        person.last_seen = person._last_unoccluded = person._last_embedded = self._last_embedded
        person.occluded = True
        return person

    def set_unoccluded(self, unoccluded: bool) -> None:
        """Set whether no other box overlaps it in this frame, and keep its last unoccluded position."""
        self.unoccluded = unoccluded
        if unoccluded:
            self._last_unoccluded = self.last_seen

    def occlude(self) -> None:
        """Lose it behind another face, on which it was read last: its last unoccluded position counts."""
        self.lose()
        self.occluded = True
        self.last_seen = self._last_unoccluded

    def lose_position(self) -> None:
        """Lose it at a scene cut: only its embeddings can bring it back."""
        self.occlude()
        self.last_seen = replace(self.last_seen, known=False)

    def rescale(self, x: float, y: float) -> None:
        """Go on in a picture that is x, y times as large: positions are scaled, the filters of points begin anew."""
        self.smoother.reset()
        self._crop_filter.reset()
        self._velocity.rescale(x, y)
        for name in ("last_seen", "_last_unoccluded", "_last_embedded"):
            if hasattr(self, name):  # the latter two exist from the first reading on
                setattr(self, name, getattr(self, name).rescaled(x, y))
        if hasattr(self, "_crop"):
            crop = self._crop
            self._crop = replace(crop, x=(crop.x + 0.5) * x - 0.5, y=(crop.y + 0.5) * y - 0.5, size_px=crop.size_px * x)

    def swap_identity(self, other: Track) -> None:
        """Swap the people of two tracks: IDs, signals and embeddings, but not positions."""
        self.id, other.id = other.id, self.id
        self.signals, other.signals = other.signals, self.signals
        self.embeddings, other.embeddings = other.embeddings, self.embeddings

    def overlap(self, box: Floats) -> float:
        """Return the intersection over union, 0..1, with another box."""
        return float(box_iou(self.box[None], box[None])[0, 0])


def update_tracks(tracks: Sequence[Track], readings: Sequence[Reading], time_s: float) -> None:
    """Take a new reading of each of the followed faces, in one pass over arrays."""
    if not tracks:
        return
    points = np.stack([reading.landmarks.points for reading in readings])
    sigma = np.stack([reading.landmarks.sigma for reading in readings])
    smoothed = smooth_together([track.smoother for track in tracks], points, sigma, time_s)
    rolls = [None if reading.head is None else reading.head.roll_rad for reading in readings]
    boxes, crops = points_box(points), crops_from_points(points, tracks[0].margin, rolls)
    for i, track in enumerate(tracks):
        track._apply(readings[i], smoothed[i], boxes[i], crops[i], time_s)


def lately_lost(tracks: Sequence[Track], time_s: float) -> list[Track]:
    """Return the tracks that were lost a moment ago and whose position no other face has taken."""
    followed = [track for track in tracks if track.followed]
    return [
        t for t in tracks
        if not t.followed and not t.occluded and time_s - t.seen_s <= RECOVERY_S
        and all(t.overlap(other.box) < SAME_FACE_IOU for other in followed)
    ]  # fmt: skip
