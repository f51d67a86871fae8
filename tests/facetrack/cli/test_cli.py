"""Commands in a separate process, on the synthetic clip with ground truth; every bad input is one sentence."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import jsonschema
import numpy as np
import pytest

from command_line import assert_one_sentence, facetrack
from facetrack.cli.demo import BLINKS, clip_options
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.sinks.jsonl import SCHEMA_FILE
from places import REPOSITORY

pytestmark = pytest.mark.net

FRAMES = 24


@pytest.fixture(scope="module")
def truth():
    return list(SyntheticClip(ClipOptions(duration_s=FRAMES / 24, fps=24)))


@pytest.fixture(scope="module")
def clip(tmp_path_factory, truth):
    path = tmp_path_factory.mktemp("clip") / "in.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for frame, _ in truth:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def read(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def test_video_follows_the_known_face(tmp_path, clip, truth):
    done = facetrack("video", clip, "--out", "a.mp4", "--json", "p.jsonl", "--csv", "p.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    header, *lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    schema = json.loads(SCHEMA_FILE.read_text())
    jsonschema.validate(header, schema)
    assert (header["source"], header["width"], header["height"]) == (Path(clip).name, 640, 480)
    networks = set(header["networks"])
    assert networks - {"landmarks68", "landmarks68-int8"} == {"detector", "appearance", "eyes"}
    assert len(networks) == 4, "the default network or its int8 sibling, as the trial chose"
    assert len(lines) == FRAMES
    for line, (frame, faces) in zip(lines, truth, strict=True):
        jsonschema.validate(line, schema)
        assert line["time_s"] == pytest.approx(frame.time_s, abs=1e-4)
        assert [face["id"] for face in line["faces"]] == [1]
        error = np.linalg.norm(np.array(line["faces"][0]["points"]) - faces[0].points, axis=1).mean()
        assert error < 0.08 * np.linalg.norm(faces[0].points[36] - faces[0].points[45])
    annotated = read(tmp_path / "a.mp4")
    assert len(annotated) == FRAMES
    assert annotated[0].shape == (480, 640, 3)
    assert np.abs(annotated[5].astype(int) - read(clip)[5]).max() > 60  # something was drawn
    assert len((tmp_path / "p.csv").read_text().splitlines()) == FRAMES + 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "p.csv", "p.jsonl"]


def write_phone_clip(path, truth):
    """Write a clip as phones do: rotated frames with a display matrix, variable frame rate, an audio track."""
    ticks = np.cumsum([0] + [2000 + 700 * (i % 3) for i in range(len(truth) - 1)])  # 1/60000 s
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 480, 640, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 60_000)
        stream.set_display_rotation(90)
        sound = container.add_stream("aac", rate=44_100, layout="mono")
        for tick, (frame, _) in zip(ticks, truth, strict=True):
            rotated = np.ascontiguousarray(np.rot90(frame.image, -1))
            encoded = av.VideoFrame.from_ndarray(rotated, format="bgr24")
            encoded.pts, encoded.time_base = int(tick), Fraction(1, 60_000)
            container.mux(stream.encode(encoded))
        for i in range(40):
            samples = np.sin(np.arange(1024) * 0.06)[None].astype(np.float32)
            wave = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            wave.sample_rate, wave.pts = 44_100, 1024 * i
            container.mux(sound.encode(wave))
        for part in (stream, sound):
            container.mux(part.encode(None))
    return ticks / 60_000


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(audio=0) if p.size]


def test_a_phones_clip_keeps_its_times_stands_upright_and_sounds_the_same(tmp_path, truth):
    times = write_phone_clip(tmp_path / "phone.mp4", truth)
    done = facetrack("video", "phone.mp4", "--out", "a.mp4", "--json", "a.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = list(container.decode(video=0))
        assert (frames[0].width, frames[0].height) == (640, 480)
        np.testing.assert_allclose([f.time - frames[0].time for f in frames], times, atol=1e-4)
    assert packets(tmp_path / "a.mp4") == packets(tmp_path / "phone.mp4")
    _, *lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [len(line["faces"]) for line in lines] == [1] * FRAMES
    error = np.linalg.norm(np.array(lines[-1]["faces"][0]["points"]) - truth[-1][1][0].points, axis=1).mean()
    assert error < 0.08 * np.linalg.norm(truth[-1][1][0].points[36] - truth[-1][1][0].points[45])


def test_live_records_every_frame_it_followed(tmp_path, clip):
    done = facetrack("live", "--camera", clip, "--no-window", "--record", "r.mp4", "--csv", "p.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    recorded = read(tmp_path / "r.mp4")
    assert f"{len(recorded)} frames followed" in done.stderr
    assert len(recorded) == FRAMES  # no frame of a file is dropped
    before, after = read(clip)[-1].astype(int), recorded[-1].astype(int)
    assert np.abs(after - before).mean() > 0.3  # something is drawn
    assert np.abs(after - before)[::7, ::7].mean() < 10  # on the same frame


def test_each_output_may_be_given_alone(tmp_path, clip):
    assert facetrack("video", clip, "--json", "-", cwd=tmp_path).stdout.count('"frame":') == FRAMES
    assert list(tmp_path.iterdir()) == []


def test_image_and_a_folder_of_images(tmp_path, truth):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in (0, 1, 2):
        cv2.imwrite(str(folder / f"{i}.png"), truth[i][0].image)
    done = facetrack("image", folder / "0.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 face found" in done.stderr
    assert cv2.imread(str(tmp_path / "0_faces.png")).shape == (480, 640, 3)
    done = facetrack("video", folder, "--fps", "25", "--out", "a.mp4", "--json", "a.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(read(tmp_path / "a.mp4")) == 3
    header, *lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert header["source"] == "pictures"
    assert [line["image"] for line in lines] == ["0.png", "1.png", "2.png"]


def test_equal_runs_give_equal_bytes_and_the_header_says_which_camera(tmp_path, clip):
    """A profile's intrinsics count, --fov goes before them; equal files wherever they are written."""
    profile = {"profile": 1, "camera": {"fx": 700.0, "fy": 690.0, "cx": 320.0, "cy": 240.0}}
    (tmp_path / "p.json").write_text(json.dumps(profile))
    (tmp_path / "folder").mkdir()
    outputs, cameras = {}, {}
    runs = {"a": [], "folder/b": [], "fov": ["--fov", "75", "--profile", "p.json"], "profile": ["--profile", "p.json"]}
    for name, options in runs.items():
        done = facetrack("video", clip, "--json", f"{name}.jsonl", "--engine", "onnx", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        outputs[name] = (tmp_path / f"{name}.jsonl").read_bytes()
        cameras[name] = json.loads(outputs[name].splitlines()[0])["options"]["camera"]
    assert outputs["a"] == outputs["folder/b"]
    assert str(tmp_path).encode() not in outputs["a"]
    assert cameras["a"] == {"from": "default", "fov_deg": 60.0, "fx": 554.256, "fy": 554.256, "cx": 319.5, "cy": 239.5}
    assert (cameras["fov"]["from"], cameras["fov"]["fov_deg"]) == ("fov", 75.0)
    assert cameras["profile"] == {"from": "profile", "fov_deg": 49.134, **profile["camera"]}
    z = {
        name: json.loads(text.splitlines()[-1])["faces"][0]["pose"]["translation_mm"][2]
        for name, text in outputs.items()
    }
    assert z["fov"] < z["a"] < z["profile"]  # the longer the lens, the farther the face


def test_a_camera_that_is_none_is_one_sentence(tmp_path, clip):
    (tmp_path / "p.json").write_text('{"profile": 1, "camera": {"focal": 700}}')
    done = facetrack("video", clip, "--json", "a.jsonl", "--profile", "p.json", cwd=tmp_path)
    assert_one_sentence(done, "p.json", "camera", "fov_deg")
    assert not (tmp_path / "a.jsonl").exists()


def test_an_image_without_a_face_has_none(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "noise.png"), noise)
    done = facetrack("image", "noise.png", "--json", "-", cwd=tmp_path)
    header, line = map(json.loads, done.stdout.splitlines())
    assert (header["source"], header["options"]["detector.long_side_px"]) == ("noise.png", 640)
    assert line["faces"] == []


