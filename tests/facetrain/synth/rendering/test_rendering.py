"""The renderer's parts that need no head model: z-buffer, camera, lids over time, framing, the model's file."""

import numpy as np
import pytest

from facetrack.angles import euler_deg, rotation_from_deg
from facetrack.errors import DataError
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.clips import CLOSING_S, OPENING_S, lid_closure
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.light import open_sky, smooth_normals
from facetrain.synth.rendering.people import framed, random_eyes, random_gaze
from facetrain.synth.rendering.raster import facing, rasterise

TWO = (
    np.array([(1, 1), (11, 1), (1, 11), (3, 0), (12, 9), (3, 9)], float),
    np.array([(0, 1, 2), (3, 4, 5)]),
    (14, 12),
)


def seen(depth):
    points, triangles, size = TWO
    found = rasterise(points, np.asarray(depth, float), triangles, size)
    picture = np.full(size[0] * size[1], -1)
    picture[found.pixel] = found.triangle
    return picture.reshape(size[1], size[0]), found


def test_the_nearer_of_two_triangles_is_seen():
    """(4, 4) lies in both, (1, 5) in the first alone, (9, 8) in the second alone, (13, 0) in none."""
    picture, _ = seen([2, 2, 2, 1, 1, 1])
    assert (picture[4, 4], picture[5, 1], picture[8, 9], picture[0, 13]) == (1, 0, 1, -1)
    picture, _ = seen([1, 1, 1, 2, 2, 2])
    assert (picture[4, 4], picture[5, 1], picture[8, 9], picture[0, 13]) == (0, 0, 1, -1)


def test_corners_are_inside_and_pixels_are_counted_once():
    """A right triangle with legs of 10 px covers 11 + 10 + ... + 1 = 66 pixel centres, its edges included."""
    found = rasterise(TWO[0], np.ones(6), TWO[1][:1], TWO[2])
    assert len(found.pixel) == len(np.unique(found.pixel)) == 66
    assert {1 * 14 + 1, 1 * 14 + 11, 11 * 14 + 1} <= set(found.pixel.tolist())


def test_depth_is_that_of_a_pinhole_camera():
    """Half-way in the picture between depths 1 and 3 lies 1 / ((1 + 1/3) / 2) = 1.5, where the far corner's share is
    0.5 * (1/3) / (2/3) = 0.25. Perspective, not the mean of 2."""
    points, triangles = np.array([(0, 0), (10, 0), (0, 10)], float), np.array([(0, 1, 2)])
    found = rasterise(points, np.array([1.0, 3.0, 1.0]), triangles, (11, 11))
    at = np.flatnonzero(found.pixel == 5)[0]
    assert found.depth[at] == pytest.approx(1.5, rel=1e-5)
    np.testing.assert_allclose(found.share[at], [0.75, 0.25, 0.0], atol=1e-5)


def test_large_random_triangles_cover_what_matplotlib_says():
    """Every pixel centre is asked whether it is inside, edges left open."""
    from matplotlib.path import Path

    rng = np.random.default_rng(5)
    columns, rows = np.meshgrid(np.arange(200), np.arange(160))
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
    for corners in rng.uniform(-20, 220, (30, 3, 2)):
        found = rasterise(corners, np.ones(3), np.array([(0, 1, 2)]), (200, 160))
        ours = np.zeros(200 * 160, bool)
        ours[found.pixel] = True
        theirs = Path(corners).contains_points(centres)
        wrong = centres[ours != theirs]
        edges = np.roll(corners, -1, axis=0) - corners
        offset = wrong[:, None] - corners[None]
        across = edges[:, 0] * offset[..., 1] - edges[:, 1] * offset[..., 0]
        apart = across / np.linalg.norm(edges, axis=1)
        assert (np.abs(apart).min(axis=1) < 1e-3).all()


def test_neighbours_leave_no_holes():
    """A fan of thin triangles around a point covers its disc."""
    angle = np.linspace(0, 2 * np.pi, 200)
    rim = 40.3 + 35 * np.stack([np.cos(angle), np.sin(angle)], 1)
    points = np.concatenate([[[40.3, 40.3]], rim])
    triangles = np.array([(0, i, i + 1) for i in range(1, 200)])
    found = rasterise(points, np.ones(201), triangles, (81, 81))
    rows, columns = np.divmod(np.arange(81 * 81), 81)
    inside = np.flatnonzero(np.hypot(columns - 40.3, rows - 40.3) < 34.9)
    assert set(inside.tolist()) <= set(found.pixel.tolist())


def test_nothing_in_view_or_behind_the_camera_is_nothing():
    points, triangles, size = TWO
    assert len(rasterise(points + 100, np.ones(6), triangles, size).pixel) == 0
    assert len(rasterise(points, -np.ones(6), triangles, size).pixel) == 0


