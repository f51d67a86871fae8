"""List of the connected cameras and their frame sizes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2

from facetrack.capture.device import open_device, quiet_opencv
from facetrack.capture.images import natural_key
from facetrack.errors import SourceError

COMMON_SIZES = ((320, 240), (640, 480), (800, 600), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))

MAX_INDEX = 9
"""Largest index tried on systems that do not list their devices."""


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """Connected camera.

    name: index or path, for `facetrack live --camera`.
    label: the product name, None if unknown.
    sizes: (width, height) px, the supported ones of COMMON_SIZES.
    fps: frame rate at the last of them, None if unknown.
    problem: reason why it delivers no frames, as a sentence; None when it works.
    """

    name: str
    label: str | None
    sizes: tuple[tuple[int, int], ...] = ()
    fps: float | None = None
    problem: str | None = None


def list_devices() -> list[CameraDevice]:
    """Open every camera and try the common sizes, about a second each. Empty without a camera."""
    if sys.platform.startswith("linux"):
        devices = [_probe(device.name, device.label) for device in name_devices()]
    else:
        devices = [_probe(index, None) for index in range(MAX_INDEX + 1)]
        devices = [device for device in devices if device.problem is None]  # a failing index may be no camera at all
    return devices


def name_devices() -> list[CameraDevice]:
    """List the devices that may be cameras without opening one; on Linux alone, empty elsewhere."""
    if not sys.platform.startswith("linux"):
        return []
    paths = sorted(Path("/dev").glob("video[0-9]*"), key=lambda path: natural_key(path.name))
    return [CameraDevice(str(path), _linux_label(path)) for path in paths]


def _linux_label(path: Path) -> str | None:
    file = Path("/sys/class/video4linux") / path.name / "name"
    return file.read_text(errors="replace").strip() if file.exists() else None


def _probe(device: int | str, label: str | None) -> CameraDevice:
    try:
        capture = open_device(device)
    except SourceError as error:
        return CameraDevice(str(device), label, problem=str(error))
    try:
        with quiet_opencv():
            return _measure(capture, str(device), label)
    finally:
        capture.release()


def _measure(capture: cv2.VideoCapture, name: str, label: str | None) -> CameraDevice:
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    sizes = [size for size in COMMON_SIZES if _accepts(capture, size)]
    if not capture.grab():
        return CameraDevice(name, label, problem=f"The camera {name} delivers no frames; another program may use it.")
    rate = capture.get(cv2.CAP_PROP_FPS)
    return CameraDevice(name, label, tuple(sizes), float(rate) if 1 <= rate <= 1000 else None)


def _accepts(capture: cv2.VideoCapture, size: tuple[int, int]) -> bool:
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
    actual = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return (int(actual[0]), int(actual[1])) == size
