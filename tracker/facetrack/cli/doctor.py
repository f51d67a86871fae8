"""`facetrack doctor`: what works here, and how to mend what does not."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import typer

from facetrack.cli.extras import SERVE_PACKAGES
from facetrack.errors import FacetrackError, first_line

OK, OPTIONAL, BROKEN = "ok", "optional", "broken"
EXTRAS = {
    "train": ("torch", "onnx", "onnxscript", "safetensors", "tensorboard", "matplotlib", "motmetrics", "scipy"),
    "mat": ("scipy", "h5py"),
    "pandas": ("pandas",),
    "tfrecord": ("tfrecord",),
    "mediapipe": ("mediapipe",),
    "openvino": ("openvino",),
    "tensorrt": ("torch_tensorrt",),
    "apps": ("paho", "websockets"),
    "lsl": ("pylsl",),
    "virtual-camera": ("pyvirtualcam",),
    "parquet": ("pyarrow",),
    "ray": ("ray",),
    "serve": SERVE_PACKAGES,
}
"""Extra -> the modules that it installs."""
DECODERS = ("h264", "hevc", "mpeg4", "vp9", "av1", "mjpeg")


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check.

    state: ok; optional, if only what needs it is missing; broken, if facetrack cannot work so.
    found: what there is. remedy: what to do about it, empty where nothing is amiss.
    """

    name: str
    state: str
    found: str
    remedy: str = ""


def doctor() -> None:
    """Check camera, display, codecs, engines, GPU, extras, write permissions and telemetry; say how to mend each.

    Exits with 1 if something is broken that facetrack cannot work without.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from facetrack.cli.console import show_table

    console = Console()
    table = Table("", "state", "found", "how to mend it")
    with console.status("checking ..."):
        results = [result for check in CHECKS for result in _run(check)]
    for result in results:
        colour = {OK: "green", OPTIONAL: "yellow", BROKEN: "red"}[result.state]
        table.add_row(result.name, f"[{colour}]{result.state}[/]", escape(result.found), escape(result.remedy))
    show_table(console, table)
    if any(result.state == BROKEN for result in results):
        raise typer.Exit(1)


def _run(check: Callable[[], list[Check]]) -> list[Check]:
    try:
        return check()
    except Exception as error:  # a broken package raises anything; the other checks go on
        name = check.__name__.removeprefix("check_").replace("_", " ")
        return [Check(name, BROKEN, first_line(error), "reinstall: python -m pip install --force-reinstall facetrack")]


def check_camera() -> list[Check]:
    from facetrack.capture import list_devices

    cameras = list_devices()
    if not cameras:
        remedy = "connect one; in a container pass it on (--device /dev/video0). Files and streams need none"
        return [Check("camera", OPTIONAL, "none", remedy)]
    return [
        Check("camera", OPTIONAL, camera.problem, "see the sentence beside")
        if camera.problem
        else Check("camera", OK, f"{camera.name} {camera.label or ''}".strip())
        for camera in cameras
    ]


def check_display() -> list[Check]:
    from facetrack.loops import window

    try:
        window.check_display()
    except FacetrackError as error:
        return [Check("display", OPTIONAL, first_line(error), "run on a desktop, or use `facetrack live --no-window`")]
    return [Check("display", OK, "there is one")]


def check_codecs() -> list[Check]:
    import av

    mend = "python -m pip install --force-reinstall --only-binary av av"
    missing = [name for name in DECODERS if not _has_codec(av, name, "r")]
    decoding = Check("video decoding", OK, f"{', '.join(DECODERS)} by PyAV {av.__version__}")
    if missing:
        decoding = Check("video decoding", OPTIONAL, f"no {', '.join(missing)}", mend)
    encoding = Check("video encoding", OK, "H.264")
    if not _has_codec(av, "libx264", "w"):
        encoding = Check("video encoding", OPTIONAL, "no H.264, so `--out` and `--record` fail", mend)
    return [decoding, encoding]


def _has_codec(av: object, name: str, mode: str) -> bool:
    from av.codec.codec import Codec, UnknownCodecError

    try:
        Codec(name, mode)  # type: ignore[arg-type]
    except UnknownCodecError:
        return False
    return True


def check_engines() -> list[Check]:
    from facetrack.engine.onnx import OnnxEngine, need_onnxruntime
    from facetrack.modelfile import bundled

    networks = [OnnxEngine(path).spec.name for path in bundled()]
    if not networks:
        return [
            Check("engine onnx", BROKEN, "no bundled networks", "reinstall facetrack, or run from a whole checkout")
        ]
    found = f"ONNX Runtime {need_onnxruntime().__version__} runs {', '.join(networks)}"
    return [Check("engine onnx", OK, found)]


def check_gpu() -> list[Check]:
    from facetrack.engine.onnx import need_onnxruntime

    if shutil.which("nvidia-smi") is None:
        return [Check("GPU", OPTIONAL, "no NVIDIA driver", "none is needed; with a GPU install its driver")]
    if "CUDAExecutionProvider" in need_onnxruntime().get_available_providers():
        return [Check("GPU", OK, "NVIDIA driver, and ONNX Runtime for it (--provider cuda)")]
    return [Check("GPU", OPTIONAL, "NVIDIA driver, but ONNX Runtime for the CPU",
                  "python -m pip uninstall onnxruntime; python -m pip install onnxruntime-gpu")]  # fmt: skip


def check_extras() -> list[Check]:
    results = []
    for extra, modules in EXTRAS.items():
        missing = [name for name in modules if find_spec(name) is None]
        remedy = f"python -m pip install 'facetrack[{extra}]'"
        found = Check(f"extra {extra}", OPTIONAL, f"lacks {', '.join(missing)}", remedy)
        results.append(found if missing else Check(f"extra {extra}", OK, ", ".join(modules)))
    return results


def check_write_permissions() -> list[Check]:
    from facetrack.download import cache_folder

    here = _write_check("current folder", Path.cwd(), "change to a folder of your own, or give outputs another path")
    cache = cache_folder()
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    mend = f"make {cache} writable, or set XDG_CACHE_HOME; without it engines are tried and built in every run"
    return [here, _write_check("cache", existing, mend)]


def _write_check(name: str, folder: Path, remedy: str) -> Check:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(name, OPTIONAL, f"{folder} may not be written ({error.strerror})", remedy)
    return Check(name, OK, f"{folder} may be written")


def check_telemetry() -> list[Check]:
    if find_spec("openvino") is None:
        return [Check("telemetry", OK, "none: facetrack sends nothing")]
    from facetrack.engine.openvino import need_openvino

    need_openvino()
    if sys.modules.get("openvino_telemetry") is None:
        return [Check("telemetry", OK, "off: facetrack sends nothing, and OpenVINO's is blocked")]
    return [Check("telemetry", BROKEN, "another package has loaded OpenVINO's", "opt_in_out --opt_out")]


CHECKS = (
    check_camera, check_display, check_codecs, check_engines, check_gpu, check_extras, check_write_permissions,
    check_telemetry,
)  # fmt: skip
