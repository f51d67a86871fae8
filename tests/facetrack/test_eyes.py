"""Reader of the eyes: where the crops lie, how they are sampled, and how outputs come back into the frame."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facetrack import topology
from facetrack.errors import ModelFileError
from facetrack.eyes import EYE_WIDTHS, EyeReader, eye_matrices
from facetrack.geometry import cut_by
from facetrack.modelfile import EYES_COLUMNS, EYES_SIZE

SIDE = 64


def face(width=20.0, gap=60.0, at=(100.0, 80.0), turn_deg=0.0):
    """Return a face whose eyes are `width` px wide, their middles `gap` apart, turned about its middle."""
    points = np.zeros((topology.N_POINTS, 2))
    x = np.array([-0.5, -1 / 6, 1 / 6, 0.5, 1 / 6, -1 / 6]) * width
    y = np.array([0, -3, -3, 0, 3, 3.0])
    points[list(topology.RIGHT_EYE)] = np.column_stack([x - gap / 2, y])
    points[list(topology.LEFT_EYE)] = np.column_stack([x + gap / 2, y])
    points[topology.NOSE_BASE[2]] = (0, 30)
    turn = np.deg2rad(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (points @ rotation.T + at).astype(np.float32)


def apply(matrix, point):
    return matrix @ np.array([*point, 1.0])


def engine(output):
    def run(batch):
        return {"eyes": np.repeat(output[None].astype(np.float32), len(batch), axis=0)}

    run.spec = SimpleNamespace(kind="eyes", input_px=SIDE, name="staged")
    return run


@pytest.mark.parametrize("turn_deg", [0.0, 30.0, -75.0, 180.0])
def test_outer_corners_lie_left_and_inner_ones_right_in_both_crops(turn_deg):
    points = face(turn_deg=turn_deg)
    right, left = eye_matrices(points[None], SIDE)[0]
    half = SIDE / EYE_WIDTHS / 2
    middle = np.array([(SIDE - 1) / 2, (SIDE // 2 - 1) / 2])
    for matrix, outer, inner in ((right, 36, 39), (left, 45, 42)):
        assert apply(matrix, points[outer]) == pytest.approx(middle - [half, 0], abs=1e-3)
        assert apply(matrix, points[inner]) == pytest.approx(middle - [-half, 0], abs=1e-3)
    # Upper lids lie above the middle.
    assert apply(right, points[37])[1] < middle[1] > apply(left, points[43])[1]


def test_in_profile_the_crop_does_not_shrink_with_the_corners():
    wide, narrow = (eye_matrices(face(width=w)[None], SIDE)[0, 0] for w in (20.0, 4.0))
    scale = [np.hypot(m[0, 0], m[1, 0]) for m in (wide, narrow)]
    assert scale[0] == pytest.approx(SIDE / EYE_WIDTHS / 20)
    assert scale[1] == pytest.approx(SIDE / EYE_WIDTHS / (0.38 * 30))  # by the nose, 30 px below the eyes


def test_one_narrow_eye_takes_the_mean_width():
    points = face(width=20.0)
    points[list(topology.LEFT_EYE), 0] = 130 + (points[list(topology.LEFT_EYE), 0] - 130) / 2
    left = eye_matrices(points[None], SIDE)[0, 1]
    assert np.hypot(left[0, 0], left[1, 0]) == pytest.approx(SIDE / EYE_WIDTHS / 15)


def test_a_large_eye_is_averaged_not_skipped():
    # Stripes of one px, far finer than a crop px: their mean is grey everywhere.
    image = np.zeros((900, 1200, 3), np.uint8)
    image[:, ::2] = 200
    out = np.empty((SIDE // 2, SIDE, 3), np.uint8)
    cut_by(image, eye_matrices(face(width=300.0, gap=500.0, at=(600, 450))[None], SIDE)[0, 0], out)
    assert np.abs(out.astype(int) - 100).max() <= 2


def test_a_large_crop_lies_where_a_small_one_does():
    # A smooth picture, so that averaging changes nothing but the position would.
    y, x = np.mgrid[:900, :1200]
    image = np.repeat((60 + x / 10 + y / 18)[..., None], 3, axis=2).astype(np.uint8)
    matrix = eye_matrices(face(width=300.0, gap=500.0, at=(600, 450), turn_deg=10)[None], SIDE)[0, 1]
    out = np.empty((SIDE // 2, SIDE, 3), np.uint8)
    cut_by(image, matrix, out)
    direct = cv2.warpAffine(image, matrix, (SIDE, SIDE // 2))
    assert np.abs(out[2:-2, 2:-2].astype(int) - direct[2:-2, 2:-2]).max() <= 1


def test_outputs_are_mapped_back_to_the_frame_in_the_order_of_the_68():
    points = face(turn_deg=25.0)
    matrices = eye_matrices(points[None], SIDE)[0]
    output = np.zeros((2, EYES_SIZE))
    order = ((36, 37, 38, 39, 40, 41), (45, 44, 43, 42, 47, 46))
    for eye, indices in enumerate(order):
        output[eye, EYES_COLUMNS["contour"]] = np.concatenate([apply(matrices[eye], points[i]) for i in indices])
        output[eye, EYES_COLUMNS["iris"]] = apply(matrices[eye], points[list(indices)].mean(axis=0))
    output[:, EYES_COLUMNS["contour_scale"]] = np.log(np.arange(1, 7))
    output[:, EYES_COLUMNS["iris_radius"]], output[:, EYES_COLUMNS["gap"]] = 5.0, 0.3
    output[:, EYES_COLUMNS["state"]] = np.log([0.7, 0.2, 0.1])
    output[:, EYES_COLUMNS["covered"]] = -1000.0
    output[:, EYES_COLUMNS["gaze"]], output[:, EYES_COLUMNS["gaze_scale"]] = (0.3, 0.1), np.log(0.05)
    (reading,) = EyeReader(engine(output))(np.zeros((200, 260, 3), np.uint8), [points])
    assert reading.contour[0] == pytest.approx(points[36:42], abs=1e-3)
    assert reading.contour[1] == pytest.approx(points[42:48], abs=1e-3)
    px = 20 * EYE_WIDTHS / SIDE
    assert reading.contour_sigma[0] == pytest.approx(np.sqrt(2) * px * np.arange(1, 7), rel=1e-4)
    assert reading.contour_sigma[1] == pytest.approx(np.sqrt(2) * px * np.array([4, 3, 2, 1, 6, 5]), rel=1e-4)
    assert reading.iris[1] == pytest.approx(points[42:48].mean(axis=0), abs=1e-3)
    assert reading.iris_radius == pytest.approx([5 * px] * 2, rel=1e-4)
    assert reading.state == pytest.approx(np.array([[0.7, 0.2, 0.1]] * 2), abs=1e-5)
    assert reading.gap == pytest.approx([0.3, 0.3])
    assert reading.covered == pytest.approx([0, 0], abs=1e-6)
    # The face is turned by 25 degrees in the picture, and the left eye's crop is mirrored before.
    cos, sin = np.cos(np.radians(25)), np.sin(np.radians(25))
    back = np.array([[cos, -sin], [sin, cos]])
    assert reading.gaze == pytest.approx(np.stack([back @ [0.3, 0.1], back @ [-0.3, 0.1]]), abs=1e-5)
    assert reading.gaze_sigma == pytest.approx([np.sqrt(2) * 0.05] * 2, rel=1e-4)


def test_a_face_without_points_is_none_and_the_others_keep_their_order():
    reader = EyeReader(engine(np.zeros((2, EYES_SIZE))))
    missing = np.full((topology.N_POINTS, 2), np.nan, np.float32)
    image = np.zeros((200, 260, 3), np.uint8)
    first, none, second = reader(image, [face(), missing, face(at=(140, 90))])
    assert none is None
    assert second.contour[0] - first.contour[0] == pytest.approx(np.array([[40, 10]] * 6), abs=1e-3)
    assert reader(image, []) == []
    assert reader(image, [missing]) == [None]


def test_another_kind_of_network_is_refused():
    wrong = engine(np.zeros((2, EYES_SIZE)))
    wrong.spec = SimpleNamespace(kind="detector", input_px=None, name="detector")
    with pytest.raises(ModelFileError, match="eyes network"):
        EyeReader(wrong)
