"""Labelling as the work of a batch: a pack of each video, by one teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from facetrack.batch.inputs import Video
from facetrack.batch.task import Do
from facetrack.detector.mediapipe_mesh import MediaPipeMesh
from facetrain.formats.packs import write_pack
from facetrain.formats.reading import ReadResult
from facetrain.labelling.self_label import ViewOptions, read_unlabelled, relabel, self_teacher
from facetrain.labelling.teacher import TeacherOptions, gather, label

MEDIAPIPE = "mediapipe"


@dataclass(frozen=True, slots=True)
class Labelling:
    """Labels videos, images or labelled faces.

    teacher: MEDIAPIPE, with its file `model`, or a landmark network as `self_teacher` names it. max_spread: of its
    views. only: which labelled faces, as `read_unlabelled` takes it.
    """

    teacher: str
    model: Path | None
    options: TeacherOptions
    max_spread: float
    only: str = ""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of a video's files."""
        return ".zip", ".npz"

    def open(self) -> Do:
        """Open the teacher."""
        return partial(_write, self.teacher_of_files())

    def teacher_of_files(self) -> Callable[[Path], ReadResult]:
        """Open the teacher; it returns the labelled faces of a file. Raises ModelFileError, MissingExtraError."""
        if self.teacher == MEDIAPIPE and self.model is not None:
            mesh = MediaPipeMesh(self.model)
            return lambda source: gather(label(source, mesh, self.options), source)
        network = self_teacher(self.teacher, ViewOptions(max_spread=self.max_spread))
        return lambda source: gather(relabel(read_unlabelled(source, self.options.every, self.only), network), source)


def _write(teacher: Callable[[Path], ReadResult], video: Video, stem: Path) -> Mapping[str, Any]:
    samples = teacher(video.path).samples
    write_pack(samples, stem)
    return {"faces": len(samples)}
