"""OpenSeeFace's UDP packets: 1785 bytes a face, the faces of a frame in one datagram.

Layout and signs after emilianavt/OpenSeeFace (facetracker.py, tracker.py, Unity/OpenSee.cs).
"""

from __future__ import annotations

import math
import struct
from itertools import islice

import numpy as np

from facetrack.angles import Angles, direction, quaternion
from facetrack.head_model import HEAD_MODEL_MM
from facetrack.sinks.avatar.head import Array, eyeballs_mm
from facetrack.sinks.avatar.looks import eyes_deg
from facetrack.sinks.avatar.osf_features import NAMES, features
from facetrack.sinks.avatar.scene import Actor, Scene
from facetrack.sinks.network.output import Output
from facetrack.sinks.transport.address import parse_address
from facetrack.sinks.transport.udp import UdpSender
from facetrack.topology import INNER_LIPS, LEFT_EYE, MOUTH_LEFT, MOUTH_RIGHT, NOSE_TIP, OUTER_LIPS, RIGHT_EYE
from facetrack.types import Pose

PORT = 11573
MAX_FACES = 36
"""Faces that fit into a datagram."""
UNIT_MM = 141.0
"""Millimetres to one unit of OpenSeeFace's model."""
EYEBALL_MM = 12.0
"""Radius of an eyeball, of this model as of this protocol."""
FAILED_ERROR = 99_999.0
NO_FIT = (0.0,) * 10
POINTS = np.array(
    [
        *range(OUTER_LIPS[0]),
        *(i for i in OUTER_LIPS if i not in (MOUTH_RIGHT, MOUTH_LEFT)),
        MOUTH_RIGHT, *INNER_LIPS[1:4], MOUTH_LEFT, *INNER_LIPS[5:],
    ]
)  # fmt: skip
"""(66,) 300-W index of each of OpenSeeFace's points: the inner lips' corners are missing there."""
CERTAIN = 0.1
"""Standard deviation of a point, as a share of the face's size, at which its confidence is 0."""
_EYES = np.array((RIGHT_EYE, LEFT_EYE))
_NOSE = HEAD_MODEL_MM[NOSE_TIP].tolist()
_TO_UNITS = np.array((-1.0, 1.0, 1.0)) / UNIT_MM
_COUNTS = (68, 2 * 68, 3 * 70, len(NAMES))
"""Numbers of confidences, points, 3-D points and features."""
_HALF = math.sqrt(0.5)
_HEAD = struct.Struct("<di4fBf10f")


class OsfOutput(Output):
    """OpenSeeFace's sender. The main face is face 0, others keep their track's number; without a face it is silent."""

    everyone = True

    def __init__(self, address: str = "default") -> None:
        self._socket = UdpSender(parse_address(address, PORT, "--osf"), "--osf")
        self._eyes: dict[int, tuple[float, float]] = {}
        self._numbers = np.zeros(sum(_COUNTS), "<f4")  # of one face, from the confidences on
        ends = np.cumsum(_COUNTS).tolist()
        self._confidence = self._numbers[: ends[0]]
        self._points = self._numbers[ends[0] : ends[1]].reshape(-1, 2)
        self._solid = self._numbers[ends[1] : ends[2]].reshape(-1, 3)
        self._features = self._numbers[ends[2] :]

    def send(self, scene: Scene) -> None:
        """Send every face of the frame."""
        faces = [] if scene.main is None else [(0, scene.main)]
        faces += [(other.face.track_id, other) for other in scene.others]
        if faces:
            self._socket.send(b"".join(self._face(scene, i, actor) for i, actor in islice(faces, MAX_FACES)))
        self._eyes = {actor.face.track_id: self._eyes[actor.face.track_id] for _, actor in faces[:MAX_FACES]}

    def _face(self, scene: Scene, face_id: int, actor: Actor) -> bytes:
        face, known = actor.face, actor.face.signals.eyes
        last = self._eyes.get(face.track_id, (1.0, 1.0))
        eyes = tuple(
            before if eye.openness is None else eye.openness
            for eye, before in zip((known.right, known.left), last, strict=True)
        )
        self._eyes[face.track_id] = eyes[0], eyes[1]
        fitted = actor.pose is not None and actor.points is not None and face.pose is not None
        error = actor.points.error_px if actor.points is not None else FAILED_ERROR
        fit = wire_pose(actor.pose, face.pose) if fitted else NO_FIT  # type: ignore[arg-type]
        width, height = scene.size
        head = _HEAD.pack(scene.unix_s, face_id, width, height, *eyes, fitted, error, *fit)
        look = eyes_deg(face)
        self._confidence[: len(POINTS)] = _confidence(actor)
        self._confidence[len(POINTS) :] = _pupils_confidence(actor, look)
        points = face.landmarks.points
        self._points[: len(POINTS)] = points.take(POINTS, axis=0)
        self._points[len(POINTS) :] = np.add.reduce(points[_EYES], axis=1) / _EYES.shape[1]
        if look is not None and face.pose is not None:
            self._points[len(POINTS) :] += _pupils_px(points, face.pose, look)
        self._solid[:] = wire_points(HEAD_MODEL_MM if actor.points is None else actor.points.points_mm, look)
        self._features[:] = features(actor, eyes[0], eyes[1])
        return head + self._numbers.tobytes()

    def close(self) -> None:
        self._socket.close()


