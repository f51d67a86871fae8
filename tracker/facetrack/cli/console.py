"""Tables and progress bars on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from facetrack.types import Frame


def print_table(console: Console, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the first column left-aligned, all others right-aligned."""
    from rich.table import Table

    table = Table(title=title)
    for column, name in enumerate(head):
        table.add_column(name.replace("_", " "), justify="right" if column else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def frames_of(clip: Path, title: str) -> Iterator[Frame]:
    """Yield the clip's frames, with a progress bar if standard error is a terminal."""
    from rich.console import Console
    from rich.progress import track

    from facetrack.capture import VideoFile

    console = Console(stderr=True)
    with VideoFile(clip) as frames:
        hidden = not console.is_terminal
        yield from track(frames, title, total=frames.n_frames, console=console, transient=True, disable=hidden)
