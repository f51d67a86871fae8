"""Pictures as a source: one file, or a folder of them in natural order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from facetrack.capture.closing import ClosesItself
from facetrack.errors import SourceError
from facetrack.types import Frame, Image

DEFAULT_FPS = 25.0
"""Pictures carry no time: they are taken to be this many a second."""

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jp2", ".avif", ".ppm", ".pgm", ".pbm")
)
"""GIF is read as a video, since most of them move."""


class ImageFiles(ClosesItself):
    """A picture, or a folder's pictures in natural order (2.jpg before 10.jpg), as a source of frames.

    path: the file or folder. files: the pictures. size: (width, height) px of the first one, upright; the others come
    in their own sizes. fps: as given. n_frames: how many pictures. time_base, start_s, pixel_aspect, has_audio: as of a
    VideoFile, for whoever writes the pictures as a video. Other files and subfolders are passed over.

    Raises SourceError when there is no picture, and when one cannot be read: none is left out silently.
    """

    live = False
    has_audio = False
    start_s = 0.0
    pixel_aspect = Fraction(1)

    def __init__(self, path: str | Path, *, fps: float = DEFAULT_FPS) -> None:
        self.path = Path(path)
        self.files = _image_files(self.path)
        self.fps = fps
        self.n_frames = len(self.files)
        self.time_base = 1 / Fraction(fps).limit_denominator(1001)
        self._first = read_image(self.files[0])
        self.size = (self._first.shape[1], self._first.shape[0])

    def __iter__(self) -> Iterator[Frame]:
        for index, file in enumerate(self.files):
            image = self._first if index == 0 else read_image(file)
            yield Frame(image, index / self.fps, index, file.name if self.path.is_dir() else None)

    def close(self) -> None:
        """Nothing stays open between two pictures."""


def read_image(path: str | Path) -> Image:
    """(H, W, 3) uint8 BGR, upright by its EXIF orientation; grey, 16-bit and transparent pictures are converted.

    Raises SourceError when the file is missing or not a picture.
    """
    try:
        # Not cv2.imread: on Windows it cannot open paths beyond the system's code page.
        data = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist; give the path of a picture.") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); give the path of a picture file.") from error
    image = _decode(data)
    if image is None:
        raise SourceError(
            f"{path} is not a picture that can be read (expected jpg, png, webp, bmp, tiff or alike); check that it "
            f"opens elsewhere, or convert it to jpg or png."
        )
    return image


def is_image_file(path: Path) -> bool:
    """Whether the name says that it is a picture."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key by which frame_2 comes before frame_10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.casefold())]


def _image_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        files = [file for file in path.iterdir() if is_image_file(file) and not file.name.startswith(".")]
    except OSError as error:
        raise SourceError(f"The folder {path} cannot be read ({error.strerror}); change its permissions.") from error
    if not files:
        raise SourceError(f"The folder {path} holds no pictures (jpg, png, webp, bmp, tiff); give one that does.")
    return sorted(files, key=lambda file: natural_key(file.name))


def _decode(data: np.ndarray) -> Image | None:
    if data.size == 0:
        return None
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:  # larger than OpenCV allows, or a broken header
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)
