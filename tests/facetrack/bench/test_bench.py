"""`facetrack bench`, on a fake clock that moves by known steps."""

import json
import os
import sys
import time

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from facetrack import landmarker as landmarker_module
from facetrack.bench import course as course_module
from facetrack.bench import frames, report, session
from facetrack.bench.course import Course, Mark, part_figures
from facetrack.bench.figures import LiveFigures, MethodFigures, PartFigures, Percentiles, method_figures
from facetrack.bench.memory import peak_mb
from facetrack.bench.race import ROUND, WARM_UP, BenchMethod, interleave
from facetrack.bench.stages import REST, Elapsed, StageTimer, timed_stages
from facetrack.capture import Camera
from facetrack.cli import app
from facetrack.cli import bench as command
from facetrack.errors import FacetrackError, OutputError
from facetrack.landmarker import Landmarker
from facetrack.signals import FaceSignals
from facetrack.tracking import track as track_module
from facetrack.tracking import tracker as tracker_module
from facetrack.tracking.reidentification import Reidentifier
from facetrack.tracking.tracker import FaceTracker


class FakeClock:
    """Clock that the test advances; CPU time is half of wall time."""

    def __init__(self):
        self.at_ms = 0.0

    def __call__(self):
        return Elapsed(self.at_ms / 1000, self.at_ms / 2000)

    def pass_ms(self, ms):
        self.at_ms += ms


def wall_ms(durations):
    return {stage: round(1000 * value.wall_s, 6) for stage, value in durations.items()}


def test_all_time_counts_for_the_innermost_stage():
    clock = FakeClock()
    timer = StageTimer(clock)
    inner = timer.timed("crop", lambda: clock.pass_ms(2))

    def landmarks():
        clock.pass_ms(1)
        inner()
        inner()
        clock.pass_ms(4)

    outer = timer.timed("landmarks", landmarks)
    inner()  # calls outside of a frame are not counted
    timer.begin()
    clock.pass_ms(7)
    outer()
    clock.pass_ms(3)
    durations = timer.end()
    assert wall_ms(durations) == {REST: 10, "landmarks": 5, "crop": 4}
    assert durations["landmarks"].cpu_s == pytest.approx(0.0025)


def test_a_stage_that_raises_is_counted_and_left():
    clock = FakeClock()
    timer = StageTimer(clock)

    def fails():
        clock.pass_ms(2)
        raise ZeroDivisionError

    timer.begin()
    with pytest.raises(ZeroDivisionError):
        timer.timed("pose", fails)()
    clock.pass_ms(1)
    assert wall_ms(timer.end()) == {REST: 1, "pose": 2}


class Slow:
    """Wrapper of a callable that advances the clock by `ms` per call."""

    def __init__(self, part, clock, ms):
        self.part, self.clock, self.ms, self.calls = part, clock, ms, 0

    def __getattr__(self, name):
        return getattr(self.part, name)

    def __call__(self, *args, **options):
        self.calls += 1
        self.clock.pass_ms(self.ms)
        return self.part(*args, **options)


@pytest.fixture(scope="module")
def images():
    return frames.render_frames(count=6)


@pytest.mark.net
def test_the_trackers_parts_count_for_their_stages_and_are_restored(images, monkeypatch):
    clock = FakeClock()
    tracker = FaceTracker.from_weights()
    detector = tracker.detector = Slow(tracker.detector, clock, 50)
    network = tracker.landmarker.engine = Slow(tracker.landmarker.engine, clock, 20)
    appearance = tracker._reidentifier._appearance = Slow(tracker._reidentifier._appearance, clock, 6)
    pose = Slow(tracker_module.fused_pose, clock, 3)
    monkeypatch.setattr(tracker_module, "fused_pose", pose)
    monkeypatch.setattr(landmarker_module, "cut", Slow(landmarker_module.cut, clock, 2))
    owners = [
        (Landmarker, "__call__"),
        (track_module, "smooth_together"),
        (FaceSignals, "update"),
        (Reidentifier, "update"),
    ]
    before = [vars(owner)[name] for owner, name in owners]
    timer, total = StageTimer(clock), {}
    with timed_stages(tracker, timer):
        for frame in frames.loop_frames(images, 0, 6):
            timer.begin()
            tracker.update(frame)
            for stage, ms in wall_ms(timer.end()).items():
                total[stage] = total.get(stage, 0) + ms
    assert [vars(owner)[name] for owner, name in owners] == before
    assert tracker.detector is detector
    assert detector.calls >= 1 and network.calls >= 6 and pose.calls >= 4 and appearance.calls >= 1  # noqa: PT018
    # One face: one crop in each batch.
    expected = {"detect": 50 * detector.calls, "landmarks": 20 * network.calls, "crop": 2 * network.calls}
    expected |= {"pose": 3 * pose.calls, "identity": 6 * appearance.calls}
    expected |= {"smoothing": 0, "signals": 0, "scene cut": 0, REST: 0}
    assert total == expected
    assert sum(total.values()) == clock.at_ms


