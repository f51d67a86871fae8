"""Decoded frames as a player shows them: upright, with square pixels and in the colours of BT.709."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from facetrack.capture.colours import needs_conversion, to_bt709
from facetrack.capture.orientation import display_matrix, orient, swaps_axes
from facetrack.capture.picture_size import check_size
from facetrack.errors import SourceError
from facetrack.types import Image

MAX_ASPECT = 8
"""Largest stretch of a pixel that a file may ask for; broadcasting uses up to 2 (ITU-T H.264, table E-1)."""


class ShownPicture:
    """Conversion of one stream's decoded frames to the pictures that a player shows; not thread-safe.

    name: of the source, for messages. Raises SourceError where the stream states an impossible shape of its pixels.

    The network, the pose and the eyes' openness all measure shapes, so pixels that are not square are made so by
    enlarging the shorter side. Phones store the sensor's orientation and a matrix that turns it; HDR has other colours.
    """

    def __init__(self, stream: VideoStream, name: str) -> None:
        self._name = name
        self._aspect = _pixel_aspect(stream, name)
        # One for all frames, in the caller's thread: PyAV's own of each frame starts a thread per processor.
        self._reformatter = VideoReformatter()

    def size(self, frame: VideoFrame) -> tuple[int, int]:
        """Return the (width, height) px in which the frame is shown."""
        width, height = self._square(frame)
        matrix = display_matrix(frame)
        return (height, width) if matrix is not None and swaps_axes(matrix) else (width, height)

    def __call__(self, frame: VideoFrame) -> Image:
        """Return the frame as shown, (H, W, 3) uint8 BGR. Raises SourceError for a picture beyond the limit."""
        width, height = self._square(frame)
        transfer, primaries = frame.color_trc, frame.color_primaries
        if needs_conversion(transfer, primaries):
            deep = self._reformatter.reformat(frame, width, height, "bgr48le", threads=1).to_ndarray()
            image = to_bt709(deep.astype(np.uint16, copy=False), transfer, primaries)
        else:
            plain = self._reformatter.reformat(frame, width, height, "bgr24", threads=1).to_ndarray()
            image = plain.astype(np.uint8, copy=False)
        matrix = display_matrix(frame)
        return image if matrix is None else orient(image, matrix)

    def _square(self, frame: VideoFrame) -> tuple[int, int]:
        """Return the (width, height) px of the stored picture once its pixels are square."""
        width, height, aspect = frame.width, frame.height, self._aspect
        # An even size, since an odd one is encoded in 4:4:4, which not every browser plays.
        if aspect > 1:
            width = 2 * round(width * aspect / 2)
        elif aspect < 1:
            height = 2 * round(height / aspect / 2)
        check_size(self._name, width, height)
        return width, height


def _pixel_aspect(stream: VideoStream, name: str) -> Fraction:
    """Return the width over the height of one stored pixel; 1 where the stream states none."""
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if not Fraction(1, MAX_ASPECT) <= aspect <= MAX_ASPECT:
        raise SourceError(
            f"{name} states pixels {aspect} times as wide as high; expected 1/{MAX_ASPECT} to {MAX_ASPECT}: correct it "
            "with `ffmpeg -i IN -aspect 16:9 -c copy OUT`."
        )
    return aspect
