"""An animated GIF of annotated frames, small enough for a web page."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
from av.filter import Graph

from facetrack.errors import OutputError
from facetrack.sinks.sink import Sink
from facetrack.sinks.staged import StagedFile
from facetrack.types import Image

TICKS_PER_S = 100
"""Clock of the GIF format: hundredths of a second."""
TICK = Fraction(1, TICKS_PER_S)


class AnimationSink(Sink):
    """An animated GIF with one palette for all its frames.

    path: ends in .gif. width_px: width of the pictures, which are scaled to it. fps: frames kept per second; the others
    are skipped. colours: size of the palette, at most 256: fewer make a smaller file.

    The frames are kept in memory until close() has chosen the palette from all of them (FFmpeg's palettegen and
    paletteuse). Raises OutputError when the file cannot be written.
    """

    def __init__(self, path: str | Path, *, width_px: int = 320, fps: float = 8.0, colours: int = 96) -> None:
        if Path(path).suffix.lower() != ".gif":
            raise OutputError(f"{path} cannot be written: an animation is a .gif; choose such a name.")
        self._width_px, self._fps, self._colours = width_px, fps, colours
        self._pictures: list[Image] = []
        self._first_s: float | None = None
        self._finished = False
        self._staged = StagedFile(path)

    def write(self, image: Image, time_s: float) -> None:
        """Append a drawn frame, (H, W, 3) uint8 BGR, if its time has come."""
        if self._first_s is None:
            self._first_s = time_s
        if (time_s - self._first_s) * self._fps >= len(self._pictures) - 1e-6:
            height_px = round(image.shape[0] * self._width_px / image.shape[1])
            picture = cv2.resize(image, (self._width_px, height_px), interpolation=cv2.INTER_AREA)
            self._pictures.append(picture.astype(image.dtype, copy=False))

    def close(self) -> None:
        """Encode the frames and put the file in its place. Does nothing a second time, or after discard()."""
        if self._finished:
            return
        self._finished = True
        try:
            if not self._pictures:
                raise OutputError(f"{self._staged.target} has no frames; give at least one.")
            self._encode()
        except BaseException as error:
            self._staged.discard()
            if isinstance(error, av.error.FFmpegError | OSError):
                raise OutputError(
                    f"{self._staged.target} cannot be written ({error.strerror}); free some space."
                ) from error
            raise
        self._staged.commit()

    def discard(self) -> None:
        """Leave no file behind."""
        self._finished = True
        self._staged.discard()

    def _encode(self) -> None:
        height, width = self._pictures[0].shape[:2]
        graph = _palette_graph(width, height, self._colours)
        with av.open(str(self._staged.temporary), "w", format="gif", options={"loop": "0"}) as container:
            stream = container.add_stream("gif", rate=TICKS_PER_S)
            stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
            for index, picture in enumerate(self._pictures):
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = round(index * TICKS_PER_S / self._fps), TICK
                graph.vpush(frame)
            graph.vpush(None)
            for _ in self._pictures:
                container.mux(stream.encode(graph.vpull()))
            container.mux(stream.encode(None))


def _palette_graph(width: int, height: int, colours: int) -> Graph:
    """Return a filter graph that maps its frames to their common palette."""
    graph = Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("bgr24", width, height), time_base=TICK)
    split = graph.add("split")
    palette = graph.add("palettegen", f"max_colors={colours}")
    mapped = graph.add("paletteuse", "dither=bayer:bayer_scale=5:diff_mode=rectangle")
    source.link_to(split)
    split.link_to(mapped, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(mapped, 0, 1)
    mapped.link_to(graph.add("buffersink"))
    graph.configure()
    return graph
