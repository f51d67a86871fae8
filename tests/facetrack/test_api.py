"""What programs in Python see: names, texts, plain values, wrong arguments, and a source followed whole."""

import json
import pydoc
import re

import numpy as np
import pytest

import facetrack
from facetrack import topology
from facetrack.loops.results import Results
from facetrack.signals import SignalOptions
from facetrack.tracking.frames import as_frame
from facetrack.types import Event, Frame, Signals
from made_faces import made_face, posed
from staged import BLACK, at_work, frame

FRAMES = 40


@pytest.fixture
def tracker(smiling):
    return smiling.tracker(looks=False)


def test_every_public_name_is_known_to_completion_and_help():
    assert {*facetrack.__all__, "__version__", "errors", "types"} <= set(dir(facetrack))
    for name in facetrack.__all__:
        assert getattr(facetrack, name) is not None
    text = re.sub(r"[\s|]+", " ", pydoc.render_doc(facetrack, renderer=pydoc.plaintext))
    text = text.replace("( ", "(")  # Python 3.13 breaks long signatures
    for word in ("find_faces", "FaceTracker", "track(self, source", "topology"):
        assert word in text


def test_groups_of_points_are_each_in_one_part():
    assert sorted(i for group in topology.GROUPS.values() for i in group) == list(range(68))
    face = made_face()
    np.testing.assert_array_equal(face.landmarks["left_eye"], face.landmarks.points[42:48])
    with pytest.raises(KeyError, match="expected one of jaw, right_brow"):
        face.landmarks["eye"]


def test_texts_are_short_and_say_what_matters():
    face = made_face(posed(yaw=12.0))
    event = Event.completed("blink", 1, 0.28, 0.45)
    for value, words in (
        (face, "Face(1, box=("), (face.landmarks, "68 points"), (face.pose, "yaw +12.0"), (face.signals, "mouth 0.00"),
        (Signals(), "smile unknown"), (event, "blink ended, face 1, 0.280 to 0.450 s"), (frame(3), "640x480"),
        (facetrack.TrackerOptions(max_faces=2), "TrackerOptions(max_faces=2)"),
        (facetrack.CameraModel(fov_deg=70), "CameraModel(fov_deg=70)"),
    ):  # fmt: skip
        assert words in repr(value)
        assert len(repr(value)) < 160


def test_plain_values_of_a_face_are_json_and_rounded():
    face = made_face(posed(yaw=12.345678))
    found = face.to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["pose"]["yaw_deg"] == 12.35
    assert found["points"][30] == [round(float(value), 2) for value in face.landmarks.points[30]]
    assert found["signals"]["eyes"]["right"]["openness"] == 1.0


def test_arrays_go_in_with_their_time_and_rgb_by_name():
    colours = np.zeros((2, 2, 3), np.uint8)
    colours[..., 0], colours[..., 2] = 10, 30
    assert as_frame(colours, 1.5, False, 7).image is colours
    turned = as_frame(colours, 1.5, True, 7)
    assert (turned.time_s, turned.index) == (1.5, 7)
    assert turned.image[0, 0].tolist() == [30, 0, 10]
    image = pytest.importorskip("PIL.Image").fromarray(colours)
    assert as_frame(image, 0.0, False, 0).image[0, 0].tolist() == [30, 0, 10]


def test_a_tracker_takes_arrays(tracker):
    ids = [[face.track_id for face in tracker.update(BLACK, time_s=i / 30)] for i in range(5)]
    assert ids[-1] == [1]
    with pytest.raises(ValueError, match="each video its own tracker"):
        tracker.update(BLACK, time_s=0.0)


WRONG = {
    "no time": (lambda t: t.update(BLACK), "time_s=index / fps"),
    "a path": (lambda t: t.update("a.mp4"), r"tracker\.track.*find_faces"),
    "an iterator": (lambda t: t.update(iter([frame(0)])), r"one frame at a time.*tracker\.track"),
    "two times": (lambda t: t.update(frame(0), time_s=1.0), "leave time_s out"),
    "no source": (lambda t: t.track(None), "expected a path"),
    "no frames": (lambda t: list(t.track([BLACK])), r"facetrack\.Frame\(image"),
    "no detector": (lambda t: facetrack.FaceTracker("yunet", None), r"from_weights\(\)"),
    "options in a dict": (lambda t: facetrack.FaceTracker(t.detector, t.detector, {"max_faces": 1}), "TrackerOptions"),
    "a text for a number": (lambda t: facetrack.TrackerOptions(max_faces="3"), "`max_faces` is '3'.*whole number"),
    "a number for a word": (lambda t: facetrack.TrackerOptions(smoothing=1), "`smoothing` is 1"),
    "a number for a camera": (lambda t: facetrack.TrackerOptions(camera=70), r"CameraModel\(fov_deg=70\)"),
    "a path for a profile": (lambda t: SignalOptions(profile="me.json"), r"from_weights\(profile=.."),
    "a text for a lens": (lambda t: facetrack.CameraModel("60"), "fov_deg is '60'; expected a number"),
    "a number for a network": (lambda t: facetrack.FaceTracker.from_weights(5), "`landmarks` is 5"),
    "no threads": (lambda t: facetrack.FaceTracker.from_weights(threads=0), "`threads` is 0"),
    "no picture": (lambda t: facetrack.open_video(None), "expected a path"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_type_is_named_with_what_to_write(tracker, case):
    call, words = WRONG[case]
    with pytest.raises(TypeError, match=words) as caught:
        call(tracker)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"detector": "own2", "landmarks": None}, "`detector` is 'own2'; expected one of own, yunet, mediapipe"),
        ({"smoothing": "much"}, "`smoothing` is 'much'; expected one of off"),
        ({"target_zone": "moon"}, "`target_zone` is 'moon'"),
        ({"faces": 1}, "no option `faces`.* max_faces"),
        ({"max_faces": 1, "options": facetrack.TrackerOptions()}, "both `options` and `max_faces`"),
        ({"engine": "gpu"}, "`engine` is 'gpu'"),
    ],
)
def test_messages_speak_of_arguments(settings, words, request):
    if "detector" in settings:
        from facetrack.detector.choice import make_detector

        with pytest.raises(facetrack.FacetrackError, match=words):
            make_detector(settings["detector"], None, 1, 320)
        return
    with pytest.raises(facetrack.FacetrackError, match=words) as caught:
        facetrack.FaceTracker.from_weights(**settings)
    assert "--" not in str(caught.value)


