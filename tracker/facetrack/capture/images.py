"""Image files as a source: one file, or a folder of them in natural order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from facetrack.capture.picture_size import check_size, stated_size
from facetrack.errors import SourceError
from facetrack.types import Frame, Image
from facetrack.types.closing import ClosesItself
from facetrack.types.frame import IMAGE_SUFFIXES

DEFAULT_FPS = 25.0
"""Frame rate assumed for image files, which have no timestamps."""


class ImageFiles(ClosesItself):
    """Image file, or a folder's image files in natural order (2.jpg before 10.jpg), as a source of frames.

    path: the file or folder.
    files: the image files; other files and subfolders are ignored.
    size: (width, height) px of the first image, upright; further images keep their own sizes.
    fps: as given.
    n_frames: number of images.
    time_base, start_s, has_audio: as of a VideoFile, for writing the images as a video.

    Raises SourceError when there is no image, and when one cannot be read: no image is skipped silently.
    """

    live = False
    has_audio = False
    start_s = 0.0

    def __init__(self, path: str | Path, *, fps: float = DEFAULT_FPS) -> None:
        self.path = Path(path)
        self.files = image_files(self.path)
        self.fps = fps
        self.n_frames = len(self.files)
        self.time_base = 1 / Fraction(fps).limit_denominator(1001)
        self._first = read_image(self.files[0])
        self.size = (self._first.shape[1], self._first.shape[0])

    def __iter__(self) -> Iterator[Frame]:
        for index, file in enumerate(self.files):
            image = self._first if index == 0 else read_image(file)
            yield Frame(image, time_s=index / self.fps, index=index, name=file.name if self.path.is_dir() else None)

    def __repr__(self) -> str:
        return f"ImageFiles('{self.path}', {self.n_frames} images, {self.fps:g} fps)"

    def close(self) -> None:
        """Do nothing: no file stays open between two images."""


def read_image(path: str | Path) -> Image:
    """Read an image file, upright by its EXIF orientation; grey, 16-bit and transparent images are converted.

    Returns (H, W, 3) uint8 BGR. Raises SourceError when the file is missing, not an image, or beyond MAX_PIXELS.
    """
    return decode_image(str(path), read_encoded(path))


def read_encoded(path: str | Path) -> bytes:
    """Read an image file's bytes. Raises SourceError where there are none to read."""
    try:
        # Not cv2.imread: on Windows it cannot open paths beyond the system's code page.
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist; give the path of an image.") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); give the path of an image file.") from error


def decode_image(name: str, data: bytes, upright: bool = True) -> Image:
    """Decode an image file's bytes to (H, W, 3) uint8 BGR.

    name: for messages. upright: turn it by its EXIF orientation; otherwise as it is stored. Raises SourceError where
    the bytes are no image, or state a picture beyond MAX_PIXELS.
    """
    size = stated_size(data)
    if size is not None:
        check_size(name, *size)
    image = _decode(data, cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise SourceError(
            f"{name} is not an image that can be read (expected jpg, png, webp, bmp, tiff or similar); check that it "
            f"opens elsewhere, or convert it to jpg or png."
        )
    return image


def is_image_file(path: Path) -> bool:
    """Return whether the suffix is that of an image file."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts frame_2 before frame_10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.casefold())]


def image_files(path: Path) -> list[Path]:
    """Return the image, or a folder's images in natural order. Raises SourceError where a folder has none."""
    if not path.is_dir():
        return [path]
    try:
        files = [file for file in path.iterdir() if is_image_file(file) and not file.name.startswith(".")]
    except OSError as error:
        raise SourceError(f"The folder {path} cannot be read ({error.strerror}); change its permissions.") from error
    if not files:
        raise SourceError(f"The folder {path} holds no images (jpg, png, webp, bmp, tiff); give one that does.")
    return sorted(files, key=lambda file: natural_key(file.name))


def _decode(data: bytes, flags: int) -> Image | None:
    if not data:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # larger than OpenCV allows, or a broken header
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)
