"""Speed of the tracker's update as ratios within one run; milliseconds would depend more on the machine than the code.

    pytest tests/benchmarks/bench_update.py     # the name keeps it out of the default run

CPU time, to reduce the effect of other load on the machine. The tables' brackets are ratios to the fastest of each
group; the limits are ratios of interleaved medians (`facetrack.engine.trial`), with a reserve for a busy machine.
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
"""Resources that are closed after each test."""


def stepper(images, step):
    """Return a function that processes the next frame of an endless loop, after ten frames of warm-up."""
    endless = frames.loop_frames(images, 0, FOREVER)
    for frame in itertools.islice(endless, 10):
        step(frame)
    return lambda: step(next(endless))


def landmark_network():
    engine = OnnxEngine(bundled_path("landmarks68"))
    side = engine.spec.input_px
    crop = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    return lambda: engine(crop)


def one_face(size=(640, 480)):
    return stepper(frames.render_frames(size, MAX_FRAMES), FaceTracker.from_weights().update)


def two_faces():
    clip = SyntheticClip(ClipOptions(faces=2, duration_s=MAX_FRAMES / 30))
    return stepper([frame.image for frame, _ in clip], FaceTracker.from_weights().update)


def mediapipe():
    pytest.importorskip("mediapipe")
    if not MEDIAPIPE.exists():
        pytest.skip(f"{MEDIAPIPE.name} of ../shared/models is not there")
    from facetrack.detector.mediapipe_mesh import MediaPipeMesh

    mesh = OPENED.enter_context(MediaPipeMesh(MEDIAPIPE, max_faces=1, video=True))
    return stepper(frames.render_frames(count=MAX_FRAMES), lambda frame: mesh(frame.image, frame.time_s))


METHODS = {
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
"""(method, reference, largest ratio of the medians): a larger ratio is a performance regression."""


@pytest.fixture(autouse=True)
def one_opencv_thread():
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with OPENED:
        yield
    cv2.setNumThreads(threads)


@pytest.mark.benchmark(group="frame", timer=time.process_time, warmup=False, max_time=2.0)
@pytest.mark.parametrize("name", METHODS)
def test_frame(benchmark, name):
    benchmark(METHODS[name]())


@pytest.mark.benchmark(group="ratios", timer=time.process_time)
@pytest.mark.parametrize(("name", "reference", "limit"), LIMITS, ids=lambda value: str(value))
def test_ratio(benchmark, name, reference, limit):
    methods = {name: METHODS[name](), reference: METHODS[reference]()}
    median_ms = interleaved_ms(methods, SECONDS, time.process_time)
    ratio = median_ms[name] / median_ms[reference]
    benchmark.extra_info["ratio"] = ratio
    benchmark.pedantic(methods[name], rounds=10)
    assert ratio < limit
