"""FaceTracker: detection, tracking and re-identification, one call per frame; its path is `update`, top to bottom."""

from __future__ import annotations

from collections.abc import Collection
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facetrack.detector.search import Candidates, CoarseToFine, Search, Thorough
from facetrack.gaze import eyes_in_head
from facetrack.geometry import box_iou, crop_from_detection, points_box
from facetrack.landmarker import BothWays, Landmarker, Read, Reading, closer_crops
from facetrack.pose import fused_pose
from facetrack.signals import FaceSignals, Observation
from facetrack.tracking.eyes import LandmarksAndEyes, ReadEyes
from facetrack.tracking.face_cut import FaceCuts
from facetrack.tracking.frames import as_frame, check_frame, one_thread, rescale_tracks
from facetrack.tracking.gating import REPLACEMENT_RATIO, Gates, TrackerOptions
from facetrack.tracking.opening import Opens, check_parts
from facetrack.tracking.reidentification import MOTION_ONLY_REID_S, Reidentifier, is_unoccluded
from facetrack.tracking.scene_cut import SceneCut
from facetrack.tracking.settings import chosen_options
from facetrack.tracking.track import SAME_FACE_IOU, Track, lately_lost, update_tracks
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

    MAX_WAITING_READINGS = 10
    """Readings after which a face counts as a new person's that is partly occluded, or like a lost one, until then."""
    SEARCH_INTERVAL_S = 0.1
    """Interval at which the detector runs for a lost face while others are followed."""
    CLOSER_EVERY = 3
    """While somebody is followed, every CLOSER_EVERY-th search may look at the next tile or quarter turn."""

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
        self._read = read if eyes is None else LandmarksAndEyes(read, eyes)
        self._gates = Gates(self.options, landmarker.spec)
        self._reidentifier = Reidentifier(appearance, self._gates.confidence)
        self._finder: Search = Thorough() if self.options.single else CoarseToFine()
        self._cut, self._face_cuts = SceneCut(), FaceCuts(appearance)
        self._by_face = [part for part in (expressions, blendshapes) if part is not None]
        self.camera, self.camera_from = self.options.chosen_camera()
        self.network_parts = (detector, landmarker, appearance, getattr(expressions, "network", None), eyes)
        self._tracks: list[Track] = []
        self.reset()

    def finish(self) -> tuple[Event, ...]:
        """End what still lasts, after the last frame; returns those events and keeps them in `events`."""
        self.events = tuple(e for t in self._tracks if t.signals is not None for e in t.signals.interrupt())
        return self.events

    @one_thread
    def reset(self) -> tuple[Event, ...]:
        """Forget all faces and start numbering from 1, as a new tracker would; returns the events that ended so."""
        ended = self.finish()
        self._cut.reset()
        self._face_cuts.reset()
        self._reidentifier.reset()
        self._finder.reset()
        for part in self._by_face:
            part.reset()
        self._tracks = []
        self._next_id = 1
        self._n_frames = self._searches = 0
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
        if self._cut(frame.image):
            self.lose_positions(self._face_cuts.unchanged(frame.image))
        self._size = rescale_tracks(self._tracks, self._size, frame.image)
        self._follow(frame)
        if self._detection_required() or (search and self.search_is_due(frame.time_s)):
            self.search(frame)
        self._confirm(frame)
        self._tracks += self._reidentifier.update(frame.image, self._followed, frame.time_s)
        self._face_cuts.remember(frame.image, self._followed)
        self._expire(frame)
        seen = [t for t in self._tracks if t.followed and t.confirmed]
        faces = [self._face(t, frame) for t in sorted(seen, key=lambda t: t.id)]
        for part in self._by_face:
            faces = part.update(frame, faces)
        return faces

    def _expire(self, frame: Frame) -> None:
        """End the events of faces that have been lost for MAX_GAP_S, and drop tracks that were lost for longer."""
        for track in tuple(self._tracks):
            gone = frame.time_s - track.seen_s > self.options.remember_s
            if gone:
                self._tracks.remove(track)
            if not track.followed:
                self.events += track.end_events(frame, gone)

    def lose_positions(self, but: Collection[Track] = ()) -> None:
        """Drop tentative tracks; confirmed ones can only be re-identified by appearance. For a cut or an outage.

        but: tracks that the cut does not concern.
        """
        self._tracks = [t for t in self._tracks if t.confirmed or t in but]
        for track in self._tracks:
            if track not in but:
                track.lose_position()

    @property
    def _followed(self) -> list[Track]:
        return [t for t in self._tracks if t.followed]

    def _follow(self, frame: Frame) -> None:
        """Read landmarks where each face is predicted, and where faces were lost a moment ago.

        A track whose reading fails the gate, or is of somebody whom its part of the picture was cut to, is lost.
        """
        followed = self._followed
        expected = followed + lately_lost(self._tracks, frame.time_s)[: self.options.max_faces - len(followed)]
        readings = self._read(frame.image, [t.crop_at(frame.time_s) for t in expected])
        stay: list[tuple[Track, Reading]] = []
        for track, reading in zip(expected, readings, strict=True):
            if not self._gates.may_stay(track, reading, frame.image):
                track.lose()
            elif self._face_cuts(frame.image, track, reading):
                track.lose_position()
            elif track.followed:
                stay.append((track, reading))
            else:
                track.restart(reading, frame.time_s)
                track.suspect = True  # somebody else may be there by now: embed it soon
        update_tracks([track for track, _ in stay], [reading for _, reading in stay], frame.time_s)
        self._reidentifier.resolve_duplicates(frame.image, self._followed, SAME_FACE_IOU * 1.5)

    def _confirm(self, frame: Frame) -> None:
        """Give IDs to new tracks that have proved to be faces, the old one to people who were lost.

        Tentative tracks that were lost are dropped. While somebody is lost, a new face waits that is partly occluded
        or resembles them.
        """
        self._tracks = [t for t in self._tracks if t.followed or t.confirmed]
        new = [t for t in self._tracks if not t.confirmed and self._gates.is_face(t)]
        readings, first = [t.reading for t in new], [t.first_box for t in new]
        owners = self._reidentifier.match_lost(frame.image, readings, self._tracks, frame.time_s, first)
        for track, owner in zip(new, owners, strict=True):
            if owner is not None:
                track.swap_identity(owner)
                self._tracks.remove(owner)
            elif self._is_new_person(track, frame):
                track.confirm(self._next_id, FaceSignals(self.options.signals, self._next_id))
                self._next_id += 1

    def _is_new_person(self, track: Track, frame: Frame) -> bool:
        if not any(t.lost for t in self._tracks) or track.readings >= self.MAX_WAITING_READINGS:
            return True
        if not is_unoccluded(track, self._followed, frame.image):
            return False
        return not self._reidentifier.resembles_lost(frame.image, track.reading, self._tracks, frame.time_s)

    def _detection_required(self) -> bool:
        """Return whether the detector must run now: a face was lost in this frame, or none is followed."""
        return not self._followed or any(t.just_lost for t in self._tracks)

    def search_is_due(self, time_s: float, interval_s: float | None = None) -> bool:
        """Return whether the detector is due for new or lost faces. interval_s: another one than the options'."""
        lost_lately = any(t.lost and time_s - t.seen_s <= MOTION_ONLY_REID_S for t in self._tracks)
        interval_s = self.options.detect_interval_s if interval_s is None else interval_s
        interval_s = min(interval_s, self.SEARCH_INTERVAL_S) if lost_lately else interval_s
        return time_s - self._last_detection_s >= interval_s

    @one_thread
    def search(self, frame: Frame) -> None:
        """Run the detector on the frame that was last given to `update`.

        Boxes over no followed face restart lost tracks or start new ones; a weak one has to be a certain face to the
        landmark network. Where the whole picture shows no sure one, the detector also runs on one part of it: around a
        weak detection, or on the next tile or the picture in a quarter turn, that while nobody is followed or in every
        CLOSER_EVERY-th search.
        """
        self._last_detection_s = frame.time_s
        for track in self._tracks:
            track.just_lost = False
        self._searches += 1
        alone = not self._followed
        everywhere = alone or self._searches % self.CLOSER_EVERY == 0
        for seen in self._finder(self.detector, frame.image, self._free, everywhere, alone):
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
            (reading, unsure)
            for reading, unsure in zip(self._read(frame.image, crops), weak, strict=True)
            if self._gates.may_enter(reading, frame.image, known=True, weak=unsure)
        ]
        owners = self._reidentifier.match_lost(frame.image, [r for r, _ in likely], self._tracks, frame.time_s)
        for (reading, unsure), owner in zip(likely, owners, strict=True):
            if owner or self._gates.may_enter(reading, frame.image, known=False, weak=unsure):
                self._admit(reading, owner, frame)

    def _free(self, found: Detections) -> NDArray[np.intp]:
        """Return the indices of the boxes over no followed face."""
        followed = self._followed
        free = np.arange(len(found))
        if followed and len(free):
            free = free[box_iou(found.boxes, np.stack([t.box for t in followed])).max(axis=1) < SAME_FACE_IOU]
        return free

    def _admit(self, reading: Reading, track: Track | None, frame: Frame) -> None:
        """Follow a found face on its lost track or a new one.

        Not if it turns out to be followed already, or max_faces are followed that count more.
        """
        box = points_box(reading.landmarks.points)
        followed = self._followed
        if any(t.overlap(box) > SAME_FACE_IOU for t in followed):
            return
        if len(followed) >= self.options.max_faces:
            rank = self._gates.rank(np.stack([box, *(t.box for t in followed)]), frame.image)
            if rank[0] < REPLACEMENT_RATIO * rank[1:].min():
                return
            followed[int(rank[1:].argmin())].occlude()
        if track is None:
            track = Track(self.landmarker.margin, self.options.smoothing)
            self._tracks.append(track)
        track.restart(reading, frame.time_s)

    def _face(self, track: Track, frame: Frame) -> Face:
        marks, reading, points = track.landmarks, track.reading, track.landmarks.points
        height, width = frame.image.shape[:2]
        pose = fused_pose(marks, track.head, (width, height), self.camera)
        gaze = eyes_in_head(reading.eyes, pose, self.camera.intrinsics((width, height)))
        track.pose = pose
        assert track.signals is not None  # confirmed
        known = (marks.sigma, pose, reading.attributes, reading.presence, marks.visibility, reading.eyes, gaze)
        signals, events = track.signals.update(Observation(frame.time_s, points, *known))
        self.events += events
        return Face(track.id, points_box(points), marks, reading.presence, pose, signals)
