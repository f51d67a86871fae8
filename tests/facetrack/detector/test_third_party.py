"""YuNet and MediaPipe's detector in facetrack's convention: geometry by hand, error messages, real faces."""

import builtins
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack import errors
from facetrack.cli import app
from facetrack.detector import mediapipe, yunet
from facetrack.detector.choice import make_detector
from facetrack.detector.cnn import DetectorOptions
from facetrack.errors import FacetrackError, MissingExtraError, ModelFileError
from facetrack.geometry import below_forehead, box_iou, points_box
from places import SHARED

YUNET = SHARED / "models" / yunet.FILE.name
BLAZE = SHARED / "models" / mediapipe.FILE.name
PHOTO = Path(errors.__file__).parent / "_assets" / "astronaut.jpg"


def test_foreheads_are_cut_off_at_the_top_of_the_head():
    boxes = np.tile(np.float32([[10, 20, 110, 220]]), (4, 1))  # 100 wide, 200 high
    upright, right, left, down = below_forehead(boxes, np.deg2rad(np.float32([0, 90, -90, 180])))
    np.testing.assert_allclose(upright, [10, 68, 110, 220], atol=1e-4)
    np.testing.assert_allclose(right, [10, 20, 86, 220], atol=1e-4)  # rotated clockwise: its top is at the right
    np.testing.assert_allclose(left, [34, 20, 110, 220], atol=1e-4)
    np.testing.assert_allclose(down, [10, 20, 110, 172], atol=1e-4)
    np.testing.assert_allclose(below_forehead(boxes)[0], upright)


def test_the_roll_follows_from_the_eyes():
    level, rotated = np.zeros((5, 2), np.float32), np.zeros((5, 2), np.float32)
    level[1], rotated[1] = (10, 0), (10, 10)  # y down: the second is rotated clockwise by 45 degrees
    np.testing.assert_allclose(np.rad2deg(yunet.eye_roll(np.stack([level, rotated]))), [0, 45])


def test_the_square_becomes_an_extent():
    squares = np.tile(np.float32([[0, 0, 100, 100]]), (3, 1))
    upright, slanted, lying = mediapipe.extents(squares, np.deg2rad(np.float32([0, 45, 90])))
    np.testing.assert_allclose(upright, [50 - 47.5, 54.8 - 46, 50 + 47.5, 54.8 + 46], atol=1e-4)
    half, off = 93.5 * 1.25 / 2, 4.8 * np.sqrt(0.5)
    np.testing.assert_allclose(slanted, [50 - off - half, 50 + off - half, 50 - off + half, 50 + off + half], atol=1e-3)
    np.testing.assert_allclose(lying, [45.2 - 46, 50 - 47.5, 45.2 + 46, 50 + 47.5], atol=1e-4)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)


def test_an_unknown_name_and_missing_files_are_one_sentence(tmp_path):
    for words, message in [
        (("--detector", "haar"), "expected one of own, yunet, mediapipe"),
        (("--detector", "yunet", "--detector-model", tmp_path / "no.onnx"), "does not exist"),
        (("--detector", "yunet", "--detector-model", PHOTO), "no YuNet"),
        (("--detector-model", PHOTO), "astronaut.jpg"),
    ]:
        done = run("image", PHOTO, "--out", tmp_path / "a.png", *words)
        assert isinstance(done.exception, FacetrackError), done.output
        assert message in str(done.exception)
        assert "\n" not in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_offline_ends_with_two(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(yunet, "FILE", yunet.VendorFile("y.onnx", "http://127.0.0.1:1/y.onnx", "0" * 64))
    monkeypatch.setattr(sys, "argv", ["facetrack", "image", str(PHOTO), "--out", "a.png", "--detector", "yunet"])
    monkeypatch.chdir(tmp_path)
    from facetrack.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main()
    stderr = capsys.readouterr().err
    assert ended.value.code == 2
    assert "http://127.0.0.1:1/y.onnx" in stderr
    assert "--detector-model" in stderr
    assert stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_extra_is_named_and_nothing_fetched(monkeypatch):
    real = builtins.__import__

    def no_mediapipe(name, *rest, **more):
        if name == "mediapipe":
            raise ImportError("No module named 'mediapipe'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", no_mediapipe)
    monkeypatch.setattr("facetrack.download.fetch", lambda file: pytest.fail("fetch"))
    with pytest.raises(MissingExtraError, match=r"facetrack\[mediapipe\]"):
        make_detector("mediapipe", None, 1, 320)


def test_mediapipe_refuses_other_files():
    pytest.importorskip("mediapipe", reason="needs the extra 'mediapipe'")
    with pytest.raises(ModelFileError, match="no face detector"):
        mediapipe.MediaPipeDetector(PHOTO)


@pytest.fixture(scope="module", params=["yunet", "mediapipe"])
def detector(request):
    if not YUNET.is_file():
        pytest.skip("needs the baselines' files in ../shared/models")
    if request.param == "yunet":
        return yunet.YunetDetector(YUNET, DetectorOptions(640))
    pytest.importorskip("mediapipe", reason="needs the extra 'mediapipe'")
    return mediapipe.MediaPipeDetector(BLAZE)


@pytest.mark.data
def test_boxes_are_the_extents_of_the_labelled_points(detector):
    pictures = pytest.importorskip("facetrain.samples.pictures", reason="needs the extra 'train'")
    overlaps = []
    for picture in pictures.read_points_pack(SHARED / "data", "helen_train")[5:400:20]:
        detections = detector(picture.decode())
        overlap = box_iou(detections.boxes, points_box(picture.outlines))[:, 0]
        overlaps.append(overlap.max(initial=0))
        assert (np.diff(detections.scores) <= 0).all()
        eyes = detections.keypoints[overlap.argmax(), :2]
        side = np.ptp(picture.outlines[0], axis=0).max()
        assert np.linalg.norm(eyes - picture.keypoints[0, :2], axis=1).max() < 0.15 * side
    assert min(overlaps) > 0.5
    assert np.mean(overlaps) > 0.75


@pytest.mark.data
def test_nothing_is_detected_in_grey(detector):
    detections = detector(np.full((240, 320, 3), 128, np.uint8))
    assert detections.boxes.shape == (0, 4)
    assert detections.scores.shape == (0,)
    assert detections.keypoints.shape == (0, 5, 2)


@pytest.mark.data
def test_opening_is_quiet(detector, capfd):
    capfd.readouterr()
    type(detector)(YUNET if isinstance(detector, yunet.YunetDetector) else BLAZE)
    assert capfd.readouterr() == ("", "")


@pytest.mark.data
@pytest.mark.skipif(not YUNET.is_file(), reason="needs the baselines' files in ../shared/models")
@pytest.mark.parametrize(("path", "file"), [(YUNET, yunet.FILE), (BLAZE, mediapipe.FILE)])
def test_the_checksums_are_of_these_files(path, file):
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
