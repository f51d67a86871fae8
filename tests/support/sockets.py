"""Sockets of the other side, for tests of what is sent."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType


class Receiver:
    """Everything that comes to a UDP port of this machine, collected by a thread. packets: as they came."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = int(self._socket.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        self.packets: list[bytes] = []
        self.senders: list[tuple[str, int]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while not self._ended.is_set():
            try:
                data, sender = self._socket.recvfrom(65_535)
            except TimeoutError:
                continue
            self.packets.append(data)
            self.senders.append(sender)

    def answer(self, data: bytes) -> None:
        """Send to whoever sent last."""
        self._socket.sendto(data, self.senders[-1])

    def wait(self, count: int, seconds: float = 5.0) -> list[bytes]:
        """Return the packets once there are `count` of them; asserts that they come."""
        until = time.monotonic() + seconds
        while len(self.packets) < count and time.monotonic() < until:
            time.sleep(0.005)
        assert len(self.packets) >= count, f"{len(self.packets)} of {count} packets came"
        return self.packets

    def everything(self) -> list[bytes]:
        """Return all packets that were sent until now, however many: those that came before one of its own."""
        end = b"nothing was sent after this"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.sendto(end, ("127.0.0.1", self.port))
        until = time.monotonic() + 5.0
        while end not in self.packets and time.monotonic() < until:
            time.sleep(0.005)
        return self.packets[: self.packets.index(end)]

    def __enter__(self) -> Receiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Return a port that nothing uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
