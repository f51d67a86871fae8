"""`facetrack eval gates`: fit and measurement of what the tracker takes for a face."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Annotated

import typer

from facetrack.detector.cnn import bundled_detector
from facetrack.engine.onnx import OnnxEngine
from facetrack.landmarker import Landmarker
from facetrack.tracking.confidence import DEFAULT, Confidence
from facetrain.evaluation.gates import cases, fit
from facetrain.evaluation.gates.report import report
from facetrain.evaluation.landmarks.network import model_path, title_of
from facetrain.export.metadata import rewrite_spec
from facetrain.formats.zips import read_zip_images
from facetrain.reporting.progress import with_progress
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.render import Renderer

BACKGROUNDS = 40

Model = Annotated[Path, typer.Argument(help="A landmark network (.onnx) or a run's folder.")]
Data = Annotated[Path, typer.Option(help="Folder of the packs, pointing04 and no_faces.")]
Head = Annotated[Path | None, typer.Option(help="A morphable head (.npz): adds rendered heads, also from behind.")]
Write = Annotated[bool, typer.Option("--write", help="Store the fitted gates in the network's file.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md and figures.json.")]


def gates(model: Model, data: Data, head_model: Head = None, write: Write = False, out: Out = None) -> None:
    """Fit the tracker's gates to a landmark network and measure them beside those in its file.

    Held-out faces from profile to profile, also dark, masked, covered and small, against pictures without a face. Half
    of them are fitted to, the other half are measured. Takes some two minutes.
    """
    path = model_path(model)
    landmarker = Landmarker(OnnxEngine(path))
    margin = landmarker.margin
    given = itertools.chain(cases.faces(data, margin), cases.faceless(data, bundled_detector(), margin))
    if head_model is not None:
        photographs = [image for _, image in itertools.islice(read_zip_images(data / "no_faces.zip"), BACKGROUNDS)]
        renderer = Renderer(load_head_model(head_model))
        given = itertools.chain(given, cases.heads(renderer, margin, photographs))
    readings = fit.read(landmarker, with_progress(given, "readings", total=None))
    most_sigma = math.inf if "visibility" in landmarker.spec.outputs else DEFAULT.most_sigma
    fitted = fit.fit(readings, most_sigma)
    models = {"in the file" if landmarker.spec.gates else "default": Confidence.of(landmarker.spec), "fitted": fitted}
    report(readings, models, title_of(model)).output(out)
    if write:
        rewrite_spec(path, gates=fit.stored(fitted))
        typer.echo(f"wrote the gates into {path}")
