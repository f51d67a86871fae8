"""Comparison of networks, errors by yaw, cumulative error distributions with missed faces, held-out people."""

import dataclasses
import json
import zlib

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from facetrack import topology
from facetrack.cli import app
from facetrack.demo_clip.puppet import Puppet
from facetrack.errors import DataError
from facetrack.modelfile import bundled_path
from facetrack.pose import RIGID_MODEL_MM
from facetrain.evaluation.landmarks import by_yaw, compare
from facetrain.evaluation.landmarks.measure import Measured
from facetrain.evaluation.landmarks.pictures import _draw_ced
from facetrain.formats.packs import write_pack
from facetrain.sample import Sample, evenly_spaced

SIDE = 400


def head(yaw_deg, name="a"):
    """Sample with the rigid points of a head 600 mm from a pinhole camera of 60 degrees; the others lie centred."""
    rotated = RIGID_MODEL_MM @ Rotation.from_euler("y", -yaw_deg, degrees=True).as_matrix().T + [0, 0, 600]
    focal = SIDE / 2 / np.tan(np.radians(30))
    projected = focal * rotated[:, :2] / rotated[:, 2:] + (SIDE - 1) / 2
    points = np.tile(projected.mean(axis=0), (68, 1))
    points[list(topology.RIGID)] = projected
    image = np.broadcast_to(np.zeros(3, np.uint8), (SIDE, SIDE, 3))
    return Sample(name, name, "t", image, points.astype(np.float32), np.ones(68, np.float32))


def measured(detected, missed, error_px):
    truth = np.stack([s.points for s in detected])
    unknown = np.full((len(detected), 68), np.nan, np.float32)
    return Measured(detected, [], truth + np.float32([error_px, 0]), truth, unknown, unknown[:, 0], missed)


def test_bins_of_yaw():
    detected = [head(yaw) for yaw in (3, -14, 20, -29, 40, 50)]
    assert [by_yaw.yaw_deg(s) for s in detected] == pytest.approx([3, -14, 20, -29, 40, 50], abs=0.5)
    degenerate = dataclasses.replace(head(0), points=np.ones((68, 2), np.float32))
    bins = by_yaw.by_yaw(measured([*detected, degenerate], [head(-20)], 2.0))
    assert [(b.name, b.faces, b.missed) for b in bins] == [
        ("0-15", 2, 0), ("15-30", 3, 1), ("30-45", 1, 0), ("45+", 1, 0), ("unknown", 1, 0)
    ]  # fmt: skip
    eyes = [np.linalg.norm(np.subtract(*s.points[list(topology.EYE_OUTER_CORNERS)])) for s in detected]
    assert bins[0].nme == pytest.approx(np.mean([200 / e for e in eyes[:2]]), rel=1e-4)
    assert bins[1].nme_51 == pytest.approx(np.mean([200 / e for e in eyes[2:4]]), rel=1e-4)


def test_a_table_of_bins():
    one = [by_yaw.YawBin("0-15", 4, 0, 3.456, 2.5, 0.0), by_yaw.YawBin("45+", 0, 0, np.nan, np.nan, np.nan)]
    two = [by_yaw.YawBin("0-15", 3, 1, 4.0, 3.0, 0.0), by_yaw.YawBin("45+", 2, 2, np.nan, np.nan, np.nan)]
    (table,) = by_yaw.tables({"one": one, "none": [], "two": two})
    assert table.head[2:] == ("one", "two")
    assert table.rows[0] == ["0-15", "4", "3.46 / 2.50", "4.00 / 3.00, 1 missed, of 3"]
    assert table.rows[1] == ["45+", "0", "-", "none detected, 2 missed, of 2"]
    assert by_yaw.tables({}) == []


def test_the_curve_counts_missed_faces():
    figure = Figure()
    axis = figure.subplots()
    _draw_ced(axis, "x", np.float32([3, 1, np.nan]), 2, 10.0)
    x, y = axis.lines[0].get_data()
    assert list(x) == [0, 1, 3, 10]
    assert list(y) == [0, 25, 50, 50]  # two of four are detected; the missed ones are below no error
    assert "2 missed" in axis.lines[0].get_label()


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    puppet = Puppet()
    image = cv2.resize(puppet.image, puppet.size, interpolation=cv2.INTER_AREA)
    people = [f"{name}_{i}" for name in ("ann", "ben", "cid", "dora", "eve", "fay") for i in (1, 2)]
    samples = [
        Sample(f"{name}.png", name[:-2], "p", image, puppet.points.astype(np.float32), np.ones(68, np.float32))
        for name in people
    ]
    path = tmp_path_factory.mktemp("pack") / "mine"
    write_pack(samples, path)
    return path


def test_held_out_people_are_those_of_the_hash(pack):
    hashes = {name: zlib.crc32(name.encode()) / 2**32 for name in ("ann", "ben", "cid", "dora", "eve", "fay")}
    held_out = compare.read_evaluation_faces(pack, 0.5)
    assert {s.group for s in held_out} == {name for name, value in hashes.items() if value < 0.5}
    assert 0 < len(held_out) < 12


def test_a_limit_gives_evenly_spaced_faces(pack):
    samples = compare.read_evaluation_faces(pack)
    assert [s.name for s in evenly_spaced(samples, 3)] == [samples[i].name for i in (0, 6, 11)]
    assert evenly_spaced(samples, 99) == samples


def test_two_networks_in_one_report(pack, tmp_path):
    one, two = (bundled_path(name) for name in ("landmarks68", "landmarks68-large"))
    words = ["eval", one, two, "--data", pack, "--boxes", "truth", "--limit", 1, "--out", tmp_path]
    done = CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)
    assert done.exception is None, done.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [figures[name]["faces"] for name in ("landmarks68", "landmarks68-large")] == [1, 1]
    assert figures["landmarks68"]["nme"] != figures["landmarks68-large"]["nme"]
    text = (tmp_path / "report.md").read_text()
    assert "| 0-15 | 1 |" in text
    for name in ("ced.png", "landmarks68/worst.png", "landmarks68-large/report.md"):
        assert (tmp_path / name).is_file()


def test_two_networks_of_one_name(tmp_path):
    """Both files are called model.onnx and lie in folders of the same name."""
    paths = []
    for parent in ("a", "b"):
        folder = tmp_path / parent / "run"
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(bundled_path("landmarks68-large").read_bytes())
        paths.append(folder)
    from contextlib import ExitStack

    with ExitStack() as stack:
        assert list(compare.open_methods(paths, None, tmp_path, stack).engines) == ["run", "run (2)"]


def test_a_share_that_holds_out_nobody(pack):
    with pytest.raises(DataError, match="holds out none"):
        compare.read_evaluation_faces(pack, 1e-12)