def test_percentiles_by_hand():
    # 1..5: ranks 0..4, so 95 % is rank 3.8 and 99 % rank 3.96.
    percentiles = Percentiles.of([5, 1, 4, 2, 3])
    assert (percentiles.p50, percentiles.p95, percentiles.p99) == pytest.approx((3, 4.8, 4.96))


def test_figures_by_hand():
    whole = [Elapsed(0.004, 0.002), Elapsed(0.006, 0.003), Elapsed(0.010, 0.007)]
    staged = [{"detect": Elapsed(0.008, 0.006), REST: Elapsed(0.001, 0.001)}] + [{REST: Elapsed(0.003, 0.001)}] * 2
    figures = method_figures("own", whole, [1, 1, 0], staged)
    assert figures.frames == 3
    assert figures.faces == pytest.approx(2 / 3)
    assert (figures.wall_ms.p50, figures.cpu_ms.p50) == pytest.approx((6, 3))
    assert figures.frames_per_s == pytest.approx(3 / 0.020)
    assert figures.cpu_per_wall == pytest.approx(12 / 20)
    detect, rest = figures.stages
    assert (detect.stage, rest.stage) == ("detect", REST)
    assert detect.frames_share == pytest.approx(1 / 3)
    assert (detect.wall_ms.p50, detect.mean_cpu_ms) == pytest.approx((8, 2))
    assert rest.mean_cpu_ms == pytest.approx(1)


def test_methods_are_interleaved_on_the_same_frames():
    clock, calls = FakeClock(), []

    def step(name, ms):
        def run(frame):
            calls.append((name, frame.index))
            clock.pass_ms(ms)
            return [None] * ms

        return run

    images = [np.full((2, 2, 3), n, np.uint8) for n in range(3)]
    fast, slow = interleave(
        [BenchMethod("fast", step("fast", 2), images), BenchMethod("slow", step("slow", 4), images)], 50, clock
    )
    turns = [name for n, (name, _) in enumerate(calls) if n == 0 or calls[n - 1][0] != name]
    assert turns == ["fast", "slow"] * 4  # the warm-up, then 20, 20 and 10 frames
    for name in ("fast", "slow"):
        assert [index for method, index in calls if method == name] == list(range(WARM_UP + 50))
    assert fast.frames == slow.frames == 50
    assert ROUND < 50
    assert (fast.cpu_ms.p50, slow.cpu_ms.p99, slow.wall_ms.p50) == pytest.approx((1, 2, 4))
    assert (fast.faces, slow.faces) == (2, 4)


def test_frames_are_played_forward_and_backward():
    images = [np.full((1, 1, 3), n, np.uint8) for n in range(3)]
    values = [int(frame.image[0, 0, 0]) for frame in frames.loop_frames(images, 0, 9)]
    assert values == [0, 1, 2, 1, 0, 1, 2, 1, 0]
    later = list(frames.loop_frames(images, 5, 2, fps=10))
    assert [(int(f.image[0, 0, 0]), f.time_s, f.index) for f in later] == [(1, 0.5, 5), (2, 0.6, 6)]
    assert len(list(frames.loop_frames(images[:1], 0, 3))) == 3


class SleepClock:
    def __init__(self):
        self.at_s = 100.0

    def __call__(self):
        return self.at_s

    def sleep(self, seconds):
        self.at_s += seconds


def test_a_simulated_camera_stamps_when_a_frame_was_due():
    clock = SleepClock()
    grabber = session.PacedGrabber(lambda n: np.full((1, 1, 3), n, np.uint8), 10.0, clock, clock.sleep)
    assert grabber.read()[1] == pytest.approx(100.0)
    assert grabber.read()[1] == clock.at_s == pytest.approx(100.1)
    clock.at_s += 0.35  # the thread was suspended: three frames are overdue
    times_s = [grabber.read()[1] for _ in range(4)]
    assert times_s == pytest.approx([100.2, 100.3, 100.4, 100.5])
    assert clock.at_s == pytest.approx(100.5)


