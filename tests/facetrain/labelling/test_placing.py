"""Places of eyes in photographs of single eyes: cut from the bundled portrait, whose points are known."""

import numpy as np
import pytest

from facetrack import topology
from facetrack.engine.onnx import OnnxEngine
from facetrack.modelfile import bundled_path
from facetrack.photograph import load_photograph
from facetrain.labelling.eyes.placing import Usual, eye_places, place_map

USUAL = Usual(0.62, 0.54)


def around(shift, size=1.0):
    """Cut the right eye as a detector might; returns the picture and the true x, y and width of the eye in it."""
    image, points = load_photograph()
    eye = points[list(topology.RIGHT_EYE)]
    width = float(np.linalg.norm(eye[3] - eye[0]))
    side = round(size * width / USUAL.width)
    x, y = (eye[0] + eye[3]) / 2
    left, top = round(x - side / 2), round(y - (USUAL.height + shift) * side)
    return image[top : top + side, left : left + side], np.array([x - left, y - top, width])


@pytest.mark.parametrize(("shift", "size"), [(0.0, 1.0), (0.1, 1.0), (-0.12, 1.0), (0.05, 1.25)])
def test_an_eye_off_its_usual_place_is_found_there(shift, size):
    picture, truth = around(shift, size)
    place = eye_places([picture], OnnxEngine(bundled_path("eyes")), USUAL)[0]
    assert np.linalg.norm(place[:2] - truth[:2]) < 0.12 * truth[2]
    assert place[2] == pytest.approx(truth[2], rel=0.25)


def test_pictures_of_several_sizes_are_placed_as_each_alone():
    pictures = [around(shift, size)[0] for shift, size in ((0.0, 1.0), (0.08, 1.2), (-0.05, 1.1))]
    engine = OnnxEngine(bundled_path("eyes"))
    together = eye_places(pictures, engine, USUAL)
    alone = np.concatenate([eye_places([picture], engine, USUAL) for picture in pictures])
    assert together == pytest.approx(alone, abs=0.02)


def test_the_map_puts_the_corners_at_their_widths():
    # An eye of 40 px turned by 30 degrees, in a crop of 70 px for 3.5 widths: corners 10 px from the middle.
    turn = np.deg2rad(30)
    place = np.array([50.0, 60.0, 40.0, turn])
    matrix = place_map(place, (70, 42), 3.5)
    corner = np.array([50 + 20 * np.cos(turn), 60 + 20 * np.sin(turn), 1.0])
    assert matrix @ corner == pytest.approx([34.5 + 10, 20.5])
