"""Labelling as the work of a batch: a pack of each video, by one teacher."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
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
        """Open the teacher; it is closed when the function that labels is dropped, at the latest as Python ends."""
        stack = ExitStack()
        do = partial(_write, stack.enter_context(self.teacher_of_files()))
        weakref.finalize(do, stack.close)
        return do

    @contextmanager
    def teacher_of_files(self) -> Iterator[Callable[[Path], ReadResult]]:
        """Open the teacher, which returns the labelled faces of a file, and close it at the end.

        Raises ModelFileError, MissingExtraError.
        """
        if self.teacher == MEDIAPIPE and self.model is not None:
            with MediaPipeMesh(self.model) as mesh:
                yield lambda source: gather(label(source, mesh, self.options), source)
            return
        network = self_teacher(self.teacher, ViewOptions(max_spread=self.max_spread))
        yield lambda source: gather(relabel(read_unlabelled(source, self.options.every, self.only), network), source)


def _write(teacher: Callable[[Path], ReadResult], video: Video, stem: Path) -> Mapping[str, Any]:
    result = teacher(video.path)
    write_pack(result.samples, stem)
    return {"faces": len(result.samples), "problems": tuple(result.problems)}
