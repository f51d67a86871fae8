"""Write the signals' part of schema.json and of docs/signals.md again, after a change of `facetrack.types.signals`.

Run: python tests/support/write_fields.py
"""

import json
import re
import textwrap

from facetrack.sinks.fields import docs_table, signals_schema
from facetrack.sinks.jsonl import SCHEMA_FILE
from places import REPOSITORY


def write_fields() -> None:
    """Write both files."""
    signals = textwrap.indent(f'"signals": {json.dumps(signals_schema(), indent=2)}', "    ")
    # Lists of names stand on one line.
    signals = re.sub(r"\[\n\s+([^][]*?)\n\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", signals)
    text = SCHEMA_FILE.read_text()
    SCHEMA_FILE.write_text(re.sub(r'(?ms)^    "signals": \{\n.*?^    \}', lambda _: signals, text))
    page, table = REPOSITORY / "docs" / "signals.md", docs_table()
    head = re.escape(table.splitlines()[0])
    page.write_text(re.sub(rf"{head}\n(\|.*\n)+", lambda _: table, page.read_text()))


if __name__ == "__main__":
    write_fields()
