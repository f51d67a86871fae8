"""`facetrack export`: a network for another runtime or precision, with a parity check against torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from facetrack.cli.console import print_table
from facetrack.cli.options import Overwrite
from facetrack.errors import FacetrackError
from facetrack.sinks.inputs import refuse_existing, refuse_inputs
from facetrain.evaluation.landmarks.network import model_path, title_of
from facetrain.export import deploy
from facetrain.export.deploy import Exported


def export(
    network: Annotated[Path, typer.Argument(help="A network (.onnx) or a run folder that holds model.onnx.")],
    engine: Annotated[str, typer.Option(help="The runtime: onnx, openvino, torch or tensorrt.")],
    precision: Annotated[
        str, typer.Option(help="fp32, fp16 (convolutions in half precision) or int8 (onnx only).")
    ] = "fp32",
    batch: Annotated[str, typer.Option(help="Batch sizes to time; TensorRT builds a program for each.")] = "1,2,4,8",
    data: Annotated[
        Path | None, typer.Option(help="Labelled faces for the comparison; by default the bundled photograph.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The file; by default NETWORK-PRECISION with the engine's suffix in the current folder."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Export a network for one engine, if it equals torch.

    Nothing is written unless the outputs agree within .001 px in fp32, .1 px in fp16, .1 % of the eye distance on
    --data in int8. The differences are stored in the file; latency is printed next to ONNX Runtime's. TensorRT's
    programs run on this GPU only and go into your cache, where --engine tensorrt finds them. Needs the extra `train`.
    """

    sizes = _sizes(batch)
    deploy.check(engine, precision, data)
    if engine == "tensorrt" and out is not None:
        raise FacetrackError("--out is not for tensorrt: its programs run on this GPU only and go into your cache")
    path = out or Path(f"{title_of(network)}-{precision}{deploy.SUFFIX.get(engine, '')}")
    refuse_inputs((path,), (model_path(network), data))
    beside = [path.with_suffix(".bin")] if engine == "openvino" else []
    refuse_existing(beside if out is not None else [path, *beside], overwrite)
    _print(deploy.export(model_path(network), engine, precision, sizes, data, path), engine)


def _sizes(batch: str) -> tuple[int, ...]:
    words = batch.split(",")
    if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise FacetrackError(f"--batch is '{batch}'; expected whole numbers such as 1,2,4,8")
    return tuple(sorted({int(word) for word in words}))


def _print(exported: Exported, engine: str) -> None:
    """Print the differences from torch and the latencies."""
    console = Console()
    for name, value in exported.spec.parity.items():
        console.print(f"{name}: {value:g}", highlight=False)
    rows = []
    for size, medians_ms in exported.latency_ms.items():
        ours, reference = medians_ms[engine], medians_ms["ONNX Runtime"]
        rows.append([str(size), f"{ours:.2f}", f"{reference:.2f}", f"{ours / reference:.2f}"])
    head = ("batch", f"{engine}, ms", "ONNX Runtime, ms", "ratio")
    print_table(console, "latency, interleaved medians, one thread", head, rows)
    where = f"wrote {exported.path}" if exported.path else "stored in the cache for --engine tensorrt"
    console.print(where, highlight=False)
