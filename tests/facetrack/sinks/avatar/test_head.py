"""3-D points of known heads, and blendshapes of the heads of ICT-FaceKit, whose expressions bear ARKit's names."""

import numpy as np
import pytest

from facetrack.head_model import HEAD_MODEL_MM
from facetrack.pose import RIGID_MODEL_MM, head_pose
from facetrack.sinks.avatar.blendshapes import blendshapes
from facetrack.sinks.avatar.head import eyeballs_mm, head_points
from facetrack.sinks.avatar.measures import MAX_YAW_DEG, Rest, measures
from facetrack.topology import FLIP, RIGID
from made_faces import SIZE, made_face, posed
from places import HEAD_MODEL

TURNS = ((0, 0, 0), (25, 0, 0), (-20, 15, 10), (10, -20, -30))


def test_the_head_is_symmetric_and_agrees_with_the_poses_model():
    np.testing.assert_array_equal(HEAD_MODEL_MM[list(RIGID)], RIGID_MODEL_MM)
    np.testing.assert_allclose(HEAD_MODEL_MM[FLIP] * (-1, 1, 1), HEAD_MODEL_MM, atol=1e-9)


@pytest.mark.parametrize("turn", TURNS)
def test_points_of_a_posed_head_are_the_head(turn):
    found = head_points(made_face(posed(*turn)))
    np.testing.assert_allclose(found.points_mm, HEAD_MODEL_MM, atol=0.01)
    assert found.error_px < 1e-3


def test_an_opened_mouth_opens_in_the_heads_own_axes():
    model = HEAD_MODEL_MM.copy()
    model[[65, 66, 67]] += (0, 20, 0)
    found = head_points(made_face(posed(20, -10, 15), model=model))
    np.testing.assert_allclose(found.points_mm, model, atol=1.5)  # its depth stays that of the closed mouth


def test_nothing_is_known_without_a_pose_or_turned_away():
    face = made_face()
    blind = type(face)(1, face.box, face.landmarks, 0.9, None, face.signals)
    assert head_points(blind) is None
    assert measures(blind) is None
    assert measures(made_face(posed(MAX_YAW_DEG + 1))) is None
    spot = type(face)(1, face.box, type(face.landmarks)(face.landmarks.points * 0, face.landmarks.sigma), 1, posed())
    assert head_points(spot) is None


def test_eyeballs_lie_behind_the_middle_of_the_corners():
    right, left = eyeballs_mm(HEAD_MODEL_MM)
    assert (right[0], left[0]) == (pytest.approx(-31.5), pytest.approx(31.5))
    assert right[2] == left[2] > 5


def test_rest_is_the_median_not_the_mean():
    """A quarter of the time the brows are up: the rest does not follow them, a mean would rise by 2.5 mm."""
    raised = HEAD_MODEL_MM.copy()
    raised[17:27, 1] -= 10.0
    rest = Rest()
    for i in range(900):
        rest.update(i / 30, measures(made_face(model=raised if i % 40 < 10 else HEAD_MODEL_MM)))
    still = measures(made_face())
    assert rest.value.brow_inner_left == pytest.approx(still.brow_inner_left, abs=0.5)


def test_a_neutral_is_kept():
    raised = HEAD_MODEL_MM.copy()
    raised[17:27, 1] -= 6.0
    rest = Rest()
    rest.take(measures(made_face(model=raised)))
    for i in range(300):
        rest.update(i / 30, measures(made_face()))
    assert rest.value.brow_inner_left == pytest.approx(measures(made_face(model=raised)).brow_inner_left, abs=1e-6)


EXPECTED = {
    "browDown": ("browDownLeft", "browDownRight"),
    "browInnerUp": ("browInnerUp",),
    "browOuterUp": ("browOuterUpLeft", "browOuterUpRight"),
    "jawLeft": ("jawLeft",),
    "jawRight": ("jawRight",),
    "mouthLeft": ("mouthLeft",),
    "mouthRight": ("mouthRight",),
    "mouthFrown": ("mouthFrownLeft", "mouthFrownRight"),
    "mouthPucker": ("mouthPucker",),
    "mouthFunnel": ("mouthFunnel",),
    "mouthStretch": ("mouthStretchLeft", "mouthStretchRight"),
}
"""Expressions of the head model, both sides at once, and what must be found in them."""
BESIDE = {
    "browInnerUp": {"browOuterUpLeft", "browOuterUpRight"},
    "mouthFunnel": {"jawOpen", "mouthPucker"},
    "mouthStretch": {"mouthFrownLeft", "mouthFrownRight"},
    "mouthLeft": {"jawRight", "mouthPucker", "browDownRight"},  # its nose follows the mouth, and so the pose
    "mouthRight": {"jawLeft", "mouthPucker", "browDownLeft"},
}
"""What may be found beside them: the model's own shapes move those points, too."""


@pytest.mark.data
@pytest.mark.skipif(not HEAD_MODEL.exists(), reason="needs ../shared/models/ict_face_model.npz")
@pytest.mark.parametrize("stem", EXPECTED)
@pytest.mark.parametrize("turn", [(0, 0, 0), (15, 10, 5)])
def test_expressions_of_a_head_model_are_found_by_their_names(stem, turn):
    with np.load(HEAD_MODEL) as ict:
        marks, names = ict["landmarks68"], [str(name) for name in ict["expression_names"]]
        mean = ict["vertices"][marks] * [10.0, -10.0, -10.0]
        moves = ict["expression"][:, marks].astype(np.float64) * [10.0, -10.0, -10.0]
    mean -= mean[[36, 39, 42, 45]].mean(axis=0)
    rest = measures(solved(mean, turn))
    moved = sum(moves[names.index(name)] for name in names if name.removesuffix("_L").removesuffix("_R") == stem)
    face = solved(mean + moved, turn)
    found = blendshapes(face, measures(face), rest)
    for name in EXPECTED[stem]:
        assert found[name] > 0.35, (name, found[name])
    others = {n: v for n, v in found.items() if v > 0.4}.keys() - set(EXPECTED[stem]) - BESIDE.get(stem, set())
    assert others == set()


def solved(model, turn):
    """Make a face of that head with the pose that the tracker finds for its points."""
    face = made_face(posed(*turn), model=model)
    pose = head_pose(face.landmarks.points, SIZE)
    return type(face)(1, face.box, face.landmarks, 0.9, pose, face.signals)