def test_demo_writes_its_outputs(tmp_path):
    done = facetrack("demo", "--seconds", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "30 frames, 30 with a face, 1 identity" in " ".join(done.stderr.split())
    assert len(read(tmp_path / "demo.mp4")) == 30
    assert cv2.imread(str(tmp_path / "demo.png")) is not None
    assert "Person 1" in (tmp_path / "demo.html").read_text()
    assert "facetrack live " in done.stderr.partition("try next:")[2]


def test_the_demo_clip_has_what_ends_within_it():
    usual, long, short = clip_options(10, 1), clip_options(20, 1), clip_options(1, 2)
    assert usual.blinks == BLINKS
    assert long.blinks == (*BLINKS, *((10 + start, 10 + end) for start, end in BLINKS))
    assert (short.blinks, short.yawns, short.absent, short.covered) == ((), (), (), ())


def test_info_names_networks_and_terms(tmp_path):
    out = facetrack("info", "--networks", cwd=tmp_path, COLUMNS="200").stdout
    for word in ("landmarks68.onnx", "detector.onnx", "research only"):
        assert word in out


def test_devices_answers_without_a_camera(tmp_path):
    assert facetrack("devices", cwd=tmp_path).returncode == 0


def bad_files(folder):
    (folder / "text.mp4").write_text("this is no video")
    (folder / "text.onnx").write_text("this is no network")
    (folder / "empty").mkdir()
    return folder


BAD = {
    "missing file": (["video", "nowhere.mp4", "--out", "a.mp4"], ["nowhere.mp4", "does not exist"]),
    "text named mp4": (["video", "text.mp4", "--out", "a.mp4"], ["text.mp4"]),
    "empty folder": (["video", "empty", "--out", "a.mp4"], ["empty"]),
    "output folder missing": (["video", "CLIP", "--out", "no/a.mp4"], ["no", "does not exist"]),
    "output is the input": (["video", "CLIP", "--out", "CLIP"], ["input"]),
    "output of no known kind": (["video", "CLIP", "--out", "a.xyz"], [".xyz", ".mp4"]),
    "one name for two outputs": (["video", "CLIP", "--json", "a.txt", "--csv", "a.txt"], ["two outputs"]),
    "model is text": (["video", "CLIP", "--out", "a.mp4", "--model", "text.onnx"], ["text.onnx", "expected an .onnx"]),
    "model is missing": (["video", "CLIP", "--out", "a.mp4", "--model", "x.onnx"], ["x.onnx", "no such model"]),
    "model is a detector": (["video", "CLIP", "--out", "a.mp4", "--model", "DETECTOR"], ["expected a landmarks"]),
    "smoothing unknown": (["video", "CLIP", "--out", "a.mp4", "--smooth", "much"], ["much", "medium"]),
    "image is text": (["image", "text.mp4"], ["text.mp4"]),
    "no camera": (["live", "--camera", "7", "--no-window"], ["7"]),
    "no stream": (["live", "--camera", "http://127.0.0.1:9/x", "--no-window"], ["127.0.0.1:9"]),
    "no display": (["live", "--camera", "CLIP"], ["display", "--no-window"]),
    "a display that is gone": (["live", "--camera", "CLIP", "DISPLAY=:77"], [":77", "--no-window"]),
    "data folder missing": (["train", "landmarks", "--data", "no"], ["no", "does not exist"]),
    "eval boxes unknown": (["eval", "x.onnx", "--data", "x", "--boxes", "round"], ["round", "truth"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path, clip, case):
    arguments, words = BAD[case]
    detector = REPOSITORY / "weights" / "detector.onnx"
    named = {"CLIP": str(clip), "DETECTOR": str(detector)}
    display = [a.removeprefix("DISPLAY=") for a in arguments if a.startswith("DISPLAY=")]
    arguments = [named.get(a, a) for a in arguments if not a.startswith("DISPLAY=")]
    bad_files(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    size = clip.stat().st_size
    done = facetrack(*arguments, cwd=tmp_path, DISPLAY=display[0] if display else "", WAYLAND_DISPLAY="")
    assert_one_sentence(done, *words)
    assert sorted(tmp_path.rglob("*")) == before
    assert clip.stat().st_size == size


def test_a_truncated_video_is_one_sentence_and_leaves_nothing(tmp_path, clip):
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert_one_sentence(facetrack("video", "cut.mp4", "--out", "a.mp4", "--json", "a.jsonl", cwd=tmp_path), "cut.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["cut.mp4"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="a folder refuses nothing to root")
def test_a_folder_without_permission(tmp_path, clip):
    tmp_path.chmod(0o500)
    assert_one_sentence(facetrack("video", clip, "--out", tmp_path / "a.mp4", cwd="/"), "a.mp4")


def test_import_is_light():
    code = (
        "import sys, facetrack; facetrack.Face;"
        "print([m for m in ('torch', 'tensorrt', 'mediapipe', 'onnxruntime', 'cv2', 'av') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_readmes_python(clip):
    import facetrack as library

    frame = next(iter(library.open_video(clip)))
    for face in library.find_faces(frame.image):
        assert face.landmarks["left_eye"].shape == (6, 2)
        assert face.pose is not None
    for result in library.FaceTracker.from_weights().track(clip):
        assert len(result.faces) == 1
