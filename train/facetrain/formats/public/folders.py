"""Reader of class folders: PATH/happy/1.jpg, PATH/closed/2.png; the folder name becomes an attribute, no points."""

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
"""Class names that identify an expression data set: the seven of Ekman and Friesen in the usual spellings."""


def read_class_folders(path: Path, attribute: str | None = None, trim: bool = True) -> ReadResult:
    """Read one sample per image of the class folders.

    attribute: name of the attribute; None to infer it from the folder names: expression classes become `emotion`,
    folders called eyes, mouths and yawn_faces the attribute of the pack of that name (see `pack_tables`), anything else
    `class`. Raises DataError where `path` is no folder or has no subfolders.
    """
    if not path.is_dir():
        raise DataError(f"{path} is not a folder; expected one with a subfolder for each class")
    classes = sorted(
        (folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith(".")),
        key=lambda folder: natural_key(folder.name),
    )
    if not classes:
        empty = "is an empty folder" if not any(path.iterdir()) else "has no subfolders"
        raise DataError(f"{path} {empty}; expected one for each class, such as open and closed")
    attribute = attribute or _infer_attribute({folder.name.lower() for folder in classes})
    reading = Reading(path, trim)
    for folder in classes:
        files = sorted((file for file in folder.rglob("*") if is_image_file(file)), key=lambda file: str(file))
        if not files:
            reading.problems.append(f"{folder}: holds no images")
        for file in files:
            with reading.row():
                _add(reading, path, file, folder.name, attribute)
    return reading.result()


def _infer_attribute(names: set[str]) -> str | None:
    return "emotion" if names and names <= EMOTIONS else None


def _add(reading: Reading, path: Path, file: Path, label: str, attribute: str | None) -> None:
    name, value = (attribute, label) if attribute else CLASS_ATTRIBUTES.get((path.name, label), ("class", label))
    image_name = file.relative_to(path).as_posix()
    sample = Sample(image_name, image_name, path.name, read_image(file), NO_POINTS, NO_WEIGHT, "", None, {name: value})
    reading.add(str(file), sample)
