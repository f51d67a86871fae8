"""Parts of the renderer that need no head model: z-buffer, camera, lids over time, framing, the model's file."""

import numpy as np
import pytest

from facetrack.angles import euler_deg, rotation_from_deg
from facetrack.errors import DataError
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.clips import CLOSING_S, OPENING_S, lid_closure
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.light import ambient_occlusion, smooth_normals
from facetrain.synth.rendering.people import framing_camera, random_eyes, random_gaze
from facetrain.synth.rendering.raster import facing, rasterise

TWO = (
    np.array([(1, 1), (11, 1), (1, 11), (3, 0), (12, 9), (3, 9)], float),
    np.array([(0, 1, 2), (3, 4, 5)]),
    (14, 12),
)


def rasterise_two(depth):
    points, triangles, size = TWO
    fragments = rasterise(points, np.asarray(depth, float), triangles, size)
    triangle_of = np.full(size[0] * size[1], -1)
    triangle_of[fragments.pixel] = fragments.triangle
    return triangle_of.reshape(size[1], size[0]), fragments


def test_the_nearer_of_two_triangles_is_visible():
    """Check pixels in both triangles (4, 4), the first (1, 5), the second (9, 8) and none (13, 0)."""
    triangle_of, _ = rasterise_two([2, 2, 2, 1, 1, 1])
    assert (triangle_of[4, 4], triangle_of[5, 1], triangle_of[8, 9], triangle_of[0, 13]) == (1, 0, 1, -1)
    triangle_of, _ = rasterise_two([1, 1, 1, 2, 2, 2])
    assert (triangle_of[4, 4], triangle_of[5, 1], triangle_of[8, 9], triangle_of[0, 13]) == (0, 0, 1, -1)


def test_corners_are_inside_and_pixels_are_counted_once():
    """Count pixel centres: a right triangle with legs of 10 px covers 11 + 10 + ... + 1 = 66, edges included."""
    fragments = rasterise(TWO[0], np.ones(6), TWO[1][:1], TWO[2])
    assert len(fragments.pixel) == len(np.unique(fragments.pixel)) == 66
    assert {1 * 14 + 1, 1 * 14 + 11, 11 * 14 + 1} <= set(fragments.pixel.tolist())


def test_depth_is_that_of_a_pinhole_camera():
    """Check perspective interpolation: half-way in the image between depths 1 and 3 the depth is 1.5, not 2.

    1 / ((1 + 1/3) / 2) = 1.5, and the far corner's weight there is 0.5 * (1/3) / (2/3) = 0.25.
    """
    points, triangles = np.array([(0, 0), (10, 0), (0, 10)], float), np.array([(0, 1, 2)])
    fragments = rasterise(points, np.array([1.0, 3.0, 1.0]), triangles, (11, 11))
    at = np.flatnonzero(fragments.pixel == 5)[0]
    assert fragments.depth[at] == pytest.approx(1.5, rel=1e-5)
    np.testing.assert_allclose(fragments.share[at], [0.75, 0.25, 0.0], atol=1e-5)


def test_large_random_triangles_match_matplotlib():
    """Compare every pixel centre with matplotlib's point-in-polygon test, except on the edges."""
    from matplotlib.path import Path

    rng = np.random.default_rng(5)
    columns, rows = np.meshgrid(np.arange(200), np.arange(160))
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
    for corners in rng.uniform(-20, 220, (30, 3, 2)):
        fragments = rasterise(corners, np.ones(3), np.array([(0, 1, 2)]), (200, 160))
        ours = np.zeros(200 * 160, bool)
        ours[fragments.pixel] = True
        reference = Path(corners).contains_points(centres)
        wrong = centres[ours != reference]
        edges = np.roll(corners, -1, axis=0) - corners
        offset = wrong[:, None] - corners[None]
        across = edges[:, 0] * offset[..., 1] - edges[:, 1] * offset[..., 0]
        apart = across / np.linalg.norm(edges, axis=1)
        assert (np.abs(apart).min(axis=1) < 1e-3).all()


