"""Simulated scene for the tracker: fake detector, landmarker and appearance network that know all face positions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from facetrack.geometry import CropBox, box_iou, crop_from_box, points_box
from facetrack.head_model import RIGID_MODEL_MM
from facetrack.landmarker import Reading
from facetrack.modelfile import ModelSpec
from facetrack.topology import RIGID, SCHEME
from facetrack.tracking.tracker import FaceTracker, TrackerOptions
from facetrack.types import Detections, Event, Face, Floats, Frame, Image, Landmarks, Pose, Signals

SHAPE = np.random.default_rng(0).uniform(-0.5, 0.5, (68, 2))
SHAPE[36:42], SHAPE[42:48] = [-0.25, -0.2], [0.25, -0.2]
SHAPE[list(RIGID)] = RIGID_MODEL_MM[:, :2] / 160 - [0, 0.2]  # an upright head's, so that the crop is upright
SHAPE /= np.ptp(SHAPE, axis=0)
SHAPE -= (SHAPE.max(axis=0) + SHAPE.min(axis=0)) / 2
GATES = {"presence": 1.0, "log_sigma": -20.0, "bias": -68.97, "enter": 0.0, "keep": -8.1, "clear": 5.75}
"""With the actors' presence of .99: a relative sigma of .04 for a new face, .049 for a lost one, .06 for a followed
one, .03 for a clear one (4.595 - 20 ln .04 - 68.97 = 0)."""
SPEC = ModelSpec("stage", "landmarks", 112, 0.0, 1.0, SCHEME, {}, [], "", "", gates=GATES)
BLACK = np.zeros((480, 640, 3), np.uint8)
RESTLESS = BLACK, BLACK.copy()
"""Pictures that differ in a corner: in one that stands still the search would rest, whatever the actors do."""
RESTLESS[1][:16, :16] = 60


def actor(x: float, y: float, size: float = 80.0) -> Floats:
    """Return the 68 points of a face whose bounding box is `size` px wide and high around (x, y)."""
    return (SHAPE * size + [x, y]).astype(np.float32)


def frame(i: int, fps: float = 30.0, image: Image | None = None) -> Frame:
    return Frame(RESTLESS[i % 2] if image is None else image, time_s=i / fps, index=i)


def ids(faces: Sequence[Face]) -> list[int]:
    return [face.track_id for face in faces]


def alike(share: float, of: int, other: int) -> Floats:
    """Return a unit vector with cosine similarity `share` to unit vector `of`, in the plane of `of` and `other`."""
    vector = np.zeros(16, np.float32)
    vector[of], vector[other] = share, np.sqrt(1 - share**2)
    return vector


class Stage:
    """Fake of all networks: `actors` are the points of the visible faces, `people` their names (`cast` sets both).

    The embedding of the first person cast is the first unit vector, of the next the second, and so on: all are
    orthogonal unless `looks` (name -> embedding) is changed.
    """

    margin = 1.3
    spec = SPEC
    NEAR_IOU = 0.4
    """Smallest IoU with the exact crop at which a crop shows the face: an offset of at most 56 % of the face's size."""

    def __init__(self) -> None:
        self.actors: list[Floats] = []
        self.people: list[str] = []
        self.looks: dict[str, Floats] = {}
        self.sigma_px = 1.0
        self.attributes: dict[str, float] = {}
        self.detector_calls = 0
        self.landmarker_calls: list[int] = []
        self.crops: list[CropBox] = []

    def cast(self, **people: Floats) -> None:
        self.actors, self.people = list(people.values()), list(people)
        for name in people:
            self.looks.setdefault(name, alike(1.0, len(self.looks), 15))

    def tracker(self, looks: bool = True, **options) -> FaceTracker:
        """Return a tracker on this stage. looks: whether it has an appearance network."""
        tracker_options = TrackerOptions(smoothing="off", **options)
        embed = self.appearance if looks else None
        return FaceTracker(self.detect, self, tracker_options, embed)  # type: ignore[arg-type]

    def detect(self, image: Image) -> Detections:
        self.detector_calls += 1
        scale = 160 / 640 if image.shape[:2] == (120, 160) else 1.0  # the reduced picture of `CoarseToFine`
        boxes = np.array([points_box(points * scale) for points in self.actors], np.float32).reshape(-1, 4)
        return Detections(boxes, np.full(len(boxes), 0.9, np.float32))

    def __call__(self, image: Image, crops: Sequence[CropBox]) -> list[Reading]:
        self.landmarker_calls.append(len(crops))
        self.crops += crops
        return [self._read(crop) for crop in crops]

    def _read(self, crop: CropBox) -> Reading:
        """Return the reading of the actor with the largest overlap; one of low presence if the overlap is too small."""
        exact = [_square(crop_from_box(points_box(points), self.margin)) for points in self.actors]
        overlaps = box_iou(_square(crop)[None], np.array(exact).reshape(-1, 4))[0]
        if not len(overlaps) or overlaps.max() < self.NEAR_IOU:
            sigma = np.full(68, 0.1 * crop.size_px, np.float32)
            return Reading(Landmarks(actor(crop.x, crop.y, crop.size_px / 2), sigma), 0.05)
        points = self.actors[int(overlaps.argmax())]
        return Reading(Landmarks(points, np.full(68, self.sigma_px, np.float32)), 0.99, self.attributes)

    def appearance(self, image: Image, faces: Sequence[Floats]) -> Floats:
        """Return the embedding of the nearest actor for each face."""
        return np.stack([self.looks[self.nearest(points)] for points in faces])

    def nearest(self, points: Floats) -> str:
        """Return the name of the nearest actor."""
        distances = [np.linalg.norm(points.mean(axis=0) - other.mean(axis=0)) for other in self.actors]
        return self.people[int(np.argmin(distances))]

    def names(self, faces: Sequence[Face]) -> dict[str, int]:
        """Return the track ID by person; asserts that no two tracks are on one person."""
        track_ids = {self.nearest(face.landmarks.points): face.track_id for face in faces}
        assert len(track_ids) == len(faces), "two tracks on one face"
        return track_ids


