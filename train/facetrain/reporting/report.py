"""Report of a measurement: the same tables on the terminal, in report.md and, as numbers, in figures.json."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from facetrack.cli.console import print_table
from facetrack.types.address import typed_command
from facetrain.reporting import markdown
from facetrain.reporting.figures import save_figures


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text below a head, the first column their names; `**` around text makes it bold, as in Markdown."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """All that a measurement says.

    tables: printed and saved. details: tables that are only saved. figures: what figures.json holds, of dicts, lists,
    numbers, text; NaN and infinities become null. notes: sentences that a reader of the figures must know. meaning:
    name of a column or figure -> what it is. plots: file name -> function that draws it to a path.
    """

    title: str
    tables: Sequence[Table]
    figures: Any = None
    notes: Sequence[str] = ()
    meaning: Mapping[str, str] = field(default_factory=dict)
    plots: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    details: Sequence[Table] = ()

    def output(self, folder: Path | None) -> None:
        """Print the tables and notes; with a folder, save everything there."""
        console = Console()
        self.print(console)
        if folder is not None:
            console.print(f"wrote {', '.join(self.save(folder))} to {folder}", highlight=False, markup=False)

    def print(self, console: Console) -> None:
        """Print the tables, then the notes."""
        for table in self.tables:
            print_table(console, table.title, table.head, [[_bold(text) for text in row] for row in table.rows])
        for note in self.notes:
            console.print(_bold(note), highlight=False)

    def save(self, folder: Path) -> list[str]:
        """Write report.md, figures.json and the plots; return the names of the files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in self.plots.items():
            draw(folder / name)
        save_figures(self.figures, folder)
        (folder / "report.md").write_text(self.markdown(folder))
        return ["report.md", "figures.json", *self.plots]

    def markdown(self, folder: Path) -> str:
        """Return the text of report.md. folder: of the plots."""
        parts = [f"# {self.title}\n", markdown.code(typed_command()), *(f"{note}\n" for note in self.notes)]
        for table in (*self.tables, *self.details):
            body = markdown.table(table.head, table.rows) if table.rows else "None.\n"
            parts += [f"## {table.title[:1].upper()}{table.title[1:]}\n", body]
        if self.meaning:
            parts += ["## Meaning\n", markdown.table(("name", "meaning"), list(self.meaning.items()))]
        return "\n".join([*parts, markdown.pictures([folder / name for name in self.plots], folder)])


def _bold(text: str) -> str:
    """Return rich's markup of text with Markdown's bold."""
    return re.sub(r"\*\*(.+?)\*\*", r"[bold]\1[/]", escape(text))
