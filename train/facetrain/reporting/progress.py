"""Progress bars of measurements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console

from facetrack.cli.console import progress_bar

T = TypeVar("T")


def with_progress(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, with a progress bar on a terminal. total: number of the items, if they have no length."""
    console = Console(stderr=True)
    with progress_bar(console, transient=True, disable=not console.is_terminal) as bar:
        yield from bar.track(items, total, description=title)