@pytest.mark.net
def test_the_live_session_counts_what_its_camera_grabbed(images, tmp_path):
    file = tmp_path / "frames.raw"
    file.write_bytes(b"".join(image.tobytes() for image in images))
    read = session.RawImageFile(file, *images[0].shape[:2])
    order = [0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0]
    assert all(np.array_equal(read(n), images[k]) for n, k in enumerate(order))
    figures = session.run(session.SessionTask(1.0, str(file), *images[0].shape[:2]))
    assert figures.fps == 30
    assert figures.grabbed == figures.followed + figures.dropped
    assert 1 <= figures.followed <= figures.grabbed
    median, p95, maximum = figures.age_frames
    assert 0 < median <= p95 <= maximum
    assert 0 < figures.cpu_per_wall < 4
    assert figures.peak_mb is None or figures.peak_mb > 30


def test_the_parts_of_a_run_have_their_own_figures():
    """Two parts of a run at 10 fps: ages of 1, 2 and 3 frames in the first, 5 in the second; none in a third."""
    times = [(0.0, 1.0, 0, 100.0), (10.0, 3.0, 3, 120.0), (20.0, 8.0, 4, None), (30.0, 8.0, 4, 1.0)]
    marks = [Mark(Elapsed(wall_s, cpu_s), results, mb) for wall_s, cpu_s, results, mb in times]
    first, second = part_figures(marks, [100.0, 300.0, 200.0, 500.0], 10.0)
    assert (first.until_s, first.cpu_per_wall, first.memory_mb) == pytest.approx((10.0, 0.2, 120.0))
    assert first.age_frames == pytest.approx((2.0, 2.98, 3.0))
    assert (second.until_s, second.cpu_per_wall, second.memory_mb) == (20.0, 0.5, None)
    assert second.age_frames == pytest.approx((5.0, 5.0, 5.0))


def test_a_long_run_is_marked_at_the_ends_of_its_parts(monkeypatch):
    class Loop:
        latency_ms = 1.0, 2.0

    monkeypatch.setattr(course_module, "SHORTEST_S", 0.05)
    with Course(Loop(), 0.06) as course:
        for _ in range(500):  # five seconds at most
            if len(course.marks) == course_module.PARTS:
                break
            time.sleep(0.01)
    steps = np.diff([mark.at.wall_s for mark in course.marks])
    assert len(steps) == course_module.PARTS
    assert all(steps[:-1] > 0)
    assert course.marks[0].memory_mb is None or course.marks[0].memory_mb <= peak_mb()
    with Course(Loop(), 0.04) as course:
        pass
    assert course.marks == [], "a short session has no parts"


def test_a_given_grabber_is_read_and_closed():
    closed = []
    grabber = session.PacedGrabber(lambda n: np.zeros((4, 6, 3), np.uint8), 1000.0)
    grabber.close = lambda: closed.append(True)
    with Camera("simulated camera", grabber=grabber) as camera:
        assert (camera.size, camera.fps) == ((6, 4), 1000.0)
        assert next(iter(camera)).index >= 0
    assert closed


def test_burners_are_stopped():
    with session.cpu_load(2, 30.0):
        pass  # the exit waits for the processes' end, 30 s if they were not stopped


def test_a_live_session_that_fails_reports_the_reason(tmp_path):
    file = tmp_path / "frames.raw"
    file.write_bytes(bytes(12))
    with pytest.raises(FacetrackError, match="no such model file"):
        session.run_in_process(session.SessionTask(1.0, str(file), 2, 2, model=str(tmp_path / "none.onnx")))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system does not report a process's memory")
def test_peak_memory_grows_with_what_is_allocated():
    before = peak_mb()
    allocated = np.ones(256 * 2**17)  # 256 MB, written, so that the pages are resident
    assert peak_mb() - before > 150 or peak_mb() > 256 + 60
    del allocated


def method(name, cpu_ms, stages=()):
    percentiles = Percentiles(cpu_ms, 2 * cpu_ms, 3 * cpu_ms)
    return MethodFigures(name, 100, 1.0, percentiles, percentiles, 1000 / cpu_ms, 1.0, stages)


