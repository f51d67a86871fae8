"""Format detection by path, one-sentence errors for unknown formats, and the commands that use it."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack.errors import DataError
from facetrain.cli import data as data_command
from facetrain.formats import open as opened
from facetrain.formats import packs
from facetrain.formats.open import read_any
from facetrain.formats.public import kaggle, pts
from facetrain.labelling import inspection
from facetrain.sample import as_scheme
from facetrain.synth.drawn_heads import read_synthetic
from places import DATA

READERS = [
    name
    for name in vars(opened)
    if name.startswith("read_") and name not in ("read_any", "read_labelled", "read_table", "read_lines")
]

SHARED_COUNTS = {
    "helen_test": (330, 0), "eyes": (1155, 0), "mouths": (2881, 0), "yawn_faces": (234, 0), "genki4k": (3171, 0),
}  # fmt: skip


@pytest.fixture(scope="module")
def faces():
    return read_synthetic(4, seed=2)


def as_pack(faces, folder):
    packs.write_pack(faces, folder / "mine")
    return [folder / "mine", folder / "mine.npz", folder / "mine.zip", folder]


def as_kaggle(faces, folder):
    kaggle.write_kaggle(faces, folder / "training.csv")
    return [folder, folder / "training.csv"]


def as_pts(faces, folder):
    for face in faces:
        cv2.imwrite(str(folder / face.name), face.image)
        pts.write_pts((folder / face.name).with_suffix(".pts"), face.points)
    return [folder]


def as_dlib(faces, folder):
    images = ""
    for face in faces:
        cv2.imwrite(str(folder / face.name), face.image)
        parts = "".join(f"<part name='{i}' x='{x}' y='{y}'/>" for i, (x, y) in enumerate(face.points))
        images += f"<image file='{face.name}'><box>{parts}</box></image>"
    (folder / "f.xml").write_text(f"<dataset><images>{images}</images></dataset>")
    return [folder / "f.xml", folder]


def as_coco(faces, folder):
    for face in faces:
        cv2.imwrite(str(folder / face.name), face.image)
    images = [{"id": i, "file_name": face.name} for i, face in enumerate(faces)]
    annotations = [
        {"image_id": i, "keypoints": [v for x, y in face.points.tolist() for v in (x, y, 2)]}
        for i, face in enumerate(faces)
    ]
    (folder / "k.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return [folder / "k.json", folder]


def as_classes(faces, folder):
    for label in ("happy", "sad"):
        (folder / label).mkdir()
        for face in faces[:2]:
            cv2.imwrite(str(folder / label / face.name), face.image)
    return [folder]


@pytest.mark.parametrize("write", [as_pack, as_kaggle, as_pts, as_dlib, as_coco, as_classes])
def test_formats_are_recognised(tmp_path, faces, write):
    for path in write(faces, tmp_path):
        result = read_any(path)
        assert (len(result.samples), result.problems) == (4, [])


@pytest.mark.parametrize("write", [as_pack, as_pts, as_dlib, as_coco])
def test_points_survive_every_format(tmp_path, faces, write):
    samples = {s.name.partition("#")[0]: s for s in read_any(write(faces, tmp_path)[0], trim=False).samples}
    for face in faces:
        np.testing.assert_allclose(samples[face.name].points, face.points, atol=1e-3)
        np.testing.assert_array_equal(samples[face.name].image, face.image)


def fields(count):
    return " ".join(["1"] * count)


@pytest.mark.parametrize(
    ("name", "text", "reader"),
    [
        ("list_98pt_rect_attr_train.txt", fields(98 * 2 + 4 + 6 + 1), "read_wflw"),  # points, box, attributes, name
        ("list_98pt.txt", fields(98 * 2 + 1), "read_wflw"),
        ("training.txt", fields(1 + 5 * 2 + 4), "read_mtfl_text"),  # name, five points, four attributes
        ("COFW_train.mat", "", "read_cofw"),
        ("wider.tfrecord", "", "read_tfrecord"),
        ("labels.XML", "", "read_dlib"),
        ("person.json", "", "read_coco"),
        ("table.csv", "name,pts_ok\n", "read_mtfl_pack"),
        ("table.csv", "file,label\n", "read_table_pack"),
        ("300VW/001/vid.avi", None, "read_300vw"),
        ("300VW/vid.avi", None, "read_300vw"),
    ],
)
def test_each_format_goes_to_its_own_reader(monkeypatch, tmp_path, name, text, reader):
    """What the readers make of it is tested beside them; None: a folder with the annotations beside the video."""
    for other in READERS:
        monkeypatch.setattr(opened, other, lambda path, *_, own=other, **__: own)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or "")
    if text is None:
        (path.parent / "annot").mkdir()
        path = tmp_path / "300VW"
    assert read_any(path) == reader


def test_synthetic_needs_no_path(tmp_path):
    from pathlib import Path

    assert len(read_any(Path("synthetic:3")).samples) == 3
    with pytest.raises(DataError, match="whole number"):
        read_any(Path("synthetic:many"))


def test_unknown_formats_raise_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    for name, text in (
        ("a.csv", "x,y\n1,2\n"),
        ("b.csv", "file,x0,y0\n"),
        ("c.txt", "1 2 3\n"),
        ("d.doc", "x"),
        ("e.zip", ""),
    ):
        (tmp_path / name).write_text(text)
    for name, words in (
        ("empty", "empty folder"), ("pictures", "no known format"), ("nowhere", "does not exist"),
        ("a.csv", "no known format"), ("b.csv", "boxes"), ("c.txt", "3 fields"), ("d.doc", "no known format"),
        ("e.zip", "labels of a pack"), (".", "several label files"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=words) as caught:
            read_any(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_schemes_convert_or_raise(faces):
    five = as_scheme(faces[0], "five")
    np.testing.assert_allclose(five.points[2], faces[0].points[30])
    assert as_scheme(faces[0], faces[0].scheme).points.shape == (68, 2)
    with pytest.raises(DataError, match="cannot be converted to '300w-68'"):
        as_scheme(five, "300w-68")


def test_inspection_counts(faces):
    from dataclasses import replace

    points = faces[0].points.copy()
    points[7] = np.nan
    points[8] = (-5, 20)
    inspected = inspection.inspect([*faces[1:], replace(faces[0], points=points)])
    assert (inspected.samples, inspected.outside) == (4, 1)
    assert inspected.missing["300w-68"][7] == inspected.missing["300w-68"].sum() == 1
    assert len(inspected.sizes_px) == 4
    assert inspected.angles_deg.shape == (3, 3)


def test_inspect_command(tmp_path, faces):
    as_pts(faces, tmp_path)
    (tmp_path / "bad.pts").write_text("1 2 3\n")
    done = CliRunner().invoke(data_command.app, ["inspect", str(tmp_path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "4 samples" in done.output
    assert "bad.pts:1" in done.output
    written = json.loads((tmp_path / "out" / "inspection.json").read_text())
    assert (written["samples"], written["problems"], written["missing"]["300w-68"]["0"]) == (4, 1, 0)
    for name in ("sheet.png", "histograms.png"):
        assert cv2.imread(str(tmp_path / "out" / name)) is not None
    assert "bad.pts" in (tmp_path / "out" / "problems.txt").read_text()


def test_convert_command(tmp_path, faces):
    as_pts(faces, tmp_path)
    run = CliRunner().invoke
    assert run(data_command.app, ["convert", str(tmp_path), str(tmp_path / "new" / "pack")]).exit_code == 0
    assert len(read_any(tmp_path / "new" / "pack").samples) == 4
    assert run(data_command.app, ["convert", str(tmp_path), str(tmp_path / "k"), "--to", "kaggle"]).exit_code == 0
    assert {s.scheme for s in read_any(tmp_path / "k").samples} == {"kaggle-15"}
    five = ["convert", str(tmp_path), str(tmp_path / "five"), "--scheme", "five"]
    assert run(data_command.app, five).exit_code == 0
    assert read_any(tmp_path / "five.npz").samples[0].points.shape == (5, 2)
    wrong = run(data_command.app, ["convert", str(tmp_path), "x", "--to", "lmdb"])
    assert "expected pack or kaggle" in str(wrong.exception)


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(SHARED_COUNTS))
def test_the_projects_packs(name):

    folder = DATA
    if not folder.is_dir():
        pytest.skip("needs the project's shared data")
    result = read_any(folder / name)
    assert (len(result.samples), len(result.problems)) == SHARED_COUNTS[name]


def test_faces_of_one_video_are_split_by_face_and_one_face_is_refused(tmp_path):
    from dataclasses import replace

    from facetrain.samples.sources import read_sources

    faces = [replace(sample, group="clip") for sample in read_synthetic(6, seed=0)]
    packs.write_pack(faces, tmp_path / "clip")
    sources = read_sources(tmp_path / "clip", {"helen_train": 1}, 0.1)
    (held_out,) = sources.validation.values()
    assert len(held_out) >= 1
    assert len(held_out) + len(sources.training) == 6
    assert "'clip'" in sources.problems[-1]
    packs.write_pack(faces[:1], tmp_path / "one")
    with pytest.raises(DataError, match="one face is not enough"):
        read_sources(tmp_path / "one", {"helen_train": 1}, 0.1)
