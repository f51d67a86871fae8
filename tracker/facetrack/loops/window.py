"""Display window of OpenCV, which aborts the process without a display, so that the display is checked first."""

from __future__ import annotations

import os
import socket
import sys
from types import TracebackType
from typing import Self

import cv2

from facetrack.errors import DisplayError
from facetrack.types import Image

_ADVICE = "use --no-window with --json or --record, or run it on a desktop"


class Window:
    """Window that shows frames and returns the keys pressed in it.

    closed: whether the user has closed the window.
    Raises DisplayError if no window can be opened.
    """

    def __init__(self, title: str = "facetrack", *, full_screen: bool = False) -> None:
        check_display()
        self._title = title
        # OpenCV's Qt warns at length about fonts missing from its wheel; none of them is needed here.
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
        try:
            shape = cv2.WINDOW_FREERATIO if full_screen else cv2.WINDOW_KEEPRATIO
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | shape | cv2.WINDOW_GUI_NORMAL)
            if full_screen:
                cv2.setWindowProperty(title, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
        except cv2.error as error:
            raise DisplayError(
                f"this OpenCV cannot open a window (a headless build?); install opencv-python, or {_ADVICE}"
            ) from error
        self._sized = full_screen
        self.closed = False

    def show(self, image: Image) -> str:
        """Show (H, W, 3) BGR; returns the key pressed since the last call, "" if none, "esc" for Escape."""
        if not self._sized:
            cv2.resizeWindow(self._title, image.shape[1], image.shape[0])
            self._sized = True
        cv2.imshow(self._title, image)
        code = cv2.waitKey(1)
        self.closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        if code < 0:
            return ""
        return "esc" if code & 0xFF == 27 else chr(code & 0xFF)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.closed:
            cv2.destroyWindow(self._title)


def check_display() -> None:
    """Raise DisplayError on Linux if there is neither a Wayland display nor an X server that responds."""
    if not sys.platform.startswith("linux"):
        return
    if os.environ.get("WAYLAND_DISPLAY"):
        return
    display = os.environ.get("DISPLAY")
    if not display:
        raise DisplayError(f"there is no display to open a window on (DISPLAY is not set); {_ADVICE}")
    if not _x_server_answers(display):
        raise DisplayError(f"the display {display} does not answer; {_ADVICE}")


def _x_server_answers(display: str) -> bool:
    """Return whether the X server accepts a connection: local socket for `:N`, TCP port 6000 + N for `host:N`."""
    host, _, rest = display.rpartition(":")
    number = rest.split(".")[0]
    if not number.isdecimal():
        return False
    targets: list[tuple[int, str | tuple[str, int]]] = []
    if host in ("", "unix"):
        name = f"/tmp/.X11-unix/X{number}"
        targets = [(socket.AF_UNIX, "\0" + name), (socket.AF_UNIX, name)]
    else:
        targets = [(socket.AF_INET, (host, 6000 + int(number)))]
    for family, address in targets:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(2)
            try:
                probe.connect(address)
            except OSError:
                continue
            return True
    return False
