"""Bounds: of what clients send, and of how many there are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

MAX_BODY = 4096
"""Bytes of a request's body, and of a client's text message."""
MAX_JPEG = 1 << 20
"""Bytes of a browser camera's picture: ten times a sharp 720p."""
MAX_PICTURE_PX = 1920 * 1200
"""Pixels of a browser camera's picture."""
MAX_CLIENTS = 32
"""Clients of streams at once; MAX_CONNECTIONS: all connections."""
MAX_CONNECTIONS = 128
SEND_S = 20.0
"""Time in which a client must take a message."""
STALLED_S = 20
"""Time after which the system ends a connection whose other side takes nothing (TCP_USER_TIMEOUT, Linux)."""


class Rate:
    """A token bucket. per_s: how much is allowed each second; burst: at once."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._left, self._last_s = burst, time.monotonic()

    def allows(self) -> bool:
        """Take one; returns False where none is left."""
        now_s = time.monotonic()
        self._left = min(self._burst, self._left + (now_s - self._last_s) * self._per_s)
        self._last_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class TooManyError(Exception):
    """No room for another client."""


class Clients:
    """Count of the clients by kind: websocket, events, mjpeg, browser_camera. browser_cameras: their limit."""

    def __init__(self, browser_cameras: int) -> None:
        self.browser_cameras = browser_cameras
        self.counts: Counter[str] = Counter()

    @contextmanager
    def one(self, kind: str) -> Iterator[None]:
        """Count a client while the block runs. Raises TooManyError."""
        if kind == "browser_camera":
            full = self.counts[kind] >= self.browser_cameras
        else:
            full = sum(self.counts.values()) - self.counts["browser_camera"] >= MAX_CLIENTS
        if full:
            raise TooManyError
        self.counts[kind] += 1
        try:
            yield
        finally:
            self.counts[kind] -= 1