def test_the_command_line_says_the_same_with_its_options():
    from facetrack.cli.shell.sentences import with_options

    assert with_options("`smoothing` is 'much'; see `facetrack live`") == "--smooth is 'much'; see `facetrack live`"
    assert with_options("`detector_model` and `fov_deg`") == "--detector-model and --fov"


def test_one_tracker_in_two_threads_is_one_sentence(tracker):
    with at_work(tracker), pytest.raises(RuntimeError, match=r"a tracker of its own: FaceTracker\.from_weights\(\)"):
        tracker.update(frame(1))
    assert tracker.update(frame(1)) is not None


def test_a_source_is_followed_whole_and_read_once(tracker):
    results = tracker.track([frame(i) for i in range(FRAMES)])
    assert isinstance(results, Results)
    found = list(results)
    assert [result.frame.index for result in found] == list(range(FRAMES))
    assert all(len(result) == 1 and result[0].track_id == 1 for result in found)
    assert [(i, event.phase) for i, result in enumerate(found) for event in result.events][-1] == (FRAMES - 1, "ended")
    with pytest.raises(facetrack.FacetrackError, match="call track again"):
        list(results)
    again = list(tracker.track(Frame(BLACK, time_s=5 + i / 30, index=i) for i in range(3)))
    assert [result[0].track_id for result in again] == [1, 1, 1]
    assert again[0].frame.time_s == 0.0


def test_a_result_is_a_picture_a_table_and_plain_values(tracker):
    *_, last = tracker.track([frame(i) for i in range(5)])
    assert last.plot().shape == BLACK.shape
    assert last.plot().any()
    np.testing.assert_array_equal(last.plot(rgb=True), last.plot()[..., ::-1])
    assert last.to_dict()["faces"][0]["id"] == 1
    assert "1 face)" in repr(last)
    pytest.importorskip("pandas")
    table = last.to_dataframe()
    assert table[["frame", "id"]].to_numpy().tolist() == [[4, 1]]
    whole = tracker.track([frame(i) for i in range(FRAMES)]).to_dataframe()
    assert whole["frame"].tolist() == list(range(FRAMES))
    assert whole["events"].tolist()[-1].startswith("smile")


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_no_folder(name):
    for call in (facetrack.open_source, facetrack.open_video):
        with pytest.raises(facetrack.FacetrackError, match="empty text"):
            call(name)


@pytest.mark.net
def test_find_faces_is_what_the_command_finds_and_opens_its_networks_once(tmp_path, monkeypatch):
    import cv2

    from command_line import facetrack as run
    from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
    from facetrack.engine import choice
    from facetrack.loops import picture

    image = next(iter(SyntheticClip(ClipOptions(duration_s=1, faces=2))))[0].image
    cv2.imwrite(str(tmp_path / "photo.png"), image)
    opened = []
    true_open = choice.open_engine
    monkeypatch.setattr(choice, "open_engine", lambda *values: opened.append(values[0]) or true_open(*values))
    picture._tracker.cache_clear()
    found = [facetrack.find_faces(tmp_path / "photo.png") for _ in range(2)]
    found.append(facetrack.find_faces(np.ascontiguousarray(image[..., ::-1]), rgb=True))
    assert len(opened) == len(set(opened)) == 4
    assert [len(result) for result in found] == [2, 2, 2]
    done = run("image", "photo.png", "--json", "-", "--engine", "onnx", cwd=tmp_path)
    line = json.loads(done.stdout.splitlines()[1])
    for result in found:
        for face, other in zip(result, line["faces"], strict=True):
            np.testing.assert_allclose(face.landmarks.points, other["points"], atol=0.05 * np.ptp(face.box))
            assert face.score == pytest.approx(other["score"], abs=0.02)
