"""Reader of 300-VW (Shen et al., ICCVW 2015): folders with vid.avi and annot/000001.pts, one per frame from 1.

The .pts are 1-based as everywhere (see `pts`). Neighbouring frames hardly differ, so by default every 10th is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facetrack import topology_maps
from facetrack.capture import VideoFile
from facetrack.errors import DataError
from facetrack.types import Image
from facetrain.formats.public.pts import read_pts
from facetrain.formats.reading import Reading, ReadResult, folder_files
from facetrain.sample import Sample

EVERY = 10
VIDEO = "vid.*"


def read_300vw(path: Path, every: int = EVERY, trim: bool = True) -> ReadResult:
    """Read one clip folder, or a folder of clip folders.

    every: read every Nth frame, starting with the first. The group is the clip. Frames without a .pts and labels beyond
    the video's end are listed as problems.
    """
    clips = sorted({file.parent for file in folder_files(path, VIDEO) if (file.parent / "annot").is_dir()})
    if not clips:
        raise DataError(f"{path} holds no vid.avi with a folder annot beside it; expected the layout of 300-VW")
    reading = Reading(path, trim)
    for clip in clips:
        with reading.row():
            _read_clip(reading, clip, every)
    return reading.result()


def _read_clip(reading: Reading, clip: Path, every: int) -> None:
    labels = {int(file.stem): file for file in (clip / "annot").glob("*.pts") if file.stem.isdecimal()}
    last = 0
    with VideoFile(next(iter(sorted(clip.glob(VIDEO))))) as video:
        for frame in video:
            last = frame.index + 1
            if frame.index % every:
                continue
            with reading.row():
                if last not in labels:
                    raise DataError(f"{clip}: frame {last} has no annot/{last:06d}.pts")
                reading.add(str(labels[last]), _sample(clip, last, frame.image, labels[last]))
    beyond = sum(number > last for number in labels)
    if beyond:
        raise DataError(f"{clip}: {beyond} labels lie beyond the video's {last} frames; is it the right video?")


def _sample(clip: Path, number: int, image: Image, label: Path) -> Sample:
    points = read_pts(label)
    scheme = topology_maps.scheme_of_count(len(points))
    name = f"{clip.name}/{number:06d}.jpg"
    return Sample(name, clip.name, "300vw", image, points, np.ones(len(points), np.float32), scheme)
