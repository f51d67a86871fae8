"""Progress bars of measurements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def with_progress(items: Iterable[T], title: str, total: int | None = None) -> Iterable[T]:
    """Yield the items, with a progress bar on a terminal. total: number of the items, if they have no length."""
    console = Console(stderr=True)
    return track(items, title, total, console=console, transient=True, disable=not console.is_terminal)
