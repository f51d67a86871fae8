"""Error of the gaze on rendered heads by the angle of the head, the network's share apart from the geometry's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from facetrack.eyes import EyeReader
from facetrack.gaze import eyes_in_head
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import CameraModel, EyesReading, Face, Floats, Image, Pose
from facetrain.evaluation.gaze.methods import EYES, Look, angle_deg, exact_reading, look_of, mesh_reading, unit
from facetrain.synth.rendering.accessories import random_style
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.light import random_light
from facetrain.synth.rendering.people import developed, random_background, random_state
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.skin import Rng, random_look
from facetrain.synth.rendering.truth import HeadState

SEED = 2208
"""Of people and expressions to which nothing here was fitted: the table of eyes has the seeds of `labelling.eyes`."""
SIZE, FOV_DEG = (320, 240), 33.0
"""The middle of a webcam's picture of 640 x 480 px."""
CAMERA = CameraModel(fov_deg=FOV_DEG)
MAX_YAW_DEG, GAZE_YAW_DEG, GAZE_PITCH_DEG = 45.0, (-25.0, 25.0), (-18.0, 15.0)
MOST_BLINK = 0.12
BINS_DEG = ((0.0, 15.0), (15.0, 30.0), (0.0, 30.0), (30.0, 45.0))
LEAST_VISIBLE = 0.8
"""Share of an eye's points that are visible, from which the error of its iris counts."""
NETWORK, HEAD, CORNERS, GEOMETRY, MEDIAPIPE = (
    "eye network", "head alone", "exact irises", "exact irises and corners", "MediaPipe's irises",
)  # fmt: skip
Mesh = Callable[[Image], Floats]
ReadHead = Callable[[Image], tuple[Face | None, EyesReading | None]]


@dataclass(slots=True)
class HeadErrors:
    """Of N heads.

    yaw_deg: (N,) of the heads. errors: by method, (N,) angle between gaze and truth in the camera's axes, degrees, NaN
    where there is none. in_head: by method, (N, 4): true yaw and pitch of the eyes in the head, found ones. sigma_deg:
    (N,) that the tracker gives, NaN where there is none. iris: by network, errors of iris centres that are seen over
    the eye's width, %.
    """

    yaw_deg: list[float] = field(default_factory=list)
    errors: dict[str, list[float]] = field(default_factory=dict)
    in_head: dict[str, list[tuple[float, float, float, float]]] = field(default_factory=dict)
    sigma_deg: list[float] = field(default_factory=list)
    iris: dict[str, list[float]] = field(default_factory=dict)

    def add(self, method: str, look: Look | None, state: HeadState) -> None:
        """Take what a method says of a head."""
        truth = state.rotation @ unit(state.gaze_deg)
        self.errors.setdefault(method, []).append(math.nan if look is None else angle_deg(look.in_camera, truth))
        found = (math.nan, math.nan) if look is None else look.in_head
        self.in_head.setdefault(method, []).append((*state.gaze_deg, *found))

    def mean_deg(self, method: str, low: float, high: float) -> float:
        """Return the mean error of the heads turned by this much that the method found."""
        turned = np.abs(self.yaw_deg)
        errors = np.array(self.errors[method])[(turned >= low) & (turned < high)]
        return float(np.nanmean(errors)) if np.isfinite(errors).any() else math.nan

    def slopes(self, method: str) -> tuple[float, float]:
        """Return by how much the found yaw and pitch in the head grow with the true ones, by least squares."""
        rows = np.array(self.in_head[method])
        rows = rows[np.isfinite(rows).all(axis=1)]
        if len(rows) < 3:
            return math.nan, math.nan
        return float(np.polyfit(rows[:, 0], rows[:, 2], 1)[0]), float(np.polyfit(rows[:, 1], rows[:, 3], 1)[0])


def random_gazer(renderer: Renderer, rng: Rng) -> HeadState:
    """Draw a person with open eyes that look anywhere, the head turned evenly over both sides."""
    state = random_state(renderer.model, rng)
    expression = {n: min(v, MOST_BLINK) if "Blink" in n else v for n, v in state.expression.items()}
    return replace(
        state, expression=expression, yaw_deg=float(rng.uniform(-MAX_YAW_DEG, MAX_YAW_DEG)),
        pitch_deg=float(rng.normal(0, 8)), roll_deg=float(rng.normal(0, 6)),
        gaze_deg=(float(rng.uniform(*GAZE_YAW_DEG)), float(rng.uniform(*GAZE_PITCH_DEG))),
        translation_cm=(float(rng.normal(0, 1.5)), float(rng.normal(0, 1)), float(rng.uniform(48, 75))),
    )  # fmt: skip


