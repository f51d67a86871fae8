"""Opening of a source by its user-given name: camera index, device path, URL, file or folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from facetrack.capture.camera import Camera
from facetrack.capture.images import DEFAULT_FPS, ImageFiles, is_image_file
from facetrack.capture.video import DECODER_THREADS, VideoFile
from facetrack.errors import SourceError
from facetrack.types import Frame
from facetrack.types.address import without_password


class Source(Protocol):
    """Interface of every source.

    size: (width, height) px of the first frame, upright.
    fps: frames per second, None if unknown.
    n_frames: number of frames, an estimate for some containers, None if unknown.
    live: whether frames arrive in real time and are dropped when the reader is slow.
    """

    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def fps(self) -> float | None: ...
    @property
    def n_frames(self) -> int | None: ...
    @property
    def live(self) -> bool: ...
    def __iter__(self) -> Iterator[Frame]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def close(self) -> None: ...


def open_video(
    path: str | Path, *, image_fps: float = DEFAULT_FPS, threads: int = DECODER_THREADS
) -> VideoFile | ImageFiles:
    """Open a video file, an image, or a folder of images; no frame is dropped.

    image_fps: frame rate of images, which have none of their own. threads: of a video's decoder.
    Raises SourceError if there is nothing to read.
    """
    _check_name(path)
    if not Path(path).exists():
        raise SourceError(_missing(str(path)))
    path = Path(path)
    if path.is_dir() or is_image_file(path):
        return ImageFiles(path, fps=image_fps)
    return VideoFile(path, threads=threads)


def open_source(
    spec: str | int | Path,
    *,
    width: int | None = None,
    height: int | None = None,
    fps: float | None = None,
    image_fps: float = DEFAULT_FPS,
) -> Source:
    """Open the source that `spec` names: a camera's index or device path, a stream's URL, or a file or folder.

    width, height (px), fps: requested from a camera, ignored for other sources.
    Raises SourceError.
    """
    _check_name(spec)
    if is_camera(spec):
        return Camera(spec if isinstance(spec, int) else str(spec), width=width, height=height, fps=fps)
    return open_video(str(spec), image_fps=image_fps)


def _check_name(spec: object) -> None:
    """Raise SourceError for an empty name, which pathlib takes for the current folder, TypeError for no name at all."""
    if isinstance(spec, bool) or not isinstance(spec, str | int | Path):
        raise TypeError(f"the source is {spec!r}; expected a path, a camera's number, or a stream's address")
    if isinstance(spec, str) and not spec.strip():
        raise SourceError("the source is an empty text; expected a camera's number such as 0, an address, or a path.")


def is_camera(spec: str | int | Path) -> bool:
    """Return whether `spec` names a live source: 0, "0", "/dev/video0", "rtsp://...", "http://..."."""
    text = str(spec)
    if isinstance(spec, Path):
        return text.startswith("/dev/")
    return isinstance(spec, int) or text.isdecimal() or text.startswith("/dev/") or _is_url(text)


def _is_url(text: str) -> bool:
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", text) is not None


def _missing(name: str) -> str:
    name = re.sub(r"^([a-zA-Z][a-zA-Z0-9+.-]+):/(?!/)", r"\1://", name)  # a Path makes one slash of two
    if is_camera(name):
        shown = without_password(name)
        return f"{shown} is no file but names a camera or a stream: open it with `facetrack live`, or open_source."
    return f"{name} does not exist; give the path of a video, an image or a folder of images."
