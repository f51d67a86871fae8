"""Reader of WFLW (Wu et al., CVPR 2018): one line per face in list_98pt_rect_attr_*.txt, images in WFLW_images.

A line is 196 coordinates, the box x0 y0 x1 y1, six attributes 0/1 and the image path; the shorter list_98pt_*.txt
has only coordinates and path. Coordinates are 0-based pixels with centres at integers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facetrack import topology_maps
from facetrack.errors import DataError
from facetrain.formats.labelled_pictures import read_labelled
from facetrain.formats.reading import Reading, ReadResult, numbers, read_lines
from facetrain.sample import Sample

ATTRIBUTES = ("large_pose", "expression", "illumination", "make_up", "occlusion", "blur")
"""The six attributes in file order, each 0 or 1 (WFLW's `pose` is called large_pose here: MTFL's pose is a bin)."""
N_COORDINATES = 2 * topology_maps.N_POINTS[topology_maps.WFLW_98]
LONG, SHORT = N_COORDINATES + 4 + len(ATTRIBUTES) + 1, N_COORDINATES + 1


def read_wflw(path: Path, images: Path | None = None, trim: bool = True) -> ReadResult:
    """Read one list file.

    images: the folder WFLW_images; by default searched beside the list and in the three folders above it.
    Sample names are path#line, since an image may hold many labelled faces; the group is the image.
    """
    images = images or _images_folder(path)
    reading = Reading(path, trim)
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            with reading.row():
                sample = _sample(f"{path}:{number}", line, number, images)
                reading.add(f"{path}:{number}", sample)
    return reading.result()


def _sample(where: str, line: str, number: int, images: Path) -> Sample:
    words = line.split()
    if len(words) not in (LONG, SHORT):
        raise DataError(f"{where}: has {len(words)} fields; expected {LONG} (or {SHORT} without box and attributes)")
    file = words[-1]
    points = numbers(where, words[:N_COORDINATES], N_COORDINATES).reshape(-1, 2)
    attributes: dict[str, float | str] = {}
    if len(words) == LONG:
        values = numbers(where, words[N_COORDINATES + 4 : -1], len(ATTRIBUTES)).tolist()
        attributes = dict(zip(ATTRIBUTES, values, strict=True))
    picture = read_labelled(images / file)
    points = picture.upright(points)
    weight = np.ones(len(points), np.float32)
    return Sample(
        f"{file}#{number}", file, "wflw", picture.image, points, weight, topology_maps.WFLW_98, None, attributes
    )


def _images_folder(path: Path) -> Path:
    for folder in list(path.resolve().parents)[:4]:
        if (folder / "WFLW_images").is_dir():
            return folder / "WFLW_images"
    return path.parent