def test_facing():
    """In a picture with y down, (0,0) (0,1) (1,0) runs anticlockwise as seen: down, then up to the right."""
    points = np.array([(0, 0), (0, 1), (1, 0)], float)
    assert facing(points, np.array([(0, 1, 2), (0, 2, 1)])).tolist() == [True, False]


def test_a_rotation_worked_out_by_hand():
    """Yaw 90 degrees towards the picture's right: the face's axis (0, 0, -1) points along +x. Pitch up: along -y. Roll
    clockwise: the head's right-pointing axis points down the picture."""
    np.testing.assert_allclose(rotation_from_deg(90, 0, 0) @ [0, 0, -1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation_from_deg(0, 90, 0) @ [0, 0, -1], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation_from_deg(0, 0, 90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(euler_deg(rotation_from_deg(37, -21, 14)), (37, -21, 14), atol=1e-9)


def test_projection_by_hand():
    """f = 500, a point 4 right and 2 down at depth 20: 500 * 4 / 20 = 100 px right, 50 px down of the centre."""
    camera = Camera(500.0, (319.5, 239.5), (640, 480))
    np.testing.assert_allclose(camera.project(np.array([4.0, 2.0, 20.0])), (419.5, 289.5))
    # Pixel 0 becomes pixels 0 and 1, whose middle is 0.5: where the finer picture must have what was at 0.
    fine = Camera(500.0, (0.0, 7.0), (640, 480)).enlarged(2)
    assert fine.centre == (0.5, 14.5)
    assert fine.size == (1280, 960)


def test_framing_spans_what_was_asked_for():
    points = np.array([(-8.0, -3.0, 50.0), (8.0, 3.0, 50.0), (0.0, 0.0, 45.0)])
    seen_at = framed(points, 176, 120.0, np.array([3.0, -2.0])).project(points)
    assert np.ptp(seen_at[:, 0]) == pytest.approx(120.0)
    np.testing.assert_allclose((seen_at.min(axis=0) + seen_at.max(axis=0)) / 2, [90.5, 85.5])


def test_lids_are_shut_exactly_in_the_closure():
    times = [1.0 - CLOSING_S, 1.0 - CLOSING_S / 2, 1.0, 1.1, 1.2, 1.2 + OPENING_S / 2, 1.2 + OPENING_S]
    np.testing.assert_allclose([lid_closure(t, 1.0, 1.2) for t in times], [0, 0.5, 1, 1, 1, 0.5, 0], atol=1e-9)


def test_random_eyes_are_open_closed_and_in_between():
    rng = np.random.default_rng(2)
    drawn = [random_eyes(rng, (1.1, 1.1)) for _ in range(600)]
    shut = np.array([[eyes["eyeBlink_R"], eyes["eyeBlink_L"]] for eyes in drawn]) / 1.1
    both_closed, both_open = (shut > 0.96).all(axis=1).mean(), (shut < 0.2).all(axis=1).mean()
    one = ((shut > 0.9).any(axis=1) & (shut < 0.2).any(axis=1)).mean()
    assert both_closed > 0.15
    assert both_open > 0.35
    assert 0.04 < one < 0.2
    assert ((shut > 0.25) & (shut < 0.9)).all(axis=1).mean() > 0.1


def test_a_fifth_of_the_heads_looks_down():
    rng = np.random.default_rng(3)
    pitch = np.array([random_gaze(rng)[1] for _ in range(2000)])
    # Of those who look ahead, normal around -1 with 7 degrees, 3 % are below -14: 80 % of that beside a fifth.
    assert (pitch < -14).mean() == pytest.approx(0.2 + 0.8 * 0.032, abs=0.03)
    assert np.ptp(pitch[pitch < -20]) == pytest.approx(12, abs=0.5)


def test_normals_of_a_tetrahedron_point_away_from_its_middle():
    vertices = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)], np.float32)
    triangles = np.array([(0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2)])
    np.testing.assert_allclose(smooth_normals(vertices, triangles), vertices / np.sqrt(3), atol=1e-6)


def test_hollows_get_less_light_than_planes():
    depth = np.full((60, 60), 10.0, np.float32)
    depth[25:35, 25:35] = 11.0
    depth[:, :5] = np.inf
    light = open_sky(depth, 10.0)
    assert light[30, 30] < 0.6 < 0.95 < light[50, 50]
    assert np.isfinite(light).all()


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_what_is_no_head_model_is_said(tmp_path, content):
    path = tmp_path / "head.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="morphable head"):
        load_head_model(path)


def test_a_file_that_lacks_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "head.npz", vertices=np.zeros((4, 3)), triangles=np.zeros((2, 3), int))
    with pytest.raises(DataError, match=r"lacks .*identity.*landmarks68"):
        load_head_model(tmp_path / "head.npz")
