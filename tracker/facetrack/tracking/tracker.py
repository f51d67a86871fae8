"""FaceTracker: detection, tracking and re-identification, one call per frame; its path is `update`, top to bottom."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain, islice
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facetrack.detector.search import NOBODY, Candidates, CoarseToFine, Search, Thorough
from facetrack.gaze import eyes_in_head
from facetrack.geometry import CropBox, box_iou, crop_from_detection, points_box
from facetrack.landmarker import BothWays, Landmarker, Read, Reading, closer_crops
from facetrack.pose import fused_pose
from facetrack.signals import FaceSignals, Observation
from facetrack.tracking.eyes import LandmarksAndEyes, ReadEyes, Resting
from facetrack.tracking.face_cut import FaceCuts
from facetrack.tracking.frames import as_frame, check_frame, one_thread, rescale
from facetrack.tracking.gating import REPLACEMENT_RATIO, Gates, TrackerOptions
from facetrack.tracking.opening import Opens, check_parts
from facetrack.tracking.reidentification import MOTION_ONLY_REID_S, Reidentifier
from facetrack.tracking.scene_cut import SceneCut
from facetrack.tracking.settings import chosen_options
from facetrack.tracking.track import RECOVERY_S, SAME_FACE_IOU, Person, Track, update_tracks
from facetrack.types import Detections, Event, Face, Frame, Image

if TYPE_CHECKING:
    from facetrack.appearance import Appearance
    from facetrack.blendshapes import Blendshapes
    from facetrack.detector import Detector
    from facetrack.expression import Expressions


class FaceTracker(Opens):
    """Tracker of the faces of one video. Feed it frames in order; use one tracker for each video.

    One thread at a time may use it (RuntimeError otherwise); trackers in several threads may share their networks.

    events: what began or ended with the last frame: blinks, yawns, glances away. After the last one call `finish`,
        which ends what still lasts.
    camera: the lens that the head's pose is computed with; camera_from: "fov" or "intrinsics" (the options),
        "profile", or "default".
    """

    SEARCH_INTERVAL_S = 0.1
    """Interval at which the detector runs for a lost face while others are followed."""

    def __init__(
        self, detector: Detector, landmarker: Landmarker, options: TrackerOptions | None = None,
        appearance: Appearance | None = None, expressions: Expressions | None = None, eyes: ReadEyes | None = None,
        blendshapes: Blendshapes | None = None,
    ) -> None:  # fmt: skip
        """Build a tracker from its parts.

        appearance: without it, lost faces are re-identified by their position alone.
        expressions, eyes, blendshapes: without them, `signals.expression`, the lids' gaps and states and
            `signals.blendshapes` stay unknown.
        """
        check_parts(detector, landmarker)
        self.one_thread = RLock()
        self.detector, self.landmarker = detector, landmarker
        self.options = chosen_options(options)
        read: Read = BothWays(landmarker) if self.options.single else landmarker
        self._resting = Resting(read)
        self._read = read if eyes is None else LandmarksAndEyes(read, eyes)
        self._read_followed = read if eyes is None else LandmarksAndEyes(self._resting, eyes)
        self._gates = Gates(self.options, landmarker.spec)
        self._reidentifier = Reidentifier(appearance, self._gates.confidence)
        self._finder: Search = Thorough() if self.options.single else CoarseToFine()
        self._cut, self._face_cuts = SceneCut(), FaceCuts(appearance)
        self._by_face = [part for part in (expressions, blendshapes) if part is not None]
        self.camera, self.camera_from = self.options.chosen_camera()
        self.network_parts = (detector, landmarker, appearance, eyes, *(part.network for part in self._by_face))
        self._tracks: list[Track] = []  # what is followed
        self._people: list[Person] = []  # who it is, or was until remember_s ago
        self.reset()

    def finish(self) -> tuple[Event, ...]:
        """End what still lasts, after the last frame; returns those events and keeps them in `events`."""
        self.events = tuple(event for person in self._people for event in person.signals.interrupt())
        return self.events

    @one_thread
    def reset(self) -> tuple[Event, ...]:
        """Forget all faces and start numbering from 1, as a new tracker would; returns the events that ended so."""
        ended = self.finish()
        self._cut.reset()
        self._face_cuts.reset()
        self._reidentifier.reset()
        self._finder.reset()
        self._resting.reset()
        for part in self._by_face:
            part.reset()
        self._tracks, self._people = [], []
        self._next_id = 1
        self._n_frames = 0
        self._size: tuple[int, int] | None = None
        self._last_time_s = -np.inf
        self._last_detection_s = -np.inf
        return ended

    @one_thread
    def update(
        self, frame: Frame | Image, search: bool = True, *, time_s: float | None = None, rgb: bool = False
    ) -> list[Face]:
        """Track the faces of the next frame; returns them by track ID.

        frame: a `Frame`, or (H, W, 3) uint8 with its time_s, seconds. rgb: red comes first, not blue as in OpenCV.
        search: run the detector for new faces where that is due; a live loop does that itself once it has shown the
            result (`search_is_due`, `search`). It runs at once for lost faces either way.
        Raises ValueError unless the image is (H, W, 3) uint8 and time_s later than the last frame's, RuntimeError while
        another thread is in here.
        """
        frame = as_frame(frame, time_s, rgb, self._n_frames)
        check_frame(frame, self._last_time_s)
        self._last_time_s = frame.time_s
        self._n_frames += 1
        self.events = ()
        n_expected = len(self._tracks)
        if self._cut(frame.image):
            self.lose_positions(self._face_cuts.unchanged(frame.image))
        self._size = rescale(chain(self._tracks, self._people), self._size, frame.image)
        n_expected += self._follow(frame)
        is_missed = len(self._tracks) < max(n_expected, 1)  # a track ended in this frame, or there is none
        if is_missed or (search and self.search_is_due(frame.time_s)):
            self.search(frame)
        self._confirm(frame)
        self._reidentifier.update(frame.image, self._tracks, frame.time_s)
        self._face_cuts.remember(frame.image, self._tracks)
        self._expire(frame)
        seen = [(track, track.person) for track in self._tracks if track.person is not None]
        faces = [self._face(*pair, frame) for pair in sorted(seen, key=lambda pair: pair[1].id)]
        for part in self._by_face:
            faces = part.update(frame, faces)
        return faces

    @property
    def _lost(self) -> list[Person]:
        """People without a track."""
        followed = {track.person for track in self._tracks}
        return [person for person in self._people if person not in followed]

    def _expire(self, frame: Frame) -> None:
        """End the events of people who have been lost for MAX_GAP_S, and forget those who were lost for longer."""
        for person in self._lost:
            gone = frame.time_s - person.last_seen.time_s > self.options.remember_s
            if gone:
                self._people.remove(person)
            self.events += person.end_events(frame, gone)

    def lose_positions(self, but: Collection[Track] = ()) -> None:
        """End all tracks; their people can only be re-identified by appearance. For a cut or an outage.

        but: tracks that the cut does not concern.
        """
        self._tracks = [track for track in self._tracks if track in but]
        for person in self._lost:
            person.lose(None)

    def _follow(self, frame: Frame) -> int:
        """Read landmarks where each face is predicted, and where faces were lost a moment ago.

        A track ends whose reading fails the gate, or is of somebody whom its part of the picture was cut to.
        Returns how many of the lost are followed again.
        """
        lost, n_followed = self._lately_lost(frame.time_s), len(self._tracks)
        crops = [*(track.crop_at(frame.time_s) for track in self._tracks), *lost.values()]
        self._face_cuts.look(frame.image, self._tracks)
        readings = self._read_followed(frame.image, crops)
        stay: dict[Track, Reading] = {}
        for track, reading in zip(self._tracks, readings[:n_followed], strict=True):
            is_face = self._gates.may_stay(track, reading, frame.image)
            if is_face and not self._face_cuts(frame.image, track, reading):
                stay[track] = reading
            elif track.person is not None:
                track.person.lose(None if is_face else track)
        update_tracks(list(stay), list(stay.values()), frame.time_s)
        back = []
        for person, reading in zip(lost, readings[n_followed:], strict=True):
            if self._gates.may_return(reading, frame.image):
                track = self._new_track(reading, frame.time_s)
                track.resume(person)
                track.suspect = True  # somebody else may be there by now: embed it soon
                back.append(track)
        self._tracks = self._reidentifier.without_duplicates(frame.image, [*stay, *back])
        return len(back)

    def _lately_lost(self, time_s: float) -> dict[Person, CropBox]:
        """Return where faces that were lost in plain sight a moment ago are read, as far as max_faces allow."""
        retried = {
            person: person.ended.crop for person in self._lost
            if person.ended is not None and time_s - person.last_seen.time_s <= RECOVERY_S
            and all(track.overlap(person.last_seen.box) < SAME_FACE_IOU for track in self._tracks)
        }  # fmt: skip
        return dict(islice(retried.items(), self.options.max_faces - len(self._tracks)))

    def _confirm(self, frame: Frame) -> None:
        """Find out whom new tracks follow that have proved to be faces: somebody lost, or a new person.

        While somebody is lost, a new face waits that may yet be they. One who never was clear is somebody only while
        that is likely: what resembles a face is read alike in each frame, and `keep` would never end it.
        """
        new = [track for track in self._tracks if track.person is None and self._gates.is_face(track)]
        owners = self._reidentifier.match_lost(frame.image, new, self._lost, frame.time_s)
        for track, owner in zip(new, owners, strict=True):
            if owner is not None:
                track.resume(owner)
            elif not self._reidentifier.may_be_lost(frame.image, track, self._tracks, self._lost, frame.time_s):
                signals = FaceSignals(self.options.signals, self._next_id)
                track.person = Person(self._next_id, signals, track.last_seen)
                self._people.append(track.person)
                self._next_id += 1
        for track in self._tracks:
            if track.person is not None and not track.person.certain:
                track.person.certain = self._gates.is_clear(track)
                if not self._gates.is_likely(track):
                    track.person = None

    def search_is_due(self, time_s: float, interval_s: float | None = None) -> bool:
        """Return whether the detector is due for new or lost faces. interval_s: another one than the options'."""
        interval_s = self.options.detect_interval_s if interval_s is None else interval_s
        interval_s = min(interval_s, self.SEARCH_INTERVAL_S) if self._is_missed(time_s) else interval_s
        return time_s - self._last_detection_s >= interval_s

    def _is_missed(self, time_s: float) -> bool:
        """Return whether somebody was lost so lately that their position is known."""
        return any(time_s - person.last_seen.time_s <= MOTION_ONLY_REID_S for person in self._lost)

    @one_thread
    def search(self, frame: Frame) -> None:
        """Run the detector on the frame that was last given to `update`.

        Boxes over no followed face start tracks, of lost people or of nobody yet; a weak one has to be a certain face
        to the landmark network. `CoarseToFine` says where it looks.
        """
        self._last_detection_s = frame.time_s
        followed = np.stack([track.box for track in self._tracks]) if self._tracks else NOBODY
        for seen in self._finder(self.detector, frame.image, self._free, followed, self._is_missed(frame.time_s)):
            self._admit_found(seen, frame)

    def _admit_found(self, seen: Candidates, frame: Frame) -> None:
        """Read the landmarks of what the detector found, the largest first, and follow what passes the gates."""
        rank = self._gates.rank(seen.found.boxes[seen.sure], frame.image)
        sure = seen.sure[np.argsort(-rank, kind="stable")[: self.options.max_faces]]
        indices = np.concatenate([sure, seen.weak]).tolist()
        crops = [crop_from_detection(*seen.found.face(i), self.landmarker.margin) for i in indices]
        if self.options.single:
            crops = closer_crops(self.landmarker, frame.image, crops)
        weak = (np.arange(len(crops)) >= len(sure)).tolist()
        likely = [
            (self._new_track(reading, frame.time_s), unsure)
            for reading, unsure in zip(self._read(frame.image, crops), weak, strict=True)
            if self._gates.may_enter(reading, frame.image, known=True, weak=unsure)
        ]
        owners = self._reidentifier.match_lost(frame.image, [track for track, _ in likely], self._lost, frame.time_s)
        for (track, unsure), owner in zip(likely, owners, strict=True):
            if owner or self._gates.may_enter(track.reading, frame.image, known=False, weak=unsure):
                self._admit(track, owner, frame.image)

    def _new_track(self, reading: Reading, time_s: float) -> Track:
        return Track(reading, time_s, self.landmarker.margin, self.options.smoothing)

    def _free(self, found: Detections) -> NDArray[np.intp]:
        """Return the indices of the boxes over no followed face."""
        free = np.arange(len(found))
        if self._tracks and len(free):
            overlap = box_iou(found.boxes, np.stack([track.box for track in self._tracks]))
            free = free[overlap.max(axis=1) < SAME_FACE_IOU]
        return free

    def _admit(self, track: Track, owner: Person | None, image: Image) -> None:
        """Follow a found face. owner: the lost person it is, if any.

        Not if it turns out to be followed already, or max_faces are followed that count more.
        """
        if any(other.overlap(track.box) > SAME_FACE_IOU for other in self._tracks):
            return
        if len(self._tracks) >= self.options.max_faces:
            rank = self._gates.rank(np.stack([track.box, *(other.box for other in self._tracks)]), image)
            if rank[0] < REPLACEMENT_RATIO * rank[1:].min():
                return
            del self._tracks[int(rank[1:].argmin())]
        if owner is not None:
            track.resume(owner)
        self._tracks.append(track)

    def _face(self, track: Track, person: Person, frame: Frame) -> Face:
        marks, reading, points = track.landmarks, track.reading, track.landmarks.points
        height, width = frame.image.shape[:2]
        pose = fused_pose(marks, track.head, (width, height), self.camera)
        gaze = eyes_in_head(reading.eyes, pose, self.camera.intrinsics((width, height)))
        track.pose = pose
        known = (marks.sigma, pose, reading.attributes, reading.presence, marks.visibility, reading.eyes, gaze)
        signals, events = person.signals.update(Observation(frame.time_s, points, *known))
        self.events += events
        return Face(person.id, points_box(points), marks, reading.presence, pose, signals)
