"""The tables of faces that the blendshape network is trained on, one for each pack, and those of clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facetrack.errors import DataError
from facetrain.labelling.blendshapes.pictures import SOURCES, PictureReader, Progress, Teacher, clip_rows, pack_rows
from facetrain.samples.blendshapes.table import write_table


def build(
    data: Path, teacher: Teacher, out: Path, clips: Path | None = None, progress: Progress = lambda items: items
) -> Iterator[tuple[str, int]]:
    """Write out/SOURCE.npz of each pack that the folder holds, and out/clips.npz; yields names and numbers of faces.

    teacher: one face per picture. clips: a folder of .mp4 to measure on; None without. A table that is there stays.
    """
    reader = PictureReader(teacher)
    names = [name for name in SOURCES if (data / f"{name}.zip").is_file()]
    if not names:
        raise DataError(f"{data} holds none of {', '.join(SOURCES)}; give the folder of the packs")
    if clips is not None:
        videos = sorted(clips.glob("*.mp4"))
        if not videos:
            raise DataError(f"{clips} holds no .mp4; give the folder of the clips")
        path = out / "clips" / "clips.npz"
        if not path.is_file():
            rows = (row for video in videos for row in clip_rows(video, teacher))
            yield "clips", write_table(rows, path)
    for name in names:
        path = out / f"{name}.npz"
        if not path.is_file():
            yield name, write_table(pack_rows(data, name, reader, progress), path)
