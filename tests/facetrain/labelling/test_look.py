"""Gaze of a face by a mesh's irises, against eyeballs that SciPy turns and a camera that is written out here."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.head_model import HEAD_MODEL_MM
from facetrack.topology_maps import MESH_IRISES
from facetrain.labelling.eyes.look import mesh_look

FOCAL, MIDDLE = 880.0, np.array([320.0, 240.0])
AWAY_MM = 700.0
CORNERS = ((36, 39), (42, 45))


def seen(points_mm, head):
    placed = head.apply(points_mm) + np.array([0.0, 0.0, AWAY_MM])
    return (placed[:, :2] / placed[:, 2:] * FOCAL + MIDDLE).astype(np.float32)


@pytest.mark.parametrize("size", [1.0, 0.4])
@pytest.mark.parametrize("head", [(0, 0), (20, 0), (-25, 8)])
@pytest.mark.parametrize("look", [(0, 0), (15, 0), (-12, -10)])
def test_the_look_of_both_eyes_of_a_posed_head(head, look, size):
    """size: of the face in the picture; a photograph's camera is unknown, and it does not matter."""
    turn, eyes = (Rotation.from_euler("YXZ", [-yaw, -pitch, 0], degrees=True) for yaw, pitch in (head, look))
    mesh = np.zeros((478, 2), np.float32)
    for (centre, _), ends, side in zip(MESH_IRISES, CORNERS, (-1, 1), strict=True):
        ball = HEAD_MODEL_MM[list(ends)].mean(axis=0) + np.array([side * 0.9, -2.5, 6.1])
        mesh[centre] = seen((ball + eyes.apply([0.0, 0.0, -10.4]))[None], turn)[0]
    found = mesh_look(seen(HEAD_MODEL_MM, turn) * size, mesh * size)
    expected = (turn * eyes).apply([0.0, 0.0, -1.0])
    assert found == pytest.approx(expected[:2], abs=0.06)


def test_points_without_a_pose_have_no_look():
    assert mesh_look(np.full((68, 2), np.nan, np.float32), np.zeros((478, 2), np.float32)) is None