def test_neighbours_leave_no_holes():
    """Check that a fan of thin triangles around a point covers its disc."""
    angle = np.linspace(0, 2 * np.pi, 200)
    rim = 40.3 + 35 * np.stack([np.cos(angle), np.sin(angle)], 1)
    points = np.concatenate([[[40.3, 40.3]], rim])
    triangles = np.array([(0, i, i + 1) for i in range(1, 200)])
    fragments = rasterise(points, np.ones(201), triangles, (81, 81))
    rows, columns = np.divmod(np.arange(81 * 81), 81)
    inside = np.flatnonzero(np.hypot(columns - 40.3, rows - 40.3) < 34.9)
    assert set(inside.tolist()) <= set(fragments.pixel.tolist())


def test_nothing_in_view_or_behind_the_camera_is_nothing():
    points, triangles, size = TWO
    assert len(rasterise(points + 100, np.ones(6), triangles, size).pixel) == 0
    assert len(rasterise(points, -np.ones(6), triangles, size).pixel) == 0


def test_facing():
    """Check the orientation with y down: (0,0) (0,1) (1,0) is anticlockwise, down and then up to the right."""
    points = np.array([(0, 0), (0, 1), (1, 0)], float)
    assert facing(points, np.array([(0, 1, 2), (0, 2, 1)])).tolist() == [True, False]


def test_rotations_by_hand():
    """Check right angles by hand.

    Yaw towards the image's right: the face's axis (0, 0, -1) points along +x. Pitch up: along -y. Roll clockwise: the
    head's right-pointing axis points down in the image.
    """
    np.testing.assert_allclose(rotation_from_deg(90, 0, 0) @ [0, 0, -1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation_from_deg(0, 90, 0) @ [0, 0, -1], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation_from_deg(0, 0, 90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(euler_deg(rotation_from_deg(37, -21, 14)), (37, -21, 14), atol=1e-9)


def test_projection_by_hand():
    """Check by hand: f = 500, point 4 right and 2 down at depth 20: 500 * 4 / 20 = 100 px right, 50 px down."""
    camera = Camera(500.0, (319.5, 239.5), (640, 480))
    np.testing.assert_allclose(camera.project(np.array([4.0, 2.0, 20.0])), (419.5, 289.5))
    # Pixel 0 becomes pixels 0 and 1, whose middle is 0.5: the finer image must have the point of 0 there.
    fine = Camera(500.0, (0.0, 7.0), (640, 480)).enlarged(2)
    assert fine.centre == (0.5, 14.5)
    assert fine.size == (1280, 960)


def test_framing_spans_the_requested_extent():
    points = np.array([(-8.0, -3.0, 50.0), (8.0, 3.0, 50.0), (0.0, 0.0, 45.0)])
    projected = framing_camera(points, 176, 120.0, np.array([3.0, -2.0])).project(points)
    assert np.ptp(projected[:, 0]) == pytest.approx(120.0)
    np.testing.assert_allclose((projected.min(axis=0) + projected.max(axis=0)) / 2, [90.5, 85.5])


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
    # Of the heads that look ahead (normal, mean -1, deviation 7 degrees) 3 % are below -14; they are 80 % of all.
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
    light = ambient_occlusion(depth, 10.0)
    assert light[30, 30] < 0.6 < 0.95 < light[50, 50]
    assert np.isfinite(light).all()


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_a_file_that_is_no_head_model_is_refused(tmp_path, content):
    path = tmp_path / "head.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="morphable head"):
        load_head_model(path)


def test_a_file_that_lacks_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "head.npz", vertices=np.zeros((4, 3)), triangles=np.zeros((2, 3), int))
    with pytest.raises(DataError, match=r"lacks .*identity.*landmarks68"):
        load_head_model(tmp_path / "head.npz")
