"""Pictures whose labels were drawn on their stored pixels, turned upright together with the labels.

A camera held upright stores a lying picture and EXIF's orientation (CIPA DC-008, tag 274), by which viewers and OpenCV
turn it. Which of the two a label file means is the format's rule, since nearly none of them says it:

| format | labels refer to | why |
|---|---|---|
| dlib XML, .pts, WFLW, MTFL | the stored picture | dlib's loaders and Matlab's imread ignore EXIF |
| TFRecord | the stored picture | TensorFlow's decode_image ignores it |
| COCO | the picture of the stated width and height | the stored one where both fit or none is stated |
| packs, class folders | the upright picture | made by facetrack; no coordinates |
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from facetrack.capture.images import decode_image, read_encoded
from facetrack.errors import DataError
from facetrack.types import Floats, Image

EXIF_MARKS = (b"Exif", b"eXIf", b"EXIF")
"""One of them precedes the orientation, in JPEG, PNG and WebP; a picture with none is upright as it is stored."""
SEARCHED_BYTES = 2**17
Turn = tuple[bool, bool, bool]
"""Whether the stored picture is transposed, then mirrored in x, then in y, to become upright."""
UPRIGHT: Turn = (False, False, False)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """Upright picture and the way from the pixels of its labels to its own. image: (H, W, 3) uint8 BGR."""

    name: str
    image: Image
    turn: Turn = UPRIGHT

    def upright(self, points: Floats) -> Floats:
        """Return the (K, 2) label points in px of the upright image; NaN stays.

        Raises DataError where they do not lie in the stored picture but would in the upright one.
        """
        transposed, mirrored_x, mirrored_y = self.turn
        height, width = self.image.shape[:2]
        if transposed and _inside(points, (width, height)) and not _inside(points, (height, width)):
            raise DataError(
                f"{self.name}: its points fit the picture turned by EXIF ({width}x{height}), but this format's labels "
                f"are of the stored one ({height}x{width}); save the picture without EXIF orientation"
            )
        turned = points[:, ::-1] if transposed else points
        x, y = turned[:, 0], turned[:, 1]
        x = width - 1 - x if mirrored_x else x
        y = height - 1 - y if mirrored_y else y
        return np.stack([x, y], axis=1).astype(np.float32)


def read_labelled(path: Path, stated: tuple[int, int] | None = None) -> LabelledPicture:
    """Read the picture of a label file whose labels refer to the stored pixels.

    stated: (width, height) that the label file gives, which decides and must fit. Raises SourceError where it is no
    picture, DataError where the stated size fits neither the stored nor the upright picture.
    """
    return decode_labelled(str(path), read_encoded(path), stated)


def decode_labelled(name: str, encoded: bytes, stated: tuple[int, int] | None = None) -> LabelledPicture:
    """Decode such a picture from memory; raises as `read_labelled`."""
    image = decode_image(name, encoded)
    turn = UPRIGHT
    if any(mark in encoded[:SEARCHED_BYTES] for mark in EXIF_MARKS):
        turn = _turn(name, decode_image(name, encoded, upright=False), image)
    upright = (image.shape[1], image.shape[0])
    stored = upright[::-1] if turn[0] else upright
    if stated is not None and stated not in (stored, upright):
        raise DataError(
            f"{name}: is {stored[0]}x{stored[1]} px, but its label file says {stated[0]}x{stated[1]}; is it the right "
            "picture?"
        )
    return LabelledPicture(name, image, UPRIGHT if stated is not None and stated != stored else turn)


def _turn(name: str, stored: Image, upright: Image) -> Turn:
    """Return what the decoder did to the stored picture. Raises DataError where it mirrored it.

    A mirrored picture's labels are of the mirrored person: which eye is the right one is anybody's guess.
    """
    # Turns before mirrorings: of a symmetric picture both fit.
    for turn in sorted(product((False, True), repeat=3), key=lambda turn: sum(turn) % 2):
        transposed, mirrored_x, mirrored_y = turn
        candidate = stored.transpose(1, 0, 2) if transposed else stored
        candidate = candidate[:: -1 if mirrored_y else 1, :: -1 if mirrored_x else 1]
        if candidate.shape == upright.shape and np.array_equal(candidate, upright):
            if sum(turn) % 2:
                raise DataError(f"{name}: EXIF mirrors it, so its labels' left and right are unclear; save it without")
            return transposed, mirrored_x, mirrored_y
    raise DataError(f"{name}: its EXIF orientation cannot be followed; save it without")


def _inside(points: Floats, size: tuple[int, int]) -> bool:
    """Return whether all known points lie in a picture of (width, height) px, or within a px of its edge."""
    known = points[np.isfinite(points).all(axis=1)]
    return bool(((known >= -1) & (known <= size)).all())
