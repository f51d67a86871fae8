"""Reader of COCO-style keypoint JSON: `keypoints` [x, y, v, ...] or COCO-WholeBody's `face_kpts`.

Coordinates are 0-based pixels with centres at integers, as the COCO API scores them. v is 0 not labelled (missing
here), 1 labelled but occluded, 2 labelled and visible; in `face_kpts` it is a confidence, and 0 means not labelled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from facetrack import topology_maps
from facetrack.errors import DataError
from facetrain.formats.labelled_pictures import read_labelled
from facetrain.formats.reading import Reading, ReadResult
from facetrain.sample import Sample

FIELDS = ("keypoints", "face_kpts")


def read_coco(path: Path, images: Path | None = None, trim: bool = True) -> ReadResult:
    """Read one sample per annotation.

    images: the folder that file names are relative to; by default the JSON's folder, or a folder images beside it or
    one level above. The landmark scheme follows from the number of points. An annotation's `attributes` (numbers and
    strings by name) are kept.
    """
    content = _load(path)
    folders = [images] if images else [path.parent, path.parent / "images", path.parent.parent / "images"]
    entries = {str(entry.get("id")): entry for entry in content["images"] if isinstance(entry, dict)}
    reading = Reading(path, trim)
    for index, annotation in enumerate(content["annotations"]):
        with reading.row():
            where = f"{path}: annotation {index}"
            if not isinstance(annotation, dict):
                raise DataError(f"{where}: is {str(annotation)[:20]}; expected an object")
            entry = entries.get(str(annotation.get("image_id")), {})
            file = entry.get("file_name")
            if not isinstance(file, str):
                raise DataError(f"{where}: its image_id {annotation.get('image_id')} is not among the images")
            sample = _sample(where, annotation, entry, index, folders)
            reading.add(where, sample, allow_missing=True)
    return reading.result()


def _sample(where: str, annotation: dict[str, Any], entry: dict[str, Any], index: int, folders: list[Path]) -> Sample:
    file: str = entry["file_name"]
    field = next((field for field in FIELDS if field in annotation), None)
    values = annotation.get(field or "")
    if not isinstance(values, list) or not values or len(values) % 3:
        raise DataError(f"{where}: has no keypoints [x, y, v, ...] whose length is a multiple of three")
    try:
        triples = np.array(values, np.float32).reshape(-1, 3)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: its keypoints are not all numbers ({error})") from error
    labelled = triples[:, 2] > 0
    if not labelled.any():
        raise DataError(f"{where}: not one of its keypoints is labelled")
    picture = read_labelled(_find_image(where, file, folders), _stated_size(entry))
    known = annotation.get("attributes")
    attributes = {k: v for k, v in known.items() if isinstance(v, int | float | str)} if isinstance(known, dict) else {}
    return Sample(
        name=f"{file}#{annotation.get('id', index)}",
        group=file,
        source="coco",
        image=picture.image,
        points=picture.upright(np.where(labelled[:, None], triples[:, :2], np.float32(np.nan)).astype(np.float32)),
        weight=labelled.astype(np.float32),
        scheme=topology_maps.scheme_of_count(len(triples)),
        visible=triples[:, 2] > 1 if field == "keypoints" else None,
        attributes=attributes,
    )


def _stated_size(entry: dict[str, Any]) -> tuple[int, int] | None:
    """Return the (width, height) of an image's entry; None where it states none, or 0."""
    width, height = entry.get("width"), entry.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) and width and height else None


def _find_image(where: str, file: str, folders: list[Path]) -> Path:
    for folder in folders:
        if (folder / file).is_file():
            return folder / file
    raise DataError(f"{where}: there is no image {file} in {' or '.join(str(folder) for folder in folders)}")


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); check the path") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: is no JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is JSON that cannot be read ({error})") from error
    lists = ("images", "annotations")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in lists):
        raise DataError(f"{path}: expected COCO's lists 'images' and 'annotations'")
    return content
