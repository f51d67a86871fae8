"""Inputs of a batch: files, folders, globs and lists; each video once, with the name of its outputs."""

from __future__ import annotations

import csv
import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from facetrack.batch.outputs import RESERVED, SUFFIXES
from facetrack.errors import SourceError

VIDEO_SUFFIXES = frozenset(
    (
        *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv"),
        *(".ts", ".webm", ".wmv"),
    )
)
"""Of what a folder is searched for; a file that is named may have any."""
LIST_SUFFIXES = (".txt", ".list")
TABLE_SUFFIXES = (".csv", ".tsv")
PATH_COLUMN = "path"
DELIMITERS = (",", ";", "\t")
DIGITS = 8
"""Of the path's hash, behind a name that two videos would share."""


@dataclass(frozen=True, slots=True)
class Video:
    """One video of a batch.

    path: absolute. name: of its outputs, below the output folder and without suffix. rows: those of the table that
    lists it, by column.
    """

    path: Path
    name: str
    rows: tuple[Mapping[str, str], ...] = ()

    def in_shard(self, shard: tuple[int, int]) -> bool:
        """Return whether the video belongs to shard i of n, by its path alone: whatever else is listed."""
        index, count = shard
        return int(_hash(self.path), 16) % count == index - 1


@dataclass(slots=True)
class _Found:
    path: Path
    place: PurePath
    row: Mapping[str, str] | None = None


def find_videos(inputs: Sequence[str], out: Path) -> list[Video]:
    """Return the videos of all inputs, in order, each once.

    A folder is searched through, without hidden files and without `out`. A .txt file holds one path a line, a .csv or
    .tsv file has a column `path`: of a video, or of a folder of images, which is one video; a relative path counts from
    the list's folder. Raises SourceError for an
    input that is not there; what a list names may be missing.
    """
    places: dict[Path, PurePath] = {}
    rows: dict[Path, list[Mapping[str, str]]] = {}
    for path in expand(map(Path, inputs)):
        for found in _videos_of(path, _absolute(out)):
            places.setdefault(found.path, found.place)
            if found.row is not None:
                rows.setdefault(found.path, []).append(found.row)
    if not places:
        raise SourceError(
            f"{', '.join(inputs)}: no video in there ({' '.join(sorted(VIDEO_SUFFIXES))}); name one, or a list of them."
        )
    names = _names(places)
    return [Video(path, names[path], tuple(rows.get(path, ()))) for path in places]


def expand(names: Iterable[Path]) -> list[Path]:
    """Return the files; a pattern such as *.mp4, which not every shell expands, is replaced by what it matches.

    Raises SourceError for one that matches nothing.
    """
    found: list[Path] = []
    for name in names:
        if name.exists() or not glob.has_magic(str(name)):
            found.append(name)
            continue
        matches = sorted(Path(match) for match in glob.glob(str(name), recursive=True))
        if not matches:
            raise SourceError(f"{name} matches no file; give a pattern that does, or the files.")
        found += matches
    return list(dict.fromkeys(found))


def _videos_of(path: Path, out: Path) -> Iterator[_Found]:
    if not path.exists():
        raise SourceError(f"{path} does not exist; give a video, a folder, a glob, or a list (.txt, .csv) of videos.")
    if path.is_dir():
        yield from _searched(path, out)
    elif path.suffix.lower() in LIST_SUFFIXES:
        for line in _text(path).splitlines():
            if line.strip() and not line.startswith("#"):
                yield _listed(line.strip(), path)
    elif path.suffix.lower() in TABLE_SUFFIXES:
        yield from _tabled(path)
    else:
        yield _Found(_absolute(path), PurePath(path.stem))


def _searched(folder: Path, out: Path) -> Iterator[_Found]:
    root = _absolute(folder)
    for below, folders, files in os.walk(root):
        here = Path(below)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and here / name != out)
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES:
                yield _Found(here / name, (here / name).relative_to(root).with_suffix(""))


def _tabled(table: Path) -> Iterator[_Found]:
    lines = _text(table).splitlines(keepends=True)
    for delimiter in DELIMITERS:
        reader = csv.DictReader(lines, delimiter=delimiter, restval="")
        if PATH_COLUMN in (reader.fieldnames or ()):
            break
    else:
        raise SourceError(f"{table} has no column '{PATH_COLUMN}'; name the column of the videos' paths so.")
    for row in reader:
        row.pop(None, None)  # cells beyond the header's
        if row[PATH_COLUMN].strip():
            found = _listed(row[PATH_COLUMN].strip(), table)
            found.row = row
            yield found


def _listed(text: str, listed_in: Path) -> _Found:
    """Return a video of a list; one below the list's folder keeps its folders in its name."""
    path = Path(text)
    is_below = not path.is_absolute() and ".." not in path.parts
    place = path.with_suffix("") if is_below and path.name else PurePath(path.stem or "video")
    return _Found(_absolute(listed_in.parent / path), place)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig", "surrogateescape")  # as file names are decoded
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); change its permissions.") from error


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _names(places: Mapping[Path, PurePath]) -> dict[Path, str]:
    """Name each video's outputs by its place; where two would share a file, both have their paths' hashes behind it."""
    taken = Counter(RESERVED)
    for place in places.values():
        taken.update(_files(place.as_posix()))
    names = {}
    for path, place in places.items():
        name = place.as_posix()
        is_shared = any(taken[file] > 1 for file in _files(name))
        names[path] = f"{name}_{_hash(path)}" if is_shared else name
    return names


def _files(name: str) -> list[str]:
    return [f"{name}{suffix}".casefold() for suffix in SUFFIXES.values()]  # a.mp4 is A.mp4 on some disks


def _hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:DIGITS]
