"""Drawing is evaluated by where ink lands: on the points, along the edges, inside the picture, and nowhere else."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.drawing.faces import contact_sheet, draw_faces, draw_overlay, identity_colour
from facetrack.topology import EDGES, NOSE_TIP
from facetrack.types import Face, Image, Landmarks, Pose
from made_signals import signals_with


def blank(value: int = 128, size: tuple[int, int] = (400, 300)) -> Image:
    return np.full((size[1], size[0], 3), value, np.uint8)


def face(size_px: float = 200, corner: tuple[float, float] = (100, 60), yaw: float | None = None) -> Face:
    """Points spread over a square by a fixed random draw, the nose tip in its middle."""
    points = np.random.default_rng(3).uniform(0, 1, (68, 2))
    points[:2] = ((0, 0), (1, 1))
    points[NOSE_TIP] = 0.5
    points = (points * size_px + corner).astype(np.float32)
    box = np.concatenate([points.min(0), points.max(0)])
    pose = None
    if yaw is not None:
        # types.Pose: positive yaw turns the face, which looks along -z, towards the picture's right (+x)
        rotation = Rotation.from_euler("y", -yaw, degrees=True).as_matrix()
        pose = Pose(rotation, np.zeros(3), yaw, 0.0, 0.0)
    return Face(1, box, Landmarks(points, np.ones(68, np.float32)), 0.9, pose)


def ink(before: Image, after: Image) -> np.ndarray:
    return np.abs(after.astype(int) - before).max(axis=2) > 20


@pytest.mark.parametrize("background", [0, 128, 255])
@pytest.mark.parametrize("size_px", [30, 100, 200])
def test_every_point_and_edge_is_inked(background: int, size_px: float) -> None:
    image, subject = blank(background), face(size_px)
    marked = ink(image, draw_faces(image, [subject], labels=False))
    points = subject.landmarks.points
    places = np.concatenate([points, *[points[[a, b]].mean(axis=0, keepdims=True) for a, b in EDGES]])
    for x, y in np.round(places).astype(int):
        assert marked[y - 1 : y + 2, x - 1 : x + 2].any()


def test_ink_stays_near_the_edges() -> None:
    image, subject = blank(), face(200)
    marked = ink(image, draw_faces(image, [subject], labels=False))
    points = subject.landmarks.points
    near = np.zeros(image.shape[:2], bool)
    for a, b in EDGES:
        for share in np.linspace(0, 1, 400):
            x, y = np.round(points[a] * (1 - share) + points[b] * share).astype(int)
            near[y - 5 : y + 6, x - 5 : x + 6] = True
    assert not (marked & ~near).any()


def test_the_image_given_is_not_changed() -> None:
    image = blank()
    draw_overlay(draw_faces(image, [face(yaw=20)]), 30, 10, 2)
    assert (image == 128).all()


def test_no_face_no_ink() -> None:
    np.testing.assert_array_equal(draw_faces(blank(), []), blank())
    np.testing.assert_array_equal(draw_overlay(blank(), None), blank())


def test_faces_off_the_picture_and_broken_points_do_no_harm() -> None:
    broken = face(yaw=10)
    broken.landmarks.points[7] = np.nan
    broken.box[:] = np.nan
    for subject in (face(corner=(-150, -100)), face(corner=(390, 290)), face(corner=(1e7, -1e7)), face(4000), broken):
        assert draw_faces(blank(), [subject]).shape == blank().shape


@pytest.mark.parametrize("yaw", [-40.0, 40.0])
def test_the_nose_axis_points_where_the_head_looks(yaw: float) -> None:
    image, subject = blank(0), face(200, yaw=yaw)
    plain, drawn = draw_faces(image, [subject], labels=False, axes=False), draw_faces(image, [subject], labels=False)
    blue = (drawn[..., 0].astype(int) - drawn[..., 2] > 100) & ink(plain, drawn)
    reach = np.nonzero(blue)[1] - subject.landmarks.points[NOSE_TIP, 0]
    furthest = reach[np.abs(reach).argmax()]
    assert furthest == pytest.approx(0.35 * 200 * np.sin(np.radians(yaw)), abs=4)


def test_mirrored_pictures_have_mirrored_ink_and_readable_labels() -> None:
    image, subject = blank(), face(200)
    plain, mirrored = (draw_faces(image, [subject], labels=False, mirrored=turn) for turn in (False, True))
    np.testing.assert_array_equal(plain[:, ::-1], mirrored)
    label = ink(mirrored, draw_faces(image, [subject], mirrored=True))
    x0 = image.shape[1] - 1 - subject.box[2]
    assert abs(np.nonzero(label)[1].min() - x0) <= 2


def test_identities_keep_their_colours_and_neighbours_differ() -> None:
    assert identity_colour(1) == identity_colour(1)
    for a, b in itertools.combinations(range(1, 6), 2):
        assert np.abs(np.subtract(identity_colour(a), identity_colour(b))).sum() > 80


@pytest.mark.parametrize("background", [0, 255])
def test_the_overlay_is_legible_on_dark_and_bright(background: int) -> None:
    image = blank(background, (640, 480))
    drawn = draw_overlay(image, 29.7, 12.3, 4)
    corner = drawn[:40, :200].astype(int).mean(axis=2)
    assert corner.max() - np.percentile(corner[10:20, 20:80], 5) > 120
    assert (drawn[60:] == background).all()


def test_a_contact_sheet_holds_every_picture() -> None:
    pictures = [blank(40 * index, (200, 100)) for index in range(1, 6)]
    sheet = contact_sheet(pictures, columns=3, cell_width=100)
    assert sheet.shape == (2 * 50 + 3 * 2, 3 * 100 + 4 * 2, 3)
    for index in range(5):
        row, column = divmod(index, 3)
        assert (sheet[2 + 52 * row + 25, 2 + 102 * column + 50] == 40 * (index + 1)).all()


def test_a_contact_sheet_fits_other_shapes_and_writes_titles() -> None:
    pictures = [blank(200, (200, 100)), blank(200, (50, 200))]
    sheet = contact_sheet(pictures, columns=4, cell_width=100, titles=["a", "b"])
    assert sheet.shape == (54, 206, 3)
    assert (sheet[27, 102 + 52] == 200).all()
    assert (sheet[27, 102 + 10] < 50).all()
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])


def occluded(subject: Face, hidden: np.ndarray) -> Face:
    visibility = np.where(hidden, 0.1, 0.9).astype(np.float32)
    return replace(subject, landmarks=replace(subject.landmarks, visibility=visibility))


def test_an_occluded_point_is_hollow_and_its_lines_are_faint() -> None:
    image, hidden = blank(0), np.arange(68) < 17  # the jaw
    plain = face(280, (60, 10))
    subjects = {"plain": plain, "seen": occluded(plain, hidden & False), "hidden": occluded(plain, hidden)}
    drawn = {name: draw_faces(image, [subject], labels=False) for name, subject in subjects.items()}
    np.testing.assert_array_equal(drawn["plain"], drawn["seen"])
    middle = (plain.landmarks.points[1] + plain.landmarks.points[2]) / 2
    x, y = np.round(middle).astype(int)
    brightness = {name: picture[y - 2 : y + 3, x - 2 : x + 3].max() for name, picture in drawn.items()}
    assert 20 < brightness["hidden"] < 0.7 * brightness["plain"]
    x, y = np.round(plain.landmarks.points[0]).astype(int)
    assert drawn["plain"][y, x].min() > 200
    assert drawn["hidden"][y, x].min() < drawn["plain"][y, x].min()


def test_occluded_points_of_a_small_face_are_drawn_faintly() -> None:
    image, subject = blank(0), face(60)
    hidden = draw_faces(image, [occluded(subject, np.ones(68, bool))], labels=False)
    assert 20 < hidden.max() < 0.6 * draw_faces(image, [subject], labels=False).max()


def test_rays_of_the_gaze_start_at_the_eyes_that_are_seen_and_point_where_they_look():
    image, subject = blank(), face()
    angles = {"gaze_camera_yaw_deg": 30.0, "gaze_camera_pitch_deg": 20.0, "gaze_source": "eyes"}
    points = subject.landmarks.points
    plain = draw_faces(image, [subject], labels=False, axes=False, points=False)
    for eye, group in (("right", slice(36, 42)), ("left", slice(42, 48))):
        looking = replace(subject, signals=signals_with(**angles, **{f"eyes_{eye}_gaze_yaw_deg": 0.0}))
        marked = ink(plain, draw_faces(image, [looking], labels=False, axes=False, points=False))
        rows, columns = np.nonzero(marked)
        x, y = points[group].mean(axis=0)
        assert columns.min() == pytest.approx(x, abs=4)
        assert rows.max() == pytest.approx(y, abs=4)
        slope = (y - rows.min()) / (columns.max() - x)  # sin 20 over cos 20 sin 30
        assert slope == pytest.approx(np.tan(np.radians(20)) / np.sin(np.radians(30)), rel=0.1)
    looking = replace(subject, signals=signals_with(gaze_yaw_deg=30.0, gaze_source="head"))
    assert not ink(plain, draw_faces(image, [looking], labels=False, axes=False, points=False)).any()
