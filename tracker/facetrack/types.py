"""The values that flow through facetrack. All are frozen: each stage returns a new, complete value.

Points are (x, y) in pixels of the full frame, x to the right, y down, pixel centres at integers: the centre of the
top left pixel is (0, 0). Images are (H, W, 3) uint8 in OpenCV's channel order, blue first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facetrack.angles import quaternion
from facetrack.signal_types import Signals

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

DEFAULT_FOV_DEG = 60.0
"""Assumed field of view across the longer side: webcams and phones lie between 55 and 75 degrees."""
BEGAN, ENDED = "began", "ended"
"""Phases of an event."""
LASTING_KINDS = ("long_closure", "microsleep", "yawn", "speech", "smile", "glance_away", "distraction")
"""Kinds of events that are reported when they begin and when they end."""
EVENT_KINDS = ("blink", "wink_right", "wink_left", "nod", "shake", "nod_off", *LASTING_KINDS)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    image: (H, W, 3) uint8, BGR.
    time_s: seconds on the source's own monotonic clock; strictly increasing from frame to frame.
    index: counts the source's frames from 0; a gap means dropped frames.
    name: the picture's file name where the source is a folder of pictures, else None.
    """

    image: Image
    time_s: float
    index: int
    name: str | None = None


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
    visibility: (68,) float32 0..1, 1 for a point that is seen, 0 for an occluded one, which keeps its best position;
        None from a network that does not give it.
    """

    points: Floats
    sigma: Floats
    visibility: Floats | None = None


@dataclass(frozen=True, slots=True)
class CameraModel:
    """Pinhole camera, as far as it is known: a field of view, or intrinsics.

    fov_deg: horizontal field of view, degrees across the width of the upright picture. Without it and without fx a
        webcam's is assumed: DEFAULT_FOV_DEG across the longer side, so that a camera held upright keeps its lens.
    fx, fy: focal lengths, px; fy is taken from fx where it is left out.
    cx, cy: principal point, px, pixel centres at integers; the picture's centre where it is left out.
    width, height: px of the pictures for which those hold; left out, of whatever picture comes. Others are scaled.
    Raises ValueError where these do not make a camera.
    """

    fov_deg: float | None = None
    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    width: float | None = None
    height: float | None = None

    def __post_init__(self) -> None:
        for name, value in ((name, getattr(self, name)) for name in self.__slots__):
            if value is not None and not (math.isfinite(value) and (value > 0.0 or name in ("cx", "cy"))):
                raise ValueError(f"{name} is {value}; expected a number above 0")
        if self.fov_deg is not None and self.fov_deg >= 180.0:
            raise ValueError(f"fov_deg is {self.fov_deg}; expected a horizontal field of view under 180 degrees")
        if self.fov_deg is not None and self.fx is not None:
            raise ValueError("both fov_deg and fx are given; expected one of them: leave one out")
        if self.fx is None and any(x is not None for x in (self.fy, self.cx, self.cy, self.width, self.height)):
            raise ValueError("fy, cx, cy, width or height is given without fx; expected fx with them")

    def intrinsics(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return (fx, fy, cx, cy) in px for pictures of this size, (width, height) px."""
        width, height = size
        centre_x, centre_y = (width - 1) / 2.0, (height - 1) / 2.0
        if self.fx is None:
            across = (max(width, height), DEFAULT_FOV_DEG) if self.fov_deg is None else (width, self.fov_deg)
            focal = across[0] / 2.0 / math.tan(math.radians(across[1]) / 2.0)
            return focal, focal, centre_x, centre_y
        scale_x = 1.0 if self.width is None else width / self.width
        scale_y = scale_x if self.height is None else height / self.height
        fx, fy = scale_x * self.fx, scale_y * (self.fx if self.fy is None else self.fy)
        # A pixel's centre lies half a pixel from its edge, whatever the scale.
        cx = centre_x if self.cx is None else (self.cx + 0.5) * scale_x - 0.5
        cy = centre_y if self.cy is None else (self.cy + 0.5) * scale_y - 0.5
        return fx, fy, cx, cy

    def horizontal_fov_deg(self, size: tuple[int, int]) -> float:
        """Degrees across the width of pictures of this size."""
        fx = self.intrinsics(size)[0]
        return math.degrees(2.0 * math.atan(size[0] / 2.0 / fx))


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Attitude and position of the head relative to the camera.

    rotation: (3, 3) float64, head to camera. Camera axes: x right, y down, z away from the camera. The identity is a
        head that looks straight into the camera.
    translation_mm: (3,) float64 mm, the head's origin (midway between the eyes) in the camera's axes, for an adult of
        average size: a distance is only as good as that guess and the focal length.
    yaw_deg: positive when the head turns towards the picture's right.
    pitch_deg: positive when it looks up.
    roll_deg: positive when it tilts clockwise as seen in the picture.
    sigma_deg: one standard deviation of (yaw, pitch, roll); None where it is unknown.
    """

    rotation: NDArray[np.float64]
    translation_mm: NDArray[np.float64]
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sigma_deg: tuple[float, float, float] | None = None

    @property
    def quaternion(self) -> tuple[float, float, float, float]:
        """Unit quaternion (x, y, z, w) of `rotation`, w >= 0."""
        return quaternion(self.rotation)


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
    """Something that one face does from one moment to another.

    A kind that lasts (LASTING_KINDS) is reported twice: "began" as soon as its criterion is met, and "ended" when it is
    over, the face is lost, or the tracker ends. Both have the same kind, track_id and since_s; there is one "ended" for
    each "began". Every other kind is known only when it is over and is reported once, as "ended".

    kind: "blink", "wink_right", "wink_left", "long_closure", "microsleep" (see `signals.eyes.blink`); "yawn", "speech",
        "smile"; "nod", "shake", "nod_off"; "glance_away", "distraction".
    phase: "began" or "ended". Counts are counts of the ended ones.
    start_s: when the movement began; an ended one may correct it.
    since_s: when it became this event, its criterion being met; start_s <= since_s <= end_s. Of a kind that is known
        only when it is over, end_s.
    end_s: when it ended; None while it lasts. Where the face was lost, the last moment at which it was known to last.
    amplitude: how far it went (until now), in the unit of its signal: openness of eyes and mouth (0..1), the reading of
        a smile (0..1), degrees of head and glances; None where that says nothing.
    closing_speed_per_s: openness per second by which the lids closed; None for what is no closure.
    """

    kind: str
    track_id: int
    phase: str
    start_s: float
    since_s: float
    end_s: float | None
    amplitude: float | None = None
    closing_speed_per_s: float | None = None

    @classmethod
    def completed(
        cls, kind: str, track_id: int, start_s: float, end_s: float, amplitude: float | None = None,
        closing_speed_per_s: float | None = None,
    ) -> Event:  # fmt: skip
        """An event that is known only now that it is over."""
        return cls(kind, track_id, ENDED, start_s, end_s, end_s, amplitude, closing_speed_per_s)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.phase == ENDED

    @property
    def until_s(self) -> float:
        """Its end; of one that lasts, when its criterion was met."""
        return self.since_s if self.end_s is None else self.end_s

    @property
    def duration_s(self) -> float:
        """Seconds from its start to `until_s`."""
        return self.until_s - self.start_s
