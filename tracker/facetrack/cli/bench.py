"""`facetrack bench`: duration of the tracker's stages on this machine, and age of the results in the live loop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.console import print_table, progress_bar
from facetrack.cli.options import Overwrite, Tracking, takes_tracking
from facetrack.errors import FacetrackError, MissingExtraError, OutputError
from facetrack.sinks.inputs import check_outputs
from facetrack.types.address import typed_command, without_password

if TYPE_CHECKING:
    from rich.console import Console

    from facetrack.bench.figures import LiveFigures, MethodFigures
    from facetrack.bench.race import BenchMethod
    from facetrack.bench.report import Bench
    from facetrack.types import Image

BASELINES = ("mediapipe",)
SIZE_FRAMES = 8
"""Frames rendered of each size: a 4K frame is 25 MB."""


@takes_tracking("model", "detector", "detector_model", "max_faces", "provider")
def bench(
    tracking: Tracking,
    source: Annotated[
        Path | None, typer.Argument(help="A video or a folder of images; by default a synthetic clip.")
    ] = None,
    camera: Annotated[str | None, typer.Option(help="A camera or a stream's URL instead, as for `live`.")] = None,
    engine: Annotated[str, typer.Option(help="onnx, openvino, torch, tensorrt; or all installed ones.")] = "onnx",
    threads: Annotated[str, typer.Option(help="CPU threads of the networks; several as 1,2.")] = "1",
    peer: Annotated[str | None, typer.Option(help="Baseline to compare with: mediapipe (its FaceLandmarker).")] = None,
    peer_model: Annotated[Path | None, typer.Option(help="MediaPipe's face_landmarker.task.")] = None,
    frames: Annotated[int, typer.Option(min=20, help="Timed frames of each method.")] = 600,
    sizes: Annotated[
        str, typer.Option(help="Also synthetic frames of these sizes, such as 426x240,640x480,1920x1080,3840x2160.")
    ] = "",
    live_seconds: Annotated[
        float, typer.Option(min=0, help="Duration of each live session, also in sixths from 60 s on; 0 for none.")
    ] = 10.0,
    load: Annotated[
        int | None,
        typer.Option(min=0, help="Cores kept busy by other processes in a second live session; 0 for none. [all]"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for figures.json and stages.png.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Time the tracker's stages and whole frames, and measure latency and dropped frames of the live loop.

    Durations are wall and CPU time as median, 95 % and 99 %; also frames per second and peak memory. The loop of `live`
    runs at 30 fps, without other load and with it. Frames are held in memory: decoding and drawing are not measured.
    For 1 to 16 faces see `facetrack eval crowd`.
    """
    from rich.console import Console

    from facetrack.bench import report

    thread_counts, frame_sizes = parse_threads(threads), parse_sizes(sizes)
    if out is not None:
        make_folder(out)
        check_outputs(unnamed=[out / name for name in ("figures.json", "stages.png")], overwrite=overwrite)
    machine = report.this_machine()
    images, name = read_frames(source, camera)
    console = Console()
    with ExitStack() as stack:
        methods = own_methods(tracking, engine, thread_counts, images)
        if peer is not None:
            methods.append(baseline_method(peer, peer_model, images, stack))
        figures = run_interleaved(methods, frames, "timing")
    first = replace(tracking, engine="onnx" if engine == "all" else engine, threads=thread_counts[0])
    sized = run_interleaved(size_methods(frame_sizes, first), frames, "sizes") if sizes else []
    live = live_sessions(images, camera, first, live_seconds, load)
    size = (images[0].shape[1], images[0].shape[0])
    reference = figures[-1] if peer is not None else figures[0]
    result = report.Bench(typed_command(), machine, name, size, tuple(figures), reference, tuple(sized), tuple(live))
    show(console, result)
    if out is not None:
        save(console, result, out)


def parse_threads(text: str) -> list[int]:
    """Parse "1,2" to [1, 2]. Raises FacetrackError for anything else."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise FacetrackError(f"--threads is '{text}'; expected whole numbers from 1, such as 1 or 1,2")
    return [int(part) for part in parts]


def parse_sizes(text: str) -> list[tuple[int, int]]:
    """Parse "640x480,1920x1080" to (width, height) each. Raises FacetrackError for anything else."""
    sizes = []
    for part in filter(None, text.split(",")):
        width, _, height = part.strip().partition("x")
        if not all(side.isdecimal() and 64 <= int(side) <= 8192 for side in (width, height)):
            raise FacetrackError(f"--sizes has '{part}'; expected WIDTHxHEIGHT of 64 to 8192 px, such as 640x480")
        sizes.append((int(width), int(height)))
    return sizes


def make_folder(folder: Path) -> None:
    """Create the output folder before the measurement, so that a bad path fails early. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be created ({error.strerror}); choose another folder for --out") from error


def read_frames(source: Path | None, camera: str | None) -> tuple[list[Image], str]:
    """Return the images to run on, and the name of their source. Raises SourceError."""
    from facetrack.bench import frames
    from facetrack.capture import open_source, open_video

    if source is not None and camera is not None:
        raise FacetrackError(
            f"both {source} and --camera {without_password(camera)} are given; expected one of them: leave one out"
        )
    if camera is not None:
        with open_source(camera) as live:
            return frames.load_frames(live), "camera"
    if source is not None:
        with open_video(source) as clip:
            return frames.load_frames(clip), source.name
    return frames.render_frames(), "synthetic clip"