@pytest.fixture
def measured():
    staged = [{"detect": Elapsed(0.005, 0.004), REST: Elapsed(0.001, 0.001)}]
    own = method_figures("onnx, 1 thread", [Elapsed(0.006, 0.003)], [1], staged)
    baseline = method("baseline", 12.0)
    machine = report.Machine("a processor", "Linux", "3.11", 2, 0.5)
    parts = (PartFigures(600.0, (0.2, 0.5, 1.8), 0.12, 139.0),)
    live = LiveFigures(2, 30.0, 300, 290, 10, (0.2, 0.9, 1.8), 0.12, 140.0, parts)
    sizes = (method("640x480", 2.0), method("1920x1080", 3.0))
    methods = (own, baseline)
    return report.Bench("facetrack bench", machine, "synthetic clip", (640, 480), methods, baseline, sizes, (live,))


def test_json_has_every_figure_and_the_ratios(measured, tmp_path):
    report.save(measured, tmp_path)
    values = json.loads((tmp_path / "figures.json").read_text())
    assert set(values) == {"command", "machine", "source", "size", "methods", "reference", "sizes", "live"}
    assert values["reference"] == "baseline"
    own, baseline = values["methods"]
    assert (own["ratio"], baseline["ratio"]) == pytest.approx((0.25, 1))
    assert own["cpu_ms"] == pytest.approx({"p50": 3, "p95": 3, "p99": 3})
    assert own["stages"][0]["stage"] == "detect"
    assert own["stages"][0]["mean_cpu_ms"] == pytest.approx(4)
    assert [size["ratio"] for size in values["sizes"]] == pytest.approx([1, 1.5])
    assert values["live"][0]["dropped"] == 10
    assert values["live"][0]["age_frames"] == [0.2, 0.9, 1.8]
    assert values["live"][0]["parts"][0]["age_frames"] == [0.2, 0.5, 1.8]
    assert values["machine"]["load"] == 0.5


def test_a_long_session_is_printed_part_by_part(measured, capsys):
    command.show(Console(width=160), measured)
    printed = capsys.readouterr().out
    assert "10.0 min" in printed
    assert "0.20 / 0.50 / 1.80" in printed


def test_without_matplotlib_there_is_no_chart(measured, tmp_path, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    command.save(Console(width=200), measured, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures.json"]
    assert "no stages.png" in capsys.readouterr().out


@pytest.mark.net
def test_the_command_prints_tables_and_writes_figures_and_chart(images, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(frames, "MAX_FRAMES", 4)
    monkeypatch.setattr(command, "read_frames", lambda source, camera: (images, "synthetic clip"))
    arguments = ["bench", "--frames", "20", "--live-seconds", "0", "--sizes", "96x64", "--out", str(tmp_path / "made")]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "140"})
    assert done.exit_code == 0, done.output
    for stage in ("detect", "landmarks", "smoothing", "pose", "signals", "identity", REST, "96x64"):
        assert stage in done.output
    values = json.loads((tmp_path / "made" / "figures.json").read_text())
    assert values["size"] == [640, 480]
    assert values["methods"][0]["frames"] == 20
    means = sum(stage["mean_cpu_ms"] for stage in values["methods"][0]["stages"])
    assert means > 0
    assert (tmp_path / "made" / "stages.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("text", ["0", "", "a", "1,,2", "1.5", "-1"])
def test_threads_that_are_none(text):
    with pytest.raises(FacetrackError, match="--threads"):
        command.parse_threads(text)


@pytest.mark.parametrize("text", ["640", "640x", "10x10", "axb", "640x480x3", "90000x480"])
def test_sizes_that_are_none(text):
    with pytest.raises(FacetrackError, match="--sizes"):
        command.parse_sizes(text)


def test_lists_of_threads_and_sizes():
    assert command.parse_threads("1,2") == [1, 2]
    assert command.parse_sizes("640x480, 1920x1080") == [(640, 480), (1920, 1080)]
    assert command.parse_sizes("") == []


def test_invalid_options_are_reported(tmp_path, images):
    with pytest.raises(FacetrackError, match="leave one out"):
        command.read_frames(tmp_path, "0")
    with pytest.raises(FacetrackError, match="--peer is 'x'"):
        command.baseline_method("x", None, images, None)
    with pytest.raises(FacetrackError, match="--peer-model"):
        command.baseline_method("mediapipe", None, images, None)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="--out"):
        command.make_folder(tmp_path / "file" / "below")
