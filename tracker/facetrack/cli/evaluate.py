"""`facetrack eval`: measure a network on labelled faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from facetrack.cli.train import need_training


def evaluate(
    model: Annotated[Path, typer.Argument(help="A landmark network (.onnx), or the run folder that holds model.onnx.")],
    data: Annotated[Path, typer.Option(help="A labelled pack by its path, such as data/helen_test.")],
    boxes: Annotated[str, typer.Option(help="Where to look: detector (the bundled one) or truth.")] = "detector",
    out: Annotated[
        Path | None, typer.Option(help="Folder for figures.json and pictures: ced, worst, median, box_jitter.")
    ] = None,
) -> None:
    """Measure a landmark network: NME, failure rate, AUC, per region, uncertainty and time."""
    need_training()
    from rich.console import Console
    from rich.table import Table

    from facetrack.engine.onnx import OnnxEngine
    from facetrack.errors import FacetrackError
    from facetrack.landmarker import Landmarker
    from facetrack.tracker import bundled_detector
    from facetrain import diagnostics
    from facetrain import evaluate as evaluation

    if boxes not in ("detector", "truth"):
        raise FacetrackError(f"--boxes is '{boxes}'; expected detector or truth")
    landmarker = Landmarker(OnnxEngine(model / "model.onnx" if model.is_dir() else model))
    samples = evaluation.read_labelled(data)
    measured = evaluation.measure(landmarker, bundled_detector() if boxes == "detector" else None, samples)
    figures = evaluation.figures(measured)
    figures["ms_per_crop"] = evaluation.milliseconds_per_crop(landmarker, samples[0])
    table = Table("figure", "value", title=f"{model.name} on {data.name}, boxes: {boxes}")
    for name, value in figures.items():
        table.add_row(name, f"{value:.3f}" if value % 1 else f"{value:.0f}")
    Console().print(table)
    if out is not None:
        evaluation.save_pictures(measured, out, model.stem)
        diagnostics.save_box_jitter({model.stem: diagnostics.box_jitter(landmarker, samples)}, out / "box_jitter.png")
        (out / "figures.json").write_text(json.dumps({**figures, "missed_names": measured.missed}, indent=2) + "\n")
