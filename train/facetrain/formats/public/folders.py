"""Folders of class names: PATH/happy/1.jpg, PATH/closed/2.png. The folder's name becomes an attribute; no points."""

from __future__ import annotations

from pathlib import Path

from facetrack.capture.images import is_image_file, natural_key, read_image
from facetrack.errors import DataError
from facetrain.formats.pack_tables import CLASS_ATTRIBUTES
from facetrain.formats.reading import NO_POINTS, NO_WEIGHT, Reading, ReadResult
from facetrain.sample import Sample

EMOTIONS = frozenset(
    (
        *("anger", "angry", "contempt", "disgust", "disgusted", "fear", "fearful", "happiness", "happy", "neutral"),
        *("sad", "sadness", "surprise", "surprised"),
    )
)
"""Class names by which a set of expressions is known: the seven of Ekman and Friesen with the usual spellings."""


def read_class_folders(path: Path, attribute: str | None = None, trim: bool = True) -> ReadResult:
    """attribute: its name; None to tell from the names: expressions become `emotion`, folders called eyes, mouths and
    yawn_faces what the packs of that name give (see `pack_tables`), anything else `class`."""
    if not path.is_dir():
        raise DataError(f"{path} is not a folder; expected one with a subfolder for each class")
    classes = sorted(
        (folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith(".")),
        key=lambda folder: natural_key(folder.name),
    )
    if not classes:
        empty = "is an empty folder" if not any(path.iterdir()) else "has no subfolders"
        raise DataError(f"{path} {empty}; expected one for each class, such as open and closed")
    attribute = attribute or _guessed({folder.name.lower() for folder in classes})
    reading = Reading(path, trim)
    for folder in classes:
        files = sorted((file for file in folder.rglob("*") if is_image_file(file)), key=lambda file: str(file))
        if not files:
            reading.problems.append(f"{folder}: holds no pictures")
        for file in files:
            with reading.row():
                _add(reading, path, file, folder.name, attribute)
    return reading.result()


def _guessed(names: set[str]) -> str | None:
    return "emotion" if names and names <= EMOTIONS else None


def _add(reading: Reading, path: Path, file: Path, label: str, attribute: str | None) -> None:
    name, value = (attribute, label) if attribute else CLASS_ATTRIBUTES.get((path.name, label), ("class", label))
    picture = file.relative_to(path).as_posix()
    sample = Sample(picture, picture, path.name, read_image(file), NO_POINTS, NO_WEIGHT, "", None, {name: value})
    reading.add(str(file), sample)
