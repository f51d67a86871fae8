"""`facetrack export`: a network for another runtime or precision, proven equal to torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from facetrack.errors import FacetrackError
from facetrain.evaluation.landmarks.network import model_path, title_of
from facetrain.export import deploy
from facetrain.export.deploy import Exported


def export(
    network: Annotated[Path, typer.Argument(help="A network (.onnx) or a run folder that holds model.onnx.")],
    engine: Annotated[str, typer.Option(help="What is to run it: onnx, openvino, torch or tensorrt.")],
    precision: Annotated[str, typer.Option(help="fp32, fp16 (convolutions in half) or int8 (onnx only).")] = "fp32",
    batch: Annotated[str, typer.Option(help="Batch sizes to time; TensorRT builds a program for each.")] = "1,2,4,8",
    data: Annotated[
        Path | None, typer.Option(help="Labelled faces to compare on; the bundled photograph without them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file; NETWORK-PRECISION with the engine's ending beside you by default.")
    ] = None,
) -> None:
    """Export a network for one engine. Nothing is written unless it says what torch says: within .001 px in fp32, .1 px
    in fp16, .1 % of the eye distance on --data in int8.

    The report goes into the file; latency is printed beside ONNX Runtime's. TensorRT's programs hold on this GPU alone
    and go into your cache, where --engine tensorrt finds them. Needs the extra `train`.
    """

    sizes = _sizes(batch)
    deploy.check(engine, precision, data)
    if engine == "tensorrt" and out is not None:
        raise FacetrackError(
            "--out is not for tensorrt: its programs go into your cache, as they hold on this GPU alone"
        )
    path = out or Path(f"{title_of(network)}-{precision}{deploy.SUFFIX.get(engine, '')}")
    _print(deploy.export(model_path(network), engine, precision, sizes, data, path), engine)


def _sizes(batch: str) -> tuple[int, ...]:
    words = batch.split(",")
    if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise FacetrackError(f"--batch is '{batch}'; expected whole numbers such as 1,2,4,8")
    return tuple(sorted({int(word) for word in words}))


def _print(done: Exported, engine: str) -> None:

    console = Console()
    for name, value in done.spec.parity.items():
        console.print(f"{name}: {value:g}", highlight=False)
    table = Table("batch", f"{engine}, ms", "ONNX Runtime, ms", "ratio", title="latency, medians in turns, one thread")
    for size, took_ms in done.latency_ms.items():
        ours, usual = took_ms[engine], took_ms["ONNX Runtime"]
        table.add_row(str(size), f"{ours:.2f}", f"{usual:.2f}", f"{ours / usual:.2f}")
    console.print(table)
    console.print(f"wrote {done.path}" if done.path else "kept in the cache for --engine tensorrt", highlight=False)
