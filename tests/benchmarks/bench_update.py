"""The loop's speed as ratios within one run; never as milliseconds, which say more of the machine than of the code.

    pytest tests/benchmarks/bench_update.py     # the name keeps it out of the default run

Processor time, so that other work on the machine counts less. The tables' brackets are ratios to the fastest of each
group; the limits are ratios of medians taken in turns (`facetrack.engine.trial`) and leave room for a busy machine.
"""

import itertools
import time
from contextlib import ExitStack

import cv2
import numpy as np
import pytest

from facetrack.bench import frames
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.engine.onnx import OnnxEngine
from facetrack.engine.trial import interleaved_ms
from facetrack.modelfile import bundled_path
from facetrack.tracking.tracker import FaceTracker
from places import SHARED

pytest.importorskip("pytest_benchmark")
MEDIAPIPE = SHARED / "models" / "face_landmarker.task"
MAX_FRAMES = 8
FOREVER = 10**9
SECONDS = 4.0
OPENED = ExitStack()
"""Closed after each test."""


def following(images, step):
    """One frame of an endless film at each call; the first ones, in which the face is found, are over."""
    film = frames.loop_frames(images, 0, FOREVER)
    for frame in itertools.islice(film, 10):
        step(frame)
    return lambda: step(next(film))


def landmark_network():
    engine = OnnxEngine(bundled_path("landmarks68"))
    side = engine.spec.input_px
    crop = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    return lambda: engine(crop)


def one_face(size=(640, 480)):
    return following(frames.render_frames(size, MAX_FRAMES), FaceTracker.from_weights().update)


def two_faces():
    clip = SyntheticClip(ClipOptions(faces=2, duration_s=MAX_FRAMES / 30))
    return following([frame.image for frame, _ in clip], FaceTracker.from_weights().update)


def mediapipe():
    pytest.importorskip("mediapipe")
    if not MEDIAPIPE.exists():
        pytest.skip(f"{MEDIAPIPE.name} of ../shared/models is not there")
    from facetrack.detector.mediapipe_mesh import MediaPipeMesh

    mesh = OPENED.enter_context(MediaPipeMesh(MEDIAPIPE, max_faces=1, video=True))
    return following(frames.render_frames(count=MAX_FRAMES), lambda frame: mesh(frame.image, frame.time_s))


WAYS = {
    "landmark network alone": landmark_network,
    "one face": one_face,
    "one face, 1080p": lambda: one_face((1920, 1080)),
    "one face, 4K": lambda: one_face((3840, 2160)),
    "two faces": two_faces,
    "MediaPipe, video mode": mediapipe,
}
LIMITS = [
    ("one face", "landmark network alone", 3.5),
    ("one face, 1080p", "one face", 2.0),
    ("one face, 4K", "one face", 3.0),
    ("two faces", "one face", 2.3),
    ("one face", "MediaPipe, video mode", 0.7),
]
"""What takes how many times as long as what, at the most: beyond, something was made slower."""


@pytest.fixture(autouse=True)
def one_opencv_thread():
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with OPENED:
        yield
    cv2.setNumThreads(threads)


@pytest.mark.benchmark(group="frame", timer=time.process_time, warmup=False, max_time=2.0)
@pytest.mark.parametrize("name", WAYS)
def test_frame(benchmark, name):
    benchmark(WAYS[name]())


@pytest.mark.benchmark(group="ratios", timer=time.process_time)
@pytest.mark.parametrize(("name", "reference", "limit"), LIMITS, ids=lambda value: str(value))
def test_ratio(benchmark, name, reference, limit):
    ways = {name: WAYS[name](), reference: WAYS[reference]()}
    took_ms = interleaved_ms(ways, SECONDS, time.process_time)
    ratio = took_ms[name] / took_ms[reference]
    benchmark.extra_info["ratio"] = ratio
    benchmark.pedantic(ways[name], rounds=10)
    assert ratio < limit
