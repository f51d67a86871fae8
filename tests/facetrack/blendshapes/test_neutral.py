"""Blendshapes over a person's own rest, as the tracker gives them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.facetrack.blendshapes.test_features import face_at

from facetrack.blendshapes import Blendshapes, ShapeNetwork
from facetrack.blendshapes.features import N_FEATURES
from facetrack.blendshapes.neutral import Neutral
from facetrack.errors import ModelFileError
from facetrack.sinks.avatar.blendshapes import blendshapes
from facetrack.sinks.avatar.mirror import mirrored_face
from facetrack.types import Face, Frame, Signals
from facetrack.types.signals import MouthSignals

NAMES = ("browInnerUp", "eyeBlinkLeft", "jawOpen")
FRAME = Frame(np.zeros((8, 8, 3), np.uint8), time_s=0.0, index=0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a network that says .3, .6, .9 of every face."""
    sizes = (N_FEATURES, 4, 4, 3)
    layers = {f"w{i}": np.zeros((sizes[i], sizes[i + 1]), np.float32) for i in range(3)}
    biases = {f"b{i}": np.zeros(sizes[i + 1], np.float32) for i in range(2)}
    last = np.array((0.3, 0.6, 0.9), np.float32)
    np.savez(tmp_path / "own.npz", names=np.array(NAMES), mean=np.zeros(N_FEATURES), b2=last, **layers, **biases)
    return tmp_path / "own.npz"


def predicted(face: Face, file: Path) -> dict[str, float]:
    return dict(Blendshapes(ShapeNetwork(file)).update(FRAME, [face])[0].signals.blendshapes or {})


def test_a_face_is_told_by_names_and_a_hidden_mouth_is_absent(file: Path) -> None:
    face = face_at(0, 0, 0)
    assert predicted(face, file) == pytest.approx(dict(zip(NAMES, (0.3, 0.6, 0.9), strict=True)), abs=0.02)
    hidden = replace(face, signals=replace(face.signals, mouth=MouthSignals()))
    assert set(predicted(hidden, file)) == {"browInnerUp", "eyeBlinkLeft"}
    assert Blendshapes(ShapeNetwork(file)).update(FRAME, [replace(face, pose=None)])[0].signals.blendshapes is None


def test_the_rest_is_learnt_and_an_expression_stays() -> None:
    """Constant .25 becomes 0 in seconds; a smile of 1 s on it is known as its height over the rest."""
    neutral = Neutral(1)
    for index in range(600):
        value = neutral.update(index / 30, np.array([0.25], np.float32))
    assert float(value[0]) < 0.05
    for index in range(600, 630):
        value = neutral.update(index / 30, np.array([0.85], np.float32))
    assert float(value[0]) == pytest.approx(0.6 / 0.75, abs=0.05)


def test_senders_take_them_and_the_mirror_changes_the_sides(file: Path) -> None:
    face = Blendshapes(ShapeNetwork(file)).update(FRAME, [face_at(0, 0, 0)])[0]
    sent = blendshapes(face)
    assert sent["eyeBlinkLeft"] == pytest.approx(0.8)  # of the openness .2: a known eye keeps its formula
    assert sent["jawOpen"] == pytest.approx(0.9, abs=0.02)
    other = mirrored_face(face, 640).signals.blendshapes
    assert other is not None
    assert set(other) == {"browInnerUp", "eyeBlinkRight", "jawOpen"}
    assert blendshapes(replace(face, signals=Signals())) == {}


def test_a_file_that_is_no_network_is_refused(tmp_path: Path, file: Path) -> None:
    (tmp_path / "none.npz").write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match="no blendshape network"):
        ShapeNetwork(tmp_path / "none.npz")
    arrays = dict(np.load(file))
    np.savez(tmp_path / "other.npz", **(arrays | {"names": np.array(("a", "b", "c"))}))
    with pytest.raises(ModelFileError, match="not ARKit's"):
        ShapeNetwork(tmp_path / "other.npz")
    np.savez(tmp_path / "short.npz", **(arrays | {"w1": np.zeros((5, 4), np.float32)}))
    with pytest.raises(ModelFileError, match="do not fit"):
        ShapeNetwork(tmp_path / "short.npz")