def own_methods(tracking: Tracking, engine: str, threads: Sequence[int], images: list[Image]) -> list[BenchMethod]:
    """Return the tracker with each engine and number of threads.

    Raises FacetrackError; for `all`, engines that are not installed are skipped with a message instead.
    """
    from facetrack.engine.choice import ENGINES

    if engine != "all":
        return [own_method(replace(tracking, engine=engine, threads=count), images) for count in threads]
    methods = []
    for name in ENGINES:
        try:
            methods += [own_method(replace(tracking, engine=name, threads=count), images) for count in threads]
        except MissingExtraError as error:
            typer.echo(f"{name} is skipped: {error}", err=True)
    return methods


def own_method(tracking: Tracking, images: list[Image], name: str | None = None, staged: bool = True) -> BenchMethod:
    """Return the tracker with one engine.

    name: by default the engine and the number of threads.
    staged: whether to time the stages, too, on a second tracker.
    """
    from facetrack.bench.race import BenchMethod

    tracker, staged_tracker, threads = tracking.tracker(), tracking.tracker(), tracking.threads
    name = name or f"{tracking.engine}, {threads} thread{'s' if threads > 1 else ''}"
    return BenchMethod(name, tracker.update, images, staged_tracker if staged else None, threads)


def baseline_method(name: str, model: Path | None, images: list[Image], stack: ExitStack) -> BenchMethod:
    """Return MediaPipe's FaceLandmarker in video mode with one face, as it does not smooth several.

    Its time includes the conversion from BGR to RGB and reading its points.
    """
    from facetrack.bench.race import BenchMethod

    if name not in BASELINES:
        raise FacetrackError(f"--peer is '{name}'; expected {', '.join(BASELINES)}")
    if model is None:
        raise FacetrackError("--peer mediapipe needs its network; give --peer-model the path of face_landmarker.task")
    from facetrack.detector.mediapipe_mesh import MediaPipeMesh

    mesh = stack.enter_context(MediaPipeMesh(model, max_faces=1, video=True))
    return BenchMethod(f"{mesh.title}, video mode", lambda frame: mesh(frame.image, frame.time_s), images)


def size_methods(sizes: Sequence[tuple[int, int]], tracking: Tracking) -> list[BenchMethod]:
    """Return the tracker on the synthetic clip in each size; the face's size is in proportion to the frame's width."""
    from facetrack.bench.frames import render_frames

    return [
        own_method(tracking, render_frames(size, SIZE_FRAMES), f"{size[0]}x{size[1]}", staged=False) for size in sizes
    ]


def run_interleaved(methods: Sequence[BenchMethod], frames: int, title: str) -> list[MethodFigures]:
    """Time the methods with a progress bar on standard error.

    The bar is drawn between the rounds: a thread that draws it would count as the process's CPU time.
    """
    from rich.console import Console

    from facetrack.bench.race import interleave

    progress = progress_bar(Console(stderr=True))
    progress.live.auto_refresh = False
    with progress:
        bar = progress.add_task(title, total=frames)
        return interleave(methods, frames, progress=lambda done: progress.update(bar, advance=done, refresh=True))


def live_sessions(
    images: list[Image], camera: str | None, tracking: Tracking, seconds: float, load: int | None
) -> list[LiveFigures]:
    """Run the live loop without other load, then with `load` busy cores (None: all cores)."""
    if seconds == 0:
        return []
    import tempfile

    from rich.console import Console

    from facetrack.bench.session import SessionTask, run_in_process
    from facetrack.engine.halves import available_cores

    burners = available_cores() if load is None else load
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("live at 30 fps"):
        file = Path(folder) / "frames.raw"
        with file.open("wb") as stream:
            for image in images:
                stream.write(image.tobytes())
        height, width = images[0].shape[:2]
        task = SessionTask(
            seconds, str(file), height, width, camera or "", str(tracking.model or ""), tracking.engine,
            tracking.threads, detector=tracking.detector, detector_model=str(tracking.detector_model or ""),
            max_faces=tracking.max_faces, provider=tracking.provider,
        )  # fmt: skip
        return [run_in_process(replace(task, burners=n)) for n in ((0, burners) if burners else (0,))]


def show(console: Console, bench: Bench) -> None:
    """Print all tables."""
    from facetrack.bench import report

    machine = bench.machine
    where = f"{bench.source}, {bench.size[0]}x{bench.size[1]}; {machine.processor}, {machine.cores} cores"
    load = "" if machine.load is None else f", load average before {machine.load:.1f}"
    console.print(where + load, highlight=False)
    rows = report.method_rows(bench.methods, bench.reference)
    print_table(console, f"whole frames; ratio of median CPU time to {bench.reference.name}", report.METHOD_HEAD, rows)
    for method in bench.methods:
        if method.stages:
            print_table(console, f"stages, {method.name}", report.STAGE_HEAD, report.stage_rows(method))
    if bench.sizes:
        rows = report.method_rows(bench.sizes, bench.sizes[0])
        print_table(console, f"frame sizes; ratio to {bench.sizes[0].name}", report.METHOD_HEAD, rows)
    if bench.live:
        title = f"live loop at {bench.live[0].fps:g} fps; age of results since capture"
        print_table(console, title, report.LIVE_HEAD, report.live_rows(bench.live))
    for live in bench.live:
        if live.parts:
            print_table(
                console, f"over time; other load: {live.burners or 'none'}", report.PART_HEAD, report.part_rows(live)
            )


def save(console: Console, bench: Bench, folder: Path) -> None:
    """Write figures.json, and stages.png if matplotlib is installed."""
    from facetrack.bench import report
    from facetrack.bench.picture import draw

    report.save(bench, folder)
    written = "figures.json"
    try:
        draw(bench, folder / "stages.png")
        written += " and stages.png"
    except ImportError as error:
        console.print(f"no stages.png: it needs {error.name}; python -m pip install 'facetrack[train]'", markup=False)
    console.print(f"wrote {written} to {folder}", highlight=False)
