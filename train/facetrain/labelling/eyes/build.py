"""The table of eyes that the eye network is trained on, from all packs that a folder holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from facetrack.engine.onnx import OnnxEngine
from facetrack.modelfile import bundled_path
from facetrack.tracking.build import make_tracker, tracker_options
from facetrain.formats.zips import read_zip_images
from facetrain.labelling.eyes import clips, packs
from facetrain.labelling.eyes.rendered import rendered_eyes
from facetrain.labelling.mesh_map import Mesh
from facetrain.samples.eyes.table import Eye, EyeTable, write_table
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.render import Renderer


@dataclass(frozen=True, slots=True)
class EyeSources:
    """Where the eyes come from.

    data: folder of the packs. labels: folder of their label tables (`facetrack label --teacher ensemble`).
    clips: folder of clips. events: table of their events; None without. frames: tables of their single frames.
    head_model: a morphable head; None without rendered ones. heads: number of rendered heads.
    """

    data: Path
    labels: Path
    clips: Path | None = None
    events: Path | None = None
    frames: tuple[Path, ...] = ()
    head_model: Path | None = None
    heads: int = 600


def build(sources: EyeSources, mesh: Mesh, out: Path, progress: packs.Progress = lambda items: items) -> EyeTable:
    """Label the eyes of all sources and write the table. mesh: MediaPipe's, one face per picture."""
    return write_table(chain.from_iterable(_parts(sources, mesh, progress)), out)


def _parts(sources: EyeSources, mesh: Mesh, progress: packs.Progress) -> Iterator[Iterator[Eye]]:
    data, labels = sources.data, sources.labels
    for name in packs.HAND_LABELLED:
        yield packs.hand_labelled(data, name, mesh, progress)
    if sources.events is not None and sources.clips is not None:
        people = clips.read_people(sources.events, sources.frames)
        tracker = make_tracker(None, tracker_options(max_faces=4), threads=1)
        yield clips.clip_eyes(sources.clips, people, tracker, mesh)
    yield packs.pointing(data, mesh, progress)
    yield packs.scut(data, progress)
    network = OnnxEngine(bundled_path("eyes"))
    for name in packs.SINGLE:
        yield packs.single(data, name, network)
    yield packs.youtube(data, labels, mesh, progress)
    yield packs.turned(data, labels, progress)
    yield packs.expressions(data, labels, progress)
    if sources.head_model is not None:
        renderer = Renderer(load_head_model(sources.head_model))
        photographs = [image for _, image in read_zip_images(data / "no_faces.zip")][::4]
        yield rendered_eyes(renderer, range(sources.heads), photographs=photographs)