@contextmanager
def at_work(tracker: FaceTracker) -> Iterator[list[list[Face]]]:
    """Let another thread be inside `update` of the first frame, in the detector; yields what it will have found."""
    entered, leave, found = threading.Event(), threading.Event(), list[list[Face]]()
    detect = tracker.detector

    def slow(image: Image) -> Detections:
        entered.set()
        assert leave.wait(20)
        return detect(image)

    tracker.detector = slow
    thread = threading.Thread(target=lambda: found.append(tracker.update(frame(0))))
    thread.start()
    assert entered.wait(20)
    try:
        yield found
    finally:
        leave.set()
        thread.join(20)


class LowResolutionStage(Stage):
    """Stage whose detector downsamples to 320 px and detects faces of 16 px and more that lie wholly in the tile.

    The pixel values encode their own position, from which it derives the tile's origin.
    """

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.sigma_px = 0.3
        self.hinting = False  # whether faces of 5 to 16 px are detected with a low score
        y, x = np.mgrid[:height, :width]
        self.image = np.stack([x & 255, y & 255, (x >> 8) | (y >> 8) << 4], axis=2).astype(np.uint8)

    def detect(self, image: Image) -> Detections:
        self.detector_calls += 1
        height, width = image.shape[:2]
        scale, (x, y) = 1.0, (0, 0)
        if width < 320:  # the whole picture, reduced, whose pixels are means of positions
            scale = width / self.image.shape[1]
        else:
            low_x, low_y, high = (int(v) for v in image[0, 0])
            x, y = low_x + ((high & 15) << 8), low_y + ((high >> 4) << 8)
        actors = [points_box(points * scale) - [x, y, x, y] for points in self.actors]
        boxes = np.array(actors, np.float32).reshape(-1, 4)
        inside = (boxes[:, :2] >= 0).all(axis=1) & (boxes[:, 2:] <= [width - 1, height - 1]).all(axis=1)
        size = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) * 320 / max(320, width, height)
        seen = inside & (size >= (5 if self.hinting else 16))
        return Detections(boxes[seen], np.where(size[seen] >= 16, 0.9, 0.3).astype(np.float32))


def _square(crop: CropBox) -> Floats:
    half = crop.size_px / 2
    return np.array([crop.x - half, crop.y - half, crop.x + half, crop.y + half], np.float32)


FIRST_S = 1.0
"""When a `GuidedTracker` first sees a face."""


class GuidedTracker:
    """Tracker of a person who follows a calibration's instructions.

    act: time since FIRST_S -> faces.
    """

    events = ()

    def __init__(self, act: Callable[[float], list[Face]]) -> None:
        self._act = act

    def search_is_due(self, time_s: float, interval_s: float | None) -> bool:
        return False

    def finish(self) -> tuple[Event, ...]:
        return ()

    def update(self, seen: Frame, search: bool) -> list[Face]:
        return [] if seen.time_s < FIRST_S else self._act(seen.time_s - FIRST_S)


def guided_face(number: int, signals: Signals, pose: Pose) -> Face:
    points = np.zeros((68, 2), np.float32)
    return Face(number, np.zeros(4, np.float32), Landmarks(points, points[:, 0]), 0.9, pose, signals)


def frames_until_stopped(taken: list[float]) -> Iterator[Frame]:
    """Yield frames at 30 fps, more than any guide needs; `taken` gets their times."""
    for i in range(1000):
        taken.append(i / 30)
        yield frame(i)
