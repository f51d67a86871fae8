"""`facetrack info`: versions, engine, weights and their model cards."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "facetrack",
    "numpy",
    "opencv-python",
    "av",
    "onnxruntime",
    "torch",
    "torch-tensorrt",
    "openvino",
    "mediapipe",
)


def info() -> None:
    """Show package versions, and of each bundled network its kind, training data, terms of use and metrics."""
    from rich.console import Console
    from rich.table import Table

    from facetrack.modelfile import bundled, weights_folder

    console = Console()
    versions = Table("package", "version", title="versions")
    versions.add_row("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in PACKAGES:
        versions.add_row(name, _version(name))
    console.print(versions)
    console.print("engine: ONNX Runtime, one thread, no spinning; TensorRT or OpenVINO if available and faster\n")
    console.print(f"weights in {weights_folder()}")
    for path in bundled():
        _show(console, path)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _show(console: object, path: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from facetrack.engine.onnx import OnnxEngine

    assert isinstance(console, Console)
    spec = OnnxEngine(path).spec
    table = Table(title=f"{path.name} ({path.stat().st_size / 1e6:.1f} MB)", show_header=False, title_justify="left")
    table.add_row("kind", spec.kind)
    table.add_row(
        "input", f"{spec.input_px or 'any'} px" + (f", multiples of {spec.stride}" if spec.stride > 1 else "")
    )
    table.add_row("trained on", "\n".join(spec.data))
    table.add_row("terms", spec.terms)
    table.add_row("metrics", "\n".join(f"{name}: {value:g}" for name, value in spec.metrics.items()))
    table.add_row("reproduce", spec.reproduce)
    card = path.with_suffix(".md")
    table.add_row("card", str(card) if card.exists() else "none")
    console.print(table)
