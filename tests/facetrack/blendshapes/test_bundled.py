"""The bundled blendshape network keeps the person's left and right, and costs little."""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from tests.facetrack.blendshapes.test_features import face_at

from facetrack.blendshapes import Blendshapes, bundled_shapes
from facetrack.blendshapes.features import features
from facetrack.loops.run_header import networks_of
from facetrack.sinks.avatar.mirror import mirrored_face
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Face, Frame, Signals
from facetrack.types.signals import OTHER_SIDE, EyeSignals, EyesSignals, MouthSignals, SmileSignals

pytestmark = pytest.mark.net
OPEN, SHUT = EyeSignals(1.0, 0.3, 1.0, 0.35, 0.0, 0.0, -5.0), EyeSignals(0.0, 0.05, 0.0, 0.0, 0.0, 0.0, -15.0)


def winking(right: EyeSignals, left: EyeSignals) -> Face:
    """Return a face with closed lips; the lids' points follow a shut eye."""
    moved = np.zeros((68, 3))
    for eye, points in ((right, (37, 38, 40, 41)), (left, (43, 44, 46, 47))):
        if eye is SHUT:
            moved[list(points), 1] = 5.0, 5.0, -2.0, -2.0  # mm, the upper lid down and the lower one up
    signals = Signals(EyesSignals(right, left), MouthSignals(0.0, 0.02, 0.05), SmileSignals(0.05))
    return replace(face_at(0, 0, 0, moved), signals=signals)


def predicted(face: Face) -> dict[str, float]:
    network, seen = bundled_shapes(), features(face)
    assert seen is not None
    return dict(zip(network.names, network(seen).tolist(), strict=True))


def test_a_wink_is_of_the_persons_own_eye() -> None:
    both, right, left = predicted(winking(SHUT, SHUT)), predicted(winking(SHUT, OPEN)), predicted(winking(OPEN, SHUT))
    assert right["eyeBlinkRight"] > right["eyeBlinkLeft"] + 0.05
    assert left["eyeBlinkLeft"] > left["eyeBlinkRight"] + 0.05
    assert min(both["eyeBlinkLeft"], both["eyeBlinkRight"]) > 0.3


def test_a_mirrored_face_has_the_sides_changed() -> None:
    """The senders' mirror image of a face, not the features' own."""
    face = winking(SHUT, OPEN)
    plain, other = predicted(face), predicted(mirrored_face(face, 640))
    for name, value in plain.items():
        assert other[OTHER_SIDE[name]] == pytest.approx(value, abs=0.2), name


def test_a_run_names_the_file_that_its_shapes_are_from() -> None:
    networks = networks_of(FaceTracker.from_weights(blendshapes=True))
    assert sha256(bundled_shapes().path.read_bytes()).hexdigest().startswith(networks["blendshapes"])
    assert "blendshapes" not in networks_of(FaceTracker.from_weights())


def test_a_face_costs_little() -> None:
    """The best of many calls: the limit is .05 ms, a busy machine gets a factor of three."""
    shapes, face = Blendshapes(bundled_shapes()), winking(OPEN, OPEN)
    image, taken = np.zeros((8, 8, 3), np.uint8), []
    for index in range(500):
        frame = Frame(image, time_s=index / 30, index=index)
        start = time.perf_counter()
        shapes.update(frame, [face])
        taken.append(time.perf_counter() - start)
    assert min(taken) < 150e-6
