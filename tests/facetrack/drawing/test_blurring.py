"""Blurred faces: what is blurred, and when."""

import numpy as np

from facetrack.drawing.blurring import HOLD_S, FaceBlur, blur_faces
from facetrack.drawing.choice import Drawing
from facetrack.types import Frame
from made_faces import made_face

NOISE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)


def test_inside_nothing_is_left_and_far_outside_nothing_changes():
    blurred = blur_faces(NOISE, [(200.0, 150.0, 300.0, 260.0)])
    assert blurred[160:250, 210:290].std() < 0.25 * NOISE.std()
    untouched = np.ones(NOISE.shape[:2], bool)
    untouched[100:310, 150:350] = False
    np.testing.assert_array_equal(blurred[untouched], NOISE[untouched])
    assert blur_faces(NOISE, [(-50.0, -50.0, 20.0, 20.0), (700.0, 500.0, 800.0, 600.0)]).shape == NOISE.shape


def test_a_face_is_blurred_before_it_is_found_and_after_it_is_lost():
    face = made_face()
    fps = 20
    blur, written = FaceBlur(), []
    for index in range(60):
        faces = [face] if 20 <= index < 40 else []
        written += blur.take(Frame(NOISE, time_s=index / fps, index=index), faces, ())
    written += blur.finish()
    assert [frame.index for frame, _, _ in written] == list(range(60))
    changed = [frame.index for frame, _, _ in written if (frame.image != NOISE).any()]
    around = int(HOLD_S * fps) - 1  # the frame at HOLD_S itself is a matter of rounding
    assert changed == list(range(changed[0], changed[-1] + 1))
    assert 20 - around - 1 <= changed[0] <= 20 - around
    assert 39 + around <= changed[-1] <= 39 + around + 1


def test_what_is_drawn():
    face = made_face()
    assert Drawing.of("points, axes") == Drawing(signals=False, gaze=False)
    black = np.zeros((480, 640, 3), np.uint8)
    pictures = {text: Drawing.of(text).draw(black, [face]) for text in ("none", "points", "axes", "points,axes")}
    assert pictures["none"] is black
    drawn = {text: int((picture > 0).any(axis=2).sum()) for text, picture in pictures.items()}
    assert 0 < drawn["axes"] < drawn["points"] < drawn["points,axes"]
