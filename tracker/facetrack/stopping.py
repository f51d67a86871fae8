"""The one place for signals: SIGINT, SIGTERM and SIGHUP end a command within a second, whatever it is doing.

The first signal raises `Stopped` in the main thread; later ones change nothing, so that closing the outputs is not
interrupted in its turn. Inside `uninterrupted` it is put off to the block's end. A main thread that sits in a C call
runs no handler: a watchdog thread, which Python's own C handler wakes (signal.set_wakeup_fd), ends the process after
LIMIT_S, once it has made the calls registered with `on_forced_end`.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import ClassVar

LIMIT_S = 0.8
"""Time from a signal to the end of the process."""
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
MESSAGE = "facetrack: stopped\n"


class Stopped(BaseException):
    """Request of the user or the system to stop. No KeyboardInterrupt, which Typer would take for itself.

    exit_code: as a shell gives it, 128 and the signal's number.
    """

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__(signum)
        self.exit_code = 128 + signum


class _State:
    """State of the process: the first signal, whether it waits for the end of a block, and how deep blocks are nested.

    exit_code: of a forced end; None for the signal's own.
    """

    signum: int | None = None
    waiting = False
    depth = 0
    exit_code: int | None = None
    last_calls: ClassVar[list[Callable[[], None]]] = []


def install() -> None:
    """Take the signals over, in the main thread. SIGHUP stays ignored where it is (nohup)."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in SIGNALS:
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)
    threading.Thread(target=_watch, args=(reader,), name="facetrack watchdog", daemon=True).start()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_give_back)


def stopping() -> bool:
    """Return whether a signal has come."""
    return _State.signum is not None


def end_with(exit_code: int) -> None:
    """Set the exit code of a forced end: 0 for a command whose regular end is a signal."""
    _State.exit_code = exit_code


def leave(exit_code: int) -> None:
    """End the process at once if a signal has come; return if none has.

    Python's own end waits for threads and libraries, with the watchdog gone already.
    """
    if not stopping():
        return
    end_with(exit_code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if _takes_output(stream.fileno()) is not False:
                stream.flush()
    os._exit(exit_code)


def on_forced_end(call: Callable[[], None]) -> Callable[[], None]:
    """Have `call` made before the process is ended by force; returns the function that takes it back."""
    _State.last_calls.append(call)

    def take_back() -> None:
        with suppress(ValueError):
            _State.last_calls.remove(call)

    return take_back


class uninterrupted:  # noqa: N801  (read as a statement: `with uninterrupted():`)
    """Block that a signal does not interrupt in the main thread; `Stopped` is raised at its end instead."""

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            _State.depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        _State.depth -= 1
        if _State.depth == 0 and _State.waiting and _State.signum is not None:
            _State.waiting = False
            raise Stopped(_State.signum) from error


def _handle(signum: int, _: FrameType | None) -> None:
    if _State.signum is not None:
        return
    _State.signum = signum
    if _State.depth:
        _State.waiting = True
    else:
        raise Stopped(signum)


def _give_back() -> None:
    """Restore the usual signals in a forked child, which would otherwise wake its parent's watchdog."""
    with suppress(ValueError):  # not the main thread
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            if signal.getsignal(number) is _handle:
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _takes_output(descriptor: int) -> bool | None:
    """Return whether something can be written without waiting; None on Windows, whose select takes sockets alone."""
    try:
        return bool(select.select([], [descriptor], [], 0)[1])
    except OSError:
        return None if sys.platform == "win32" else False


def _watch(reader: socket.socket) -> None:
    while not (numbers := {*reader.recv(64)} & {*map(int, SIGNALS)}):
        pass
    time.sleep(LIMIT_S)
    for call in list(_State.last_calls):
        with suppress(Exception):  # nothing may keep the process from ending
            call()
    if _takes_output(2):  # standard error may be a full pipe, too
        with suppress(OSError):
            os.write(2, MESSAGE.encode())
    os._exit(128 + min(numbers) if _State.exit_code is None else _State.exit_code)
