"""Progress of measurements and trainings: bars on a terminal, lines that are written at once everywhere."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from facetrack.cli.console import progress_bar

T = TypeVar("T")

console = Console(stderr=True, highlight=False, soft_wrap=True)
"""Standard error; rich flushes every line, so that a log file shows what a terminal does."""
LOG_NAME = "log.txt"


class _Log:
    """Lines of one run, and files that belong to it, written into its folder as soon as that exists."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder, self.files, self.waiting = folder, dict(files), list[str]()
        self.said_once: set[str] = set()

    def add(self, text: str) -> None:
        self.waiting.append(text)
        self.flush()

    def flush(self) -> None:
        if not self.folder.is_dir():
            return
        for name in tuple(self.files):
            (self.folder / name).write_text(self.files.pop(name), encoding="utf-8")
        if self.waiting:
            with (self.folder / LOG_NAME).open("a", encoding="utf-8") as log:
                log.writelines(f"{line}\n" for line in self.waiting)
            self.waiting.clear()


_logs: list[_Log] = []


@contextmanager
def logged_to(folder: Path, files: Mapping[str, str] | None = None) -> Iterator[None]:
    """Also append what `say` prints to folder/log.txt, and write `files`, name -> text, beside it.

    Both wait until the folder exists: a run that fails before it makes one leaves none.
    """
    _logs.append(_Log(folder, files or {}))
    try:
        yield
    finally:
        log = _logs.pop()
        if is_first_process():
            log.flush()  # where nothing was said since the folder was made, as after an error


def say(text: str) -> None:
    """Print a line on standard error at once, above a progress bar if one is shown, and log it.

    Of several processes, as under torchrun, the first alone speaks.
    """
    if not is_first_process():
        return
    console.print(text, markup=False)
    for log in _logs:
        log.add(text)


def is_first_process() -> bool:
    """Return whether this is the first of several processes, as under torchrun, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def say_once(text: str) -> None:
    """Print a line as `say` does, but only once in a run."""
    if not any(text in log.said_once for log in _logs):
        for log in _logs:
            log.said_once.add(text)
        say(text)


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Say what is being done before it begins, and how long it took at its end."""
    say(f"{doing} ..")
    started = time.monotonic()
    yield
    say(f"{doing}: {time.monotonic() - started:.0f} s")


def with_progress(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, with a progress bar on a terminal. total: number of the items, if they have no length."""
    bar_console = Console(stderr=True)
    with progress_bar(bar_console, transient=True, disable=not bar_console.is_terminal) as bar:
        yield from bar.track(items, total, description=title)
