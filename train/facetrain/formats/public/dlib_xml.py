"""Reader of dlib's XML, as its imglab writes it: <image file> with <box> and <part name x y>.

Coordinates are 0-based pixels of the stored picture (dlib ignores EXIF), with centres at integers. Paths are relative
to the XML file.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from facetrack import topology_maps
from facetrack.errors import DataError
from facetrack.types import Floats
from facetrain.formats.labelled_pictures import read_labelled
from facetrain.formats.reading import Reading, ReadResult
from facetrain.sample import Sample

MAX_PARTS = 1000
"""Upper bound above any landmark scheme: a larger part name is no landmark index."""


def read_dlib(path: Path, trim: bool = True) -> ReadResult:
    """Read one sample per box with parts; an image with several boxes gives NAME#0, NAME#1 in one group.

    Parts are sorted by their names, which are numbers in every data set for dlib's shape predictor; a part that a box
    lacks becomes a missing point (NaN). Boxes marked ignore are skipped. Raises DataError where the file is no such
    XML.
    """
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        raise DataError(f"{path}:{error.position[0]}: is not well-formed XML ({error})") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path") from error
    images = root.findall("./images/image")
    if not images:
        raise DataError(f"{path} has no <images><image>; expected the XML of dlib's imglab")
    count = 1 + max((_part_index(part) for part in root.iter("part")), default=-1)
    if not 0 < count <= MAX_PARTS:
        raise DataError(f"{path}: its parts are numbered up to {count - 1}; expected 0 to {MAX_PARTS - 1} at most")
    reading = Reading(path, trim)
    for index, image in enumerate(images):
        with reading.row():
            _add_image(reading, f"{path}: image {index} ({image.get('file')})", image, count)
    return reading.result()


def _add_image(reading: Reading, where: str, element: ET.Element, count: int) -> None:
    file = element.get("file")
    if not file:
        raise DataError(f"{where}: has no file")
    boxes = [box for box in element.findall("box") if box.get("ignore", "0") != "1"]
    if not boxes:
        return
    picture = read_labelled(reading.path.parent / file)
    for number, box in enumerate(boxes):
        with reading.row():
            points = picture.upright(_points(f"{where}, box {number}", box, count))
            name = file if len(boxes) == 1 else f"{file}#{number}"
            sample = Sample(
                name, file, reading.path.stem, picture.image, points, np.ones(count, np.float32),
                topology_maps.scheme_of_count(count),
            )  # fmt: skip
            reading.add(f"{where}, box {number}", sample)


def _points(where: str, box: ET.Element, count: int) -> Floats:
    points = np.full((count, 2), np.nan, np.float32)
    for part in box.findall("part"):
        index = _part_index(part)
        if index < 0:
            raise DataError(f"{where}: a part is called '{part.get('name')}'; expected a number")
        try:
            points[index] = float(part.get("x", "")), float(part.get("y", ""))
        except ValueError as error:
            raise DataError(f"{where}: part {index} has no coordinates ({error})") from error
    return points


def _part_index(part: ET.Element) -> int:
    name = part.get("name", "")
    return int(name) if name.isdecimal() else -1
