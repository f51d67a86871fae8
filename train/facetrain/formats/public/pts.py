"""Reader and writer of iBUG's .pts landmark files beside images: 300-W, Menpo, HELEN, LFPW, AFW, user data.

    version: 1
    n_points: 68
    {
    217.5 301.0
    ...
    }

The header is optional: a file without it holds only coordinates, one pair per line. Coordinates are 1-based as in
Matlab, the centre of the top-left pixel is (1, 1) (Menpo's reader and writer agree), so 1 is subtracted here. Files of
a tool that writes 0-based .pts need `first_px=0`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facetrack import topology_maps
from facetrack.errors import DataError
from facetrack.types import Floats
from facetrack.types.frame import IMAGE_SUFFIXES
from facetrain.formats.labelled_pictures import read_labelled
from facetrain.formats.reading import Reading, ReadResult, folder_files, numbers, read_lines
from facetrain.sample import Sample

FIRST_PX = 1.0
"""Coordinate of the first pixel's centre in a .pts file."""


def read_pts_folder(path: Path, trim: bool = True, first_px: float = FIRST_PX) -> ReadResult:
    """Read every .pts below a folder with the image of the same name beside it.

    The landmark scheme follows from the number of points. Sample name: path below the folder; group: the image.
    """
    files = folder_files(path, "*.pts")
    if not files:
        raise DataError(f"{path} holds no .pts files; expected images with a .pts of the same name beside each")
    reading = Reading(path, trim)
    for file in files:
        with reading.row():
            points = read_pts(file, first_px)
            image_file = find_picture(file)
            picture = read_labelled(image_file)
            points = picture.upright(points)
            sample = Sample(
                name=image_file.relative_to(path).as_posix(),
                group=image_file.relative_to(path).as_posix(),
                source=path.name,
                image=picture.image,
                points=points,
                weight=np.ones(len(points), np.float32),
                scheme=topology_maps.scheme_of_count(len(points)),
            )
            reading.add(str(file), sample)
    return reading.result()


def read_pts(file: Path, first_px: float = FIRST_PX) -> Floats:
    """Read the (K, 2) points of one file, px with pixel centres at integers.

    Raises DataError that names the line which cannot be read.
    """
    lines = [(number, line.strip()) for number, line in enumerate(read_lines(file), 1) if line.strip()]
    declared = None
    if any(line == "{" for _, line in lines):
        declared, lines = _parse_header(file, lines)
    rows = [numbers(f"{file}:{number}", line.replace(",", " ").split(), 2) for number, line in lines]
    if not rows or (declared is not None and len(rows) != declared):
        raise DataError(f"{file}: has {len(rows)} points; expected {declared if declared is not None else 'some'}")
    return np.array(rows, np.float32) - np.float32(first_px)


def _parse_header(file: Path, lines: list[tuple[int, str]]) -> tuple[int | None, list[tuple[int, str]]]:
    """Return (declared number of points or None, the numbered lines between the braces)."""
    texts = [line for _, line in lines]
    if "}" not in texts:
        raise DataError(f"{file}: has no closing brace; it is truncated")
    start, end = texts.index("{"), texts.index("}")
    declared = None
    for number, line in lines[:start]:
        key, _, value = line.partition(":")
        if key.strip() == "n_points":
            try:
                declared = int(value)
            except ValueError as error:
                raise DataError(f"{file}:{number}: n_points is '{value.strip()}'; expected a whole number") from error
    return declared, lines[start + 1 : end]


def write_pts(file: Path, points: Floats, first_px: float = FIRST_PX) -> None:
    """Write (K, 2) points in px as a .pts file with header."""
    rows = [f"{x:.4f} {y:.4f}" for x, y in points + np.float32(first_px)]
    file.write_text("\n".join(["version: 1", f"n_points: {len(points)}", "{", *rows, "}"]) + "\n", encoding="utf-8")


def find_picture(file: Path) -> Path:
    """Return the image with the same stem as a label file. Raises DataError where there is none."""
    for suffix in sorted(IMAGE_SUFFIXES):
        for name in (suffix, suffix.upper()):
            image_file = file.with_suffix(name)
            if image_file.is_file():
                return image_file
    raise DataError(f"{file}: there is no image of the same name beside it")
