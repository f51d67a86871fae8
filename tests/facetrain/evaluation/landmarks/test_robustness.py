"""Robustness curves of method stubs with known errors, and the command on the bundled networks."""

import csv

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack import topology
from facetrack.cli import app
from facetrack.demo_clip.puppet import Puppet
from facetrack.errors import DataError, FacetrackError
from facetrack.modelfile import bundled_path
from facetrain.evaluation.landmarks import robustness, robustness_report
from facetrain.evaluation.landmarks.corruptions import Corruption, gaussian_noise, shift_box
from facetrain.formats.packs import write_pack
from facetrain.sample import Sample, usable


def face(name, grey=128):
    """Sample whose outer eye corners are 50 px apart: 1 px is 2 %."""
    points = np.random.default_rng(0).uniform(20, 80, (68, 2)).astype(np.float32)
    points[list(topology.EYE_OUTER_CORNERS)] = [[20, 50], [70, 50]]
    return Sample(name, name, "t", np.full((100, 100, 3), grey, np.uint8), points, np.ones(68, np.float32))


class Staged:
    """Method stub with an error of 1 px along x, of the jaw 5 px; misses dark and noisy faces.

    A shifted box shifts its points.
    """

    def predict(self, sample):
        if sample.image.mean() < 50 or sample.image.std() > 5:
            return None
        points = sample.points.copy()
        points[:, 0] += 1
        points[list(topology.JAW), 0] += 4
        return points

    def predict_shifted(self, sample, move):
        return sample.points + np.float32([50 * move.x, 50 * move.y])


TWO = (
    Corruption("sensor noise", "sigma, grey levels of 255", (0, 10), 0, gaussian_noise),
    Corruption("box shifted", "% of its side", (0, 10), 0, box=shift_box),
)


@pytest.fixture
def rows():
    faces = [face("a"), face("b"), face("dark", grey=20)]
    return robustness.measure({"staged": Staged()}, faces, TWO)


def test_rows_by_hand(rows):
    plain, noisy, exact, shifted = rows
    assert (plain.faces, plain.missed) == (3, 1)
    assert plain.nme_51 == pytest.approx(2)
    assert plain.nme_68 == pytest.approx((51 * 2 + 17 * 10) / 68)
    assert plain.failed == pytest.approx(100 / 3)
    assert (noisy.missed, noisy.failed) == (3, 100)
    assert np.isnan(noisy.nme_68)
    assert (exact.nme_68, exact.missed, exact.failed) == (0, 0, 0)
    # A tenth of the box's side, which this stub assumes to be 50 px: 5 px are 10 %, above 8 %, so all have failed.
    assert (shifted.nme_68, shifted.nme_51, shifted.failed) == pytest.approx((10, 10, 100))


def test_what_is_written(rows, tmp_path):
    robustness_report.save(rows, [face("a")], tmp_path, "mine", ["A note."])
    with (tmp_path / "robustness.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["missed"] for line in lines] == ["1", "3", "0", "0"]
    assert [line["amount"] for line in lines] == ["0", "10", "0", "10"]
    assert lines[1]["nme_68"] == ""
    text = (tmp_path / "report.md").read_text()
    assert "| staged | 4.00 / 2.00; 33.3 % (1 missed) | none detected (3 missed) |" in text
    assert "A note." in text
    assert cv2.imread(str(tmp_path / "robustness.png")) is not None


def test_faces_without_all_points_are_left_out():
    broken = face("b")
    broken.points[3] = np.nan
    assert [s.name for s in usable([face("a"), broken])] == ["a"]
    with pytest.raises(DataError, match="none of the 1 faces"):
        usable([broken])


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    puppet = Puppet()
    image = cv2.resize(puppet.image, puppet.size, interpolation=cv2.INTER_AREA)
    path = tmp_path_factory.mktemp("pack") / "mine"
    write_pack([Sample("a.png", "a", "p", image, puppet.points.astype(np.float32), np.ones(68, np.float32))], path)
    return path


def test_the_command(pack, tmp_path):
    done = run("eval", "robustness", bundled_path("landmarks68-large"), "--data", pack, "--out", tmp_path / "out")
    assert done.exception is None, done.output
    with (tmp_path / "out" / "robustness.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["method"] for line in lines} == {"landmarks68-large"}
    assert len({line["corruption"] for line in lines}) == 9
    exact = [float(line["nme_68"]) for line in lines if (line["corruption"], line["amount"]) == ("box shifted", "0")]
    assert max(exact) < 15


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["face_landmarker.task"], "does not exist; give the path of MediaPipe's face_landmarker.task"),
        (["--offset-from", "other"], "--offset-from is for MediaPipe"),
        (["x.task", "--offset-from", "mine.npz"], "must name other faces than --data"),
        ([bundled_path("detector")], "which 'detector' is not"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    network = bundled_path("landmarks68")
    done = run("eval", "robustness", network, *words, "--data", "mine", "--out", tmp_path / "out")
    assert isinstance(done.exception, FacetrackError)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not list(tmp_path.iterdir())
