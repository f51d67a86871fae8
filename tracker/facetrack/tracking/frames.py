"""Checks of a call before anything is computed from it, and what a change of a frame's size means."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from facetrack.tracking.track import Person, Track
from facetrack.types import Frame, Image
from facetrack.types.frame import MAX_SIDE_PX

_WHOLE, _NUMBERS = (int, np.integer), (int, float, np.number)  # `int | float` would make a new type each time
Of = TypeVar("Of")
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def one_thread(method: Callable[Concatenate[Of, Parameters], Result]) -> Callable[Concatenate[Of, Parameters], Result]:
    """Let the method raise RuntimeError while another thread is in one of the object's methods so decorated.

    The object's `one_thread` is its RLock.
    """

    @wraps(method)
    def checked(self: Of, /, *args: Parameters.args, **options: Parameters.kwargs) -> Result:
        lock: Any = self.one_thread  # type: ignore[attr-defined]
        if not lock.acquire(blocking=False):
            raise RuntimeError(
                "this tracker is at work in another thread; give each camera or video a tracker of its own: "
                "FaceTracker.from_weights(), or FaceTracker(..) with the same detector, landmarker and other networks"
            )
        try:
            return method(self, *args, **options)
        finally:
            lock.release()

    return checked


def as_frame(image: Frame | Image, time_s: float | None, rgb: bool, index: int) -> Frame:
    """Return a frame as it is, or a picture as one. index: for a picture.

    image: also one of Pillow. Raises TypeError, with what to write instead, for what is no picture or has no time.
    """
    if isinstance(image, Frame):
        if time_s is not None:
            raise TypeError("update got a Frame, which has a time, and time_s; leave time_s out")
        return replace(image, image=as_bgr(image.image, rgb)) if rgb else image
    if isinstance(image, str | Path):
        raise TypeError(
            f"update got the path {str(image)!r}; give a video to tracker.track, a picture to facetrack.find_faces"
        )
    if (hasattr(image, "n_frames") and hasattr(image, "fps")) or hasattr(image, "__next__"):
        raise TypeError(
            f"update got a {type(image).__name__}; give it one frame at a time, or all of it to tracker.track"
        )
    if time_s is None:
        raise TypeError(
            "update got a picture without its time; give seconds, as in tracker.update(image, time_s=index / fps), or "
            "give a picture that stands alone to facetrack.find_faces"
        )
    return Frame(as_bgr(image, rgb), time_s=time_s, index=index)


def as_bgr(image: Image, rgb: bool) -> Image:
    """Return a picture with blue first. image: (H, W, 3) uint8, or a picture of Pillow, which has red first."""
    if type(image).__module__.partition(".")[0] == "PIL":
        image, rgb = np.asarray(image.convert("RGB")), True  # type: ignore[attr-defined]
    return np.ascontiguousarray(image[..., ::-1]) if rgb and isinstance(image, np.ndarray) else image


def check_frame(frame: Frame, last_time_s: float) -> None:
    """Raise ValueError, with what to do, unless the frame is (H, W, 3) uint8 and later than the last one."""
    if isinstance(frame.index, bool) or not isinstance(frame.index, _WHOLE):
        raise ValueError(
            f"the frame's index is {frame.index!r}; expected a whole number: Frame(image, time_s=, index=)"
        )
    if not isinstance(frame.time_s, _NUMBERS) or not math.isfinite(frame.time_s):
        raise ValueError(f"frame {frame.index} has the time {frame.time_s!r}; expected seconds as a finite number")
    if problem := _problem(frame.image):
        raise ValueError(f"the image of frame {frame.index} is {problem}")
    if not frame.time_s > last_time_s:
        raise ValueError(
            f"frame {frame.index} has time {frame.time_s} s, not after {last_time_s} s; give frames in order, and each "
            "video its own tracker, or call reset()"
        )


def _problem(image: object) -> str:
    """Return what is wrong with an image and how to mend it; empty if nothing is."""
    if not isinstance(image, np.ndarray):
        return f"of type {type(image).__name__}; expected a numpy array: np.asarray(image)"
    shape = image.shape
    if image.dtype == np.uint8 and image.ndim == 3 and shape[2] == 3 and image.size and max(shape) <= MAX_SIDE_PX:
        return ""
    got = f"{image.dtype} {shape}; expected uint8 (H, W, 3), BGR: "
    if image.ndim == 2:
        return got + "convert grey by cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)"
    if image.ndim != 3:
        return got + "give one picture at a time"
    if shape[2] != 3 and shape[0] == 3:
        return got + "transpose channels first by image.transpose(1, 2, 0)"
    if shape[2] == 1:
        return got + "convert grey by cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)"
    if shape[2] == 4:
        return got + "convert BGRA by cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)"
    if shape[2] != 3:
        return got + "give three channels"
    if not image.size:
        return got + "it has no pixels"
    if max(shape) > MAX_SIDE_PX:
        return got + f"scale it down to {MAX_SIDE_PX} px at most"
    if image.dtype == np.uint16:
        return got + "convert sixteen bits by (image >> 8).astype(np.uint8)"
    if image.dtype.kind == "f":
        return got + "convert 0..1 by np.uint8(255 * image), 0..255 by np.uint8(image)"
    return got + "convert it by image.astype(np.uint8)"


def rescale(followed: Iterable[Track | Person], last: tuple[int, int] | None, image: Image) -> tuple[int, int]:
    """Take tracks and people along where a stream changes its size; returns the (height, width) of the picture.

    last: of the picture before, None for the first.
    """
    size = image.shape[:2]
    if last is not None and last != size:
        for one in followed:
            one.rescale(size[1] / last[1], size[0] / last[0])
    return size
