"""Griffe extension: lines of a docstring that explain a field, `name, other: text`, are shown as a list."""

from __future__ import annotations

import re
from typing import Any

import griffe

NAMES = r"([a-z_]\w*(?:, [a-z_]\w*)*): (?=\S)"
FIELD = re.compile(f"^{NAMES}")
INSIDE = re.compile(rf"(?<=[a-z)\]]\.) {NAMES}")
"""A further field on the line of another: `width: px. fps: of a camera.`"""
ENDED = re.compile(r"([^A-Z]\.|\))$")
"""A line that ends with its sentence: not with an initial, such as "J." of a journal."""


class Fields(griffe.Extension):
    """Rewrite docstrings as they are read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = listed(obj.docstring.value)


def listed(text: str) -> str:
    """Return the docstring with its fields as a Markdown list.

    A field begins after a blank line or after another field: other lines with a colon are prose. A line that goes on is
    indented, begins in lower case, or follows one whose sentence has not ended; a sentence of its own ends the list.
    """
    lines: list[str] = []
    in_list = False
    for line in text.split("\n"):
        if FIELD.match(line) and (in_list or not lines or not lines[-1].strip()):
            in_list = True
            lines += [f"- {part}" for part in _bold(line)]
        elif in_list and line.strip() and (line.startswith(" ") or line[0].islower() or not ENDED.search(lines[-1])):
            first, *fields = _bold(line.strip())
            lines += [f"    {first}", *(f"- {part}" for part in fields)]
        else:
            lines += ["", line] if in_list and line.strip() else [line]
            in_list = False
    return "\n".join(lines)


def _bold(line: str) -> list[str]:
    """Return the fields of one line, their names in bold."""
    return [FIELD.sub(r"**\1**: ", part) for part in INSIDE.sub(r"\n\1: ", line).split("\n")]