def wire_pose(turned: Pose, placed: Pose) -> tuple[float, ...]:
    """Quaternion x, y, z, w, Euler angles (degrees) and translation, as OpenSeeFace's solver gives them.

    turned: the rotation to send. placed: the pose in the camera's axes, for the nose tip's place. That solver works on
    (row, column) and finds a head behind the camera, hence the odd neutral.
    """
    x, y, z, w = (_HALF * part for part in quaternion(turned.rotation))
    wire = (w + z, w - z, y - x, x + y)  # times a half turn about (1, 1, 0), and inverted
    sign = math.copysign(1.0, next(part for part in wire if abs(part) > 1e-9))
    right, down, away = turned.rotation.tolist()
    angles = (
        math.atan2(-away[1], -away[2]), math.asin(max(-1.0, min(1.0, away[0]))), math.atan2(right[0], down[0]),
    )  # fmt: skip
    nose = [sum(a * b for a, b in zip(row, _NOSE, strict=True)) for row in placed.rotation.tolist()]
    right_mm, down_mm, away_mm = (a + b for a, b in zip(nose, placed.translation_mm.tolist(), strict=True))
    return (
        *(sign * part for part in wire), *map(math.degrees, angles),
        -down_mm / UNIT_MM, -right_mm / UNIT_MM, -away_mm / UNIT_MM,
    )  # fmt: skip


def wire_points(points_mm: Array, look: Angles | None = None) -> np.ndarray:
    """(70, 3) little-endian float32: the points from the nose tip, the pupils and the eyeballs' centres.

    Axes: the person's right, down, away from the camera. Pupils are where the eyes look in the head, straight ahead
    where that is not known.
    """
    solid = np.empty((70, 3))
    points_mm.take(POINTS, axis=0, out=solid[:66], mode="clip")
    solid[66:68] = solid[68:] = eyeballs_mm(points_mm)
    solid[66:68] += EYEBALL_MM * np.array(direction(*(look or (0.0, 0.0))))
    solid -= points_mm[NOSE_TIP]
    solid *= _TO_UNITS
    return solid.astype("<f4")


def _pupils_px(points: np.ndarray, pose: Pose, look: Angles) -> Array:
    """(2,) px by which a look moves the pupils in the picture, by the scale of the outer corners of the eyes."""
    x, y, z = direction(*look)
    right, down, _ = pose.rotation.tolist()
    moved = [row[0] * x + row[1] * y + row[2] * (z + 1.0) for row in (right, down)]
    corner, other = points[RIGHT_EYE[0]], points[LEFT_EYE[3]]
    apart_mm = HEAD_MODEL_MM[LEFT_EYE[3], 0] - HEAD_MODEL_MM[RIGHT_EYE[0], 0]
    seen_mm = max(apart_mm * math.hypot(right[0], down[0]), 1.0)
    return np.array(moved) * (EYEBALL_MM * math.dist(corner.tolist(), other.tolist()) / seen_mm)


def _pupils_confidence(actor: Actor, look: Angles | None) -> tuple[float, float]:
    """1 for a pupil that is seen and 0 for one that is not, of the right and the left eye."""
    eyes = actor.face.signals.eyes
    right, left = (float(look is not None and eye.gaze_yaw_deg is not None) for eye in (eyes.right, eyes.left))
    return right, left


def _confidence(actor: Actor) -> Array:
    """(66,) 0..1: the visibility where the network gives it, else by the uncertainty, else the face's score."""
    marks, box = actor.face.landmarks, actor.face.box
    if marks.visibility is not None:
        share = np.asarray(marks.visibility, np.float64)
    else:
        _, top, _, bottom = box.tolist()
        share = 1.0 - np.asarray(marks.sigma, np.float64) / (CERTAIN * max(bottom - top, 1.0))
        if not math.isfinite(float(np.add.reduce(share))):
            share[~np.isfinite(share)] = actor.face.score if math.isfinite(actor.face.score) else 0.0
    return np.minimum(np.maximum(share[POINTS], 0.0), 1.0)
