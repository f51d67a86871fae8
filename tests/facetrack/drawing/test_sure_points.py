"""Points that nobody can see are drawn dim."""

import numpy as np

from facetrack.drawing.faces import draw_faces, sure_points
from facetrack.types import Face, Landmarks
from staged import actor

DARK = np.full((240, 240, 3), 20, np.uint8)


def landmarks(visibility=None, sigma_px=1.0):
    return Landmarks(actor(120, 120, 120.0), np.full(68, sigma_px, np.float32), visibility)


def brightness(marks):
    return int(draw_faces(DARK, [Face(1, np.zeros(4, np.float32), marks, 1.0)], labels=False).sum())


def test_which_points_are_sure():
    half = np.where(np.arange(68) < 34, 0.9, 0.1).astype(np.float32)
    assert sure_points(landmarks(half), 120.0).tolist() == [True] * 34 + [False] * 34
    assert sure_points(landmarks(), 120.0).all(), "a network that does not tell is believed"
    assert not sure_points(landmarks(sigma_px=13.0), 120.0).any(), "over a tenth of the face"
    assert sure_points(landmarks(sigma_px=np.nan), 120.0).all()


def test_hidden_points_are_drawn_dimmer():
    seen, hidden = np.ones(68, np.float32), np.zeros(68, np.float32)
    assert brightness(landmarks()) == brightness(landmarks(seen))
    assert DARK.sum() < brightness(landmarks(hidden)) < brightness(landmarks(seen))
