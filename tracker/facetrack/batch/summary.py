"""The summary: one row per person of every video, with the columns of the list that named the videos."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from facetrack.batch import persons
from facetrack.batch.inputs import PATH_COLUMN, Video
from facetrack.batch.manifest import Entry, read_entries
from facetrack.batch.outputs import PARQUET, SUMMARY
from facetrack.errors import MissingExtraError
from facetrack.sinks.lines import Lines
from facetrack.sinks.staged import StagedFile

VIDEO_COLUMNS: dict[str, type] = {
    "video": str, "name": str, "status": str, "error": str, "frames": int, "with_faces": int, "faces": int,
}  # fmt: skip
"""Columns of the video; `video` is its absolute path."""
OWN_COLUMNS = VIDEO_COLUMNS | persons.COLUMNS
LISTED = "list_"
"""Before a list's column that has the name of one of ours."""


def need_parquet() -> None:
    """Raise MissingExtraError unless Parquet can be written."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "--parquet needs the package pyarrow; install the extra: python -m pip install 'facetrack[parquet]'"
        ) from error


def write_summary(folder: Path, videos: Sequence[Video], parquet: bool = False) -> list[Path]:
    """Write summary.csv, and summary.parquet, of these videos by the manifests in the folder; returns the files.

    Where another shard has gone on meanwhile, once more: the last one to end has the last word, and all lines.
    """
    written: list[Path] = []
    entries = None
    while entries != (entries := read_entries(folder)):
        rows = list(table(videos, entries))
        columns = _columns(videos)
        written = [_write_csv(folder / SUMMARY, columns, rows)]
        if parquet:
            written.append(_write_parquet(folder / PARQUET, columns, rows))
    return written


def table(videos: Sequence[Video], entries: Mapping[str, Entry]) -> Iterator[dict[str, Any]]:
    """Yield a row for each person, and one for a video without; times as many as rows of the list name the video."""
    for video in videos:
        entry = entries.get(str(video.path))
        own: dict[str, Any] = {"video": str(video.path), "name": video.name}
        if entry is not None:
            own |= {name: getattr(entry, name) for name in VIDEO_COLUMNS if name not in own}
        for row in video.rows or ({},):
            listed = {_listed(name): value for name, value in row.items()}
            for person in (() if entry is None else entry.persons) or ({},):
                yield listed | own | dict(person)


def _listed(name: str) -> str:
    return f"{LISTED}{name}" if name in OWN_COLUMNS else name


def _columns(videos: Sequence[Video]) -> dict[str, type]:
    names = dict.fromkeys(name for video in videos for row in video.rows for name in row)
    ordered = sorted(names, key=lambda name: name != PATH_COLUMN)
    return {_listed(name): str for name in ordered} | OWN_COLUMNS


def _write_csv(target: Path, columns: Mapping[str, type], rows: Sequence[Mapping[str, Any]]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    lines = Lines(target)
    try:
        lines.write(text.getvalue())
    except BaseException:
        lines.discard()
        raise
    lines.commit()
    return target


def _write_parquet(target: Path, columns: Mapping[str, type], rows: Sequence[Mapping[str, Any]]) -> Path:
    import pyarrow
    from pyarrow import parquet

    kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, kinds[of]) for name, of in columns.items()])
    found = [{name: _whole(row.get(name)) for name in columns} for row in rows]
    staged = StagedFile(target)
    try:
        parquet.write_table(pyarrow.Table.from_pylist(found, schema=schema), staged.temporary)
    except BaseException:
        staged.discard()
        raise
    staged.commit()
    return target


def _whole(value: Any) -> Any:
    """Replace what is no UTF-8 in a text: names on an old disk."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
