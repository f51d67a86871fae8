"""Write schema.json and the last table of docs/signals.md again after a change of signals or kinds of events.

They are declared in `facetrack.types.signals` and `facetrack.types.events`.

Run: python tests/support/write_fields.py
"""

import json
import re
from typing import Any

from facetrack.sinks.fields import docs_table, signals_schema
from facetrack.sinks.jsonl import SCHEMA_FILE
from facetrack.types.events import KINDS
from places import REPOSITORY

WIDTH = 120


def layout(value: Any, indent: int = 0, before: int = 0) -> str:
    """Lay JSON out as schema.json is: on one line what fits there and has no description, else a line for each part.

    indent: of the line that it begins on. before: how many characters stand on that line already.
    """
    line = json.dumps(value)
    if not isinstance(value, dict | list) or (before + len(line) < WIDTH and '"description"' not in line):
        return line
    inner = " " * (indent + 2)
    if isinstance(value, list):
        parts = [inner + layout(item, indent + 2, indent + 2) for item in value]
    else:
        names = [f"{inner}{json.dumps(name)}: " for name in value]
        parts = [name + layout(value[key], indent + 2, len(name)) for name, key in zip(names, value, strict=True)]
    start, end = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{start}\n" + ",\n".join(parts) + f"\n{' ' * indent}{end}"


def schema_text() -> str:
    """Return schema.json with the signals and kinds of events of today."""
    signals = f'    "signals": {layout(signals_schema(), 4, 15)}'
    kinds = f'          "examples": {layout(list(KINDS), 10, 22)},'
    text = re.sub(r'(?ms)^    "signals": \{\n.*?^    \}', lambda _: signals, SCHEMA_FILE.read_text())
    return re.sub(r'(?ms)^          "examples": \[.*?\],', lambda _: kinds, text)


def write_fields() -> None:
    """Write both files."""
    SCHEMA_FILE.write_text(schema_text())
    page, table = REPOSITORY / "docs" / "signals.md", docs_table()
    head = re.escape(table.splitlines()[0])
    page.write_text(re.sub(rf"{head}\n(\|.*\n)+", lambda _: table, page.read_text()))


if __name__ == "__main__":
    write_fields()