def webcam() -> Camera:
    """Return the camera of the rendered pictures."""
    focal = SIZE[0] / 2 / math.tan(math.radians(FOV_DEG / 2))
    return Camera(focal, ((SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2), SIZE)


def iris_px(renderer: Renderer, state: HeadState, camera: Camera) -> Floats:
    """Return the (2, 2) px of the centres of the right and the left iris."""
    shaped = renderer.model.shaped(state.identity, state.expression, state.gaze_deg)
    place = state.in_camera(renderer.model, renderer.model.irises(shaped)).astype(np.float64)
    return camera.project(place).astype(np.float32)


def reading_head(tracker: FaceTracker, reader: EyeReader) -> ReadHead:
    """Return a function that reads a picture's face with the tracker and its eyes as the eye network alone does."""

    def read(image: Image) -> tuple[Face | None, EyesReading | None]:
        tracker.reset()
        faces = tracker.update(image, time_s=0.0) or tracker.update(image, time_s=0.05)
        if not faces:
            return None, None
        return faces[0], reader(image, [faces[0].landmarks.points])[0]

    return read


def measure(renderer: Renderer, read: ReadHead, mesh: Mesh | None, indices: Iterable[int]) -> HeadErrors:
    """Render a head per index, a function of (SEED, index) alone, and read its gaze in every way."""
    found, camera = HeadErrors(), webcam()
    for index in indices:
        rng = np.random.default_rng((SEED, index))
        state = random_gazer(renderer, rng)
        style, background = random_style(rng), random_background(rng, max(SIZE))
        image, truth = renderer.render(state, random_look(rng), style, random_light(rng), camera, background)
        image, irises = developed(image, rng), iris_px(renderer, state, camera)
        face, reading = read(image)
        pose = None if face is None else face.pose
        found.yaw_deg.append(state.yaw_deg)
        found.add(NETWORK, look_of(reading, pose, CAMERA, SIZE), state)
        found.add(HEAD, None if pose is None else Look((0.0, 0.0), pose), state)
        found.add(CORNERS, _exact(None if face is None else face.landmarks.points, irises, pose), state)
        found.add(GEOMETRY, _exact(truth.points, irises, pose), state)
        sigma = None if reading is None else look_sigma_deg(reading, pose)
        found.sigma_deg.append(math.nan if sigma is None else sigma)
        seen = truth.visible, truth.points, irises
        _add_irises(found, "eye network", None if reading is None else reading.iris, seen)
        if mesh is not None:
            meshes = mesh(image)
            theirs, their_pose = mesh_reading(meshes[0], CAMERA, SIZE) if len(meshes) else (None, None)
            found.add(MEDIAPIPE, look_of(theirs, their_pose, CAMERA, SIZE), state)
            _add_irises(found, "MediaPipe", None if theirs is None else theirs.iris, seen)
    return found


def look_sigma_deg(reading: EyesReading, pose: Pose | None) -> float | None:
    """Return one standard deviation of the mean of both eyes, by the network's own uncertainty."""
    known = [eye.sigma_deg for eye in eyes_in_head(reading, pose, CAMERA.intrinsics(SIZE)) if eye is not None]
    return 1.0 / math.sqrt(sum(1.0 / sigma**2 for sigma in known)) if known else None


def _exact(points: Floats | None, irises: Floats, pose: Pose | None) -> Look | None:
    return None if points is None else look_of(exact_reading(points, irises), pose, CAMERA, SIZE)


def _add_irises(found: HeadErrors, name: str, irises: Floats | None, seen: tuple[np.ndarray, Floats, Floats]) -> None:
    """Take the errors of the irises of eyes that are seen. seen: visible (68,), points (68, 2), irises (2, 2)."""
    visible, points, truth = seen
    if irises is None:
        return
    for side, eye in enumerate(EYES):
        if visible[list(eye)].mean() >= LEAST_VISIBLE:
            width = float(np.linalg.norm(points[eye[3]] - points[eye[0]]))
            found.iris.setdefault(name, []).append(100 * float(np.linalg.norm(irises[side] - truth[side])) / width)
