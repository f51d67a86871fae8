"""The values that flow through facetrack. All are frozen: each stage returns a new, complete value.

Points are (x, y) in pixels of the full frame, x to the right, y down, pixel centres at integers: the centre of the
top left pixel is (0, 0). Images are (H, W, 3) uint8 in OpenCV's channel order, blue first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    image: (H, W, 3) uint8, BGR.
    time_s: seconds on the source's own monotonic clock; strictly increasing from frame to frame.
    index: counts the source's frames from 0; a gap means dropped frames.
    """

    image: Image
    time_s: float
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Faces found in one image, best first.

    boxes: (N, 4) float32, x0 y0 x1 y1 in px: the extent of the 68 landmarks, from the brows to the chin and from ear
    to ear.
    scores: (N,) float32 in 0..1.
    keypoints: (N, 5, 2) float32 px, right eye, left eye, nose tip, right and left mouth corner as the person has
        them (so the first eye is the one on the picture's left in a face seen from the front); None if the detector
        gives none.
    """

    boxes: Floats
    scores: Floats
    keypoints: Floats | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def face(self, index: int) -> tuple[Floats, Floats | None]:
        """(4,) box and (5, 2) keypoints of one face."""
        return self.boxes[index], None if self.keypoints is None else self.keypoints[index]


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The 68 points of one face in the 300-W scheme (see `topology`).

    points: (68, 2) float32 px.
    sigma: (68,) float32 px, one standard deviation of each point's error per coordinate, as the network judges it.
    """

    points: Floats
    sigma: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """The head's attitude relative to the camera.

    rotation: (3, 3) float64, head to camera. Camera axes: x right, y down, z away from the camera. The identity is a
        head that looks straight into the camera.
    translation: (3,) float64, the head's origin in the camera's axes, in units of the head model (mm for an adult of
        average size: a distance, only as good as that guess).
    yaw_deg: positive when the head turns towards the picture's right. pitch_deg: positive when it looks up.
    roll_deg: positive when it tilts clockwise as seen in the picture.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, slots=True)
class Signals:
    """What the points and the network say of the face in this frame; None where it cannot be known.

    ear_right, ear_left: eye aspect ratio of the person's right and left eye (see `signals.eyes.openness`), about .3
    open, under .15 closed. mouth_opening: inner lip gap over mouth width (see `signals.mouth.openness`), 0 closed, over
    .6 wide open. eye_right_open, eye_left_open, mouth_open, smile, glasses: 0..1 as the network reads them off the
    picture, by the names of `modelfile.ATTRIBUTES`; None from a network that does not.

    eye_right_openness, eye_left_openness: 0 closed to 1 as open as this person's open eye is, from the network's
    reading and the aspect ratio together (see `signals.eyes.openness`).
    eyes_closed_s: for how long the eyes have been closed until now, 0 while they are open (see `signals.eyes.blink`).
    perclos_60, perclos_180, perclos70_60: share 0..1 of the last 60 or 180 s in which the eyes were at least 80 %
    (70 %) closed, blinks left out (see `signals.eyes.perclos`).
    blink_rate_per_min, blink_duration_s: of the blinks of the last 60 s; the duration is their mean.
    fatigue: 0..1; fatigue_level: "alert", "tired" or "drowsy"; fatigue_parts: how much each part adds to `fatigue`, by
    its name (see `signals.fatigue`).

    mouth_openness: 0 as closed as this person's mouth closes to 1 wide open (see `signals.mouth.openness`). speaking,
    yawning, smiling: whether it does now (see `signals.mouth.speech`, `signals.mouth.yawn`, `signals.mouth.smile`).
    smile_eyes: 0..1, how much the eyes narrow with the smile, 0 while there is none. head_yaw_deg, head_pitch_deg,
    head_roll_deg: of the head relative to how this person holds it looking straight, with the signs of `Pose` (see
    `signals.head.neutral`). gaze_yaw_deg, gaze_pitch_deg: direction of the gaze relative to the same; gaze_source: what
    it is told from, "head" (see `signals.head.gaze`). on_target: whether the gaze lies in the target's zone; attention:
    0..1, share of the known part of the last 60 s in which it did; distracted (see `signals.head.attention`; no
    certified driver monitoring).

    expression: probabilities that sum to 1, by the names of `expression.EXPRESSIONS`; None unless asked for.
    """

    ear_right: float | None = None
    ear_left: float | None = None
    mouth_opening: float | None = None
    eye_right_open: float | None = None
    eye_left_open: float | None = None
    mouth_open: float | None = None
    smile: float | None = None
    glasses: float | None = None
    eye_right_openness: float | None = None
    eye_left_openness: float | None = None
    eyes_closed_s: float | None = None
    perclos_60: float | None = None
    perclos_180: float | None = None
    perclos70_60: float | None = None
    blink_rate_per_min: float | None = None
    blink_duration_s: float | None = None
    fatigue: float | None = None
    fatigue_level: str | None = None
    fatigue_parts: Mapping[str, float] | None = None
    mouth_openness: float | None = None
    speaking: bool | None = None
    yawning: bool | None = None
    smiling: bool | None = None
    smile_eyes: float | None = None
    head_yaw_deg: float | None = None
    head_pitch_deg: float | None = None
    head_roll_deg: float | None = None
    gaze_yaw_deg: float | None = None
    gaze_pitch_deg: float | None = None
    gaze_source: str | None = None
    on_target: bool | None = None
    attention: float | None = None
    distracted: bool | None = None
    expression: Mapping[str, float] | None = None

    @property
    def likeliest_expression(self) -> str | None:
        """Of `expression`, the name."""
        told = self.expression
        return None if told is None else max(told, key=lambda name: told[name])


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One tracked face in one frame.

    track_id: from 1, the same for one face as long as it is followed. box: (4,) float32 x0 y0 x1 y1 px, the extent of
    the points.
    score: 0..1, the network's belief that this is a face. pose: None where it cannot be told.
    """

    track_id: int
    box: Floats
    landmarks: Landmarks
    score: float
    pose: Pose | None = None
    signals: Signals = field(default_factory=Signals)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one face between two moments, reported with the frame in which it ended.

    kind: "blink", "wink_right", "wink_left", "long_closure", "microsleep" (see `signals.eyes.blink`); "yawn", "speech",
        "smile"; "nod", "shake", "nod_off"; "glance_away", "distraction".
    amplitude: how far it went, in the unit of the signal it was seen in: openness of eyes and mouth (0..1), the reading
        of a smile (0..1), degrees of head and glances; None where that says nothing.
    closing_speed_per_s: openness per second by which the lids closed; None for what is no closure.
    """

    kind: str
    track_id: int
    start_s: float
    end_s: float
    amplitude: float | None = None
    closing_speed_per_s: float | None = None
