"""`facetrack info`: what a bug report needs; with --networks the bundled networks and their terms."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

PACKAGES = (
    "numpy",
    "opencv-python",
    "opencv-contrib-python",
    "av",
    "onnxruntime",
    "openvino",
    "torch",
    "torch-tensorrt",
    "mediapipe",
)

REMARKS = {"landmarks68-free": "weak: only for where the data terms of the others forbid them"}
"""What must be known of a network before it is chosen by its name alone."""


def info(
    networks: Annotated[
        bool, typer.Option("--networks", help="Describe the bundled networks: data, terms, figures.")
    ] = False,
) -> None:
    """Show what a bug report needs: versions, machine, networks by their hashes, and settings of the environment.

    With --networks, of each bundled network its kind, training data, terms of use and figures.
    """
    from rich.console import Console

    from facetrack.modelfile import bundled

    console = Console(highlight=False, soft_wrap=True)
    if networks:
        for path in bundled():
            _show(console, path)
        return
    for name, value in _facts():
        console.print(f"{name:<12}{value}", markup=False)
    console.print("\n--networks: training data, terms and figures of each · facetrack doctor: what works here")


def _facts() -> list[tuple[str, str]]:
    """Return names and values of what a bug report needs; no user names and no paths but that of the package."""
    from facetrack import __version__, compiled
    from facetrack.engine.cache import cpu_name
    from facetrack.modelfile import bundled

    installed = [f"{name} {version}" for name in PACKAGES if (version := _version(name))]
    missing = [name for name in PACKAGES if not _version(name) and name != "opencv-contrib-python"]
    settings = [f"{name}={value}" for name, value in sorted(os.environ.items()) if _is_setting(name)]
    return [
        ("facetrack", __version__),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("processor", f"{cpu_name()}, {os.cpu_count()} threads"),
        ("packages", ", ".join(installed)),
        ("missing", ", ".join(missing) or "none"),
        ("arithmetic", compiled.description),
        ("networks", ", ".join(f"{path.stem} {_hash(path)}{_remark(path)}" for path in bundled())),
        ("settings", ", ".join(settings) or "none"),
    ]


def _remark(path: Path) -> str:
    remark = REMARKS.get(path.stem, "")
    return f" ({remark})" if remark else ""


def _is_setting(name: str) -> bool:
    """Return whether a variable of the environment changes what facetrack does and holds no secret (as MQTT's may)."""
    return (name.startswith("FACETRACK_") and "MQTT" not in name) or name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


def _hash(path: Path) -> str:
    from hashlib import sha256

    from facetrack.loops.run_header import HASH_DIGITS

    return sha256(path.read_bytes()).hexdigest()[:HASH_DIGITS]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _show(console: Console, path: Path) -> None:
    from rich.table import Table

    from facetrack.cli.console import show_table
    from facetrack.engine.onnx import OnnxEngine

    spec = OnnxEngine(path).spec
    title = f"{path.name}, {path.stat().st_size / 1e6:.1f} MB{_remark(path)}"
    table = Table(title=title, show_header=False, title_justify="left")
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
    show_table(console, table)
