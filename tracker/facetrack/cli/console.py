"""Tables and progress bars on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table


def print_table(console: Console, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the first column left-aligned, all others right-aligned."""
    from rich.table import Table

    table = Table(title=title)
    for column, name in enumerate(head):
        table.add_column(name.replace("_", " "), justify="right" if column else "left")
    for row in rows:
        table.add_row(*row)
    show_table(console, table)


def show_table(console: Console, table: Table) -> None:
    """Print a table without cutting a cell; in a file or pipe as wide as it is, so that a command in it stays whole."""
    from rich.measure import Measurement

    for column in table.columns:
        column.overflow = "fold"
    if not console.is_terminal:
        needed = Measurement.get(console, console.options.update(width=100_000), table).maximum
        console.width = max(console.width, needed)
    console.print(table)


def progress_bar(console: Console, *, transient: bool = False, disable: bool = False) -> Progress:
    """Return a progress bar. console: of standard error, so that standard output is free for JSON."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console,
        transient=transient, disable=disable,
    )  # fmt: skip
