"""Help as one screen: options in panels, one line each where they fit, and those of rare use folded to their names."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections import defaultdict
from typing import Any

SCREEN_LINES = 50
WIDEST = 100
"""Columns; longer lines are hard to read."""
FOLDED = ("Other programs", "Alarms", "Engine", "Tracking")
"""Panels that are folded to the names of their options where the help would be longer than a screen, in this order."""
ALL = "facetrack.help_all"
"""Key of the context's meta: nothing is folded."""
MARGIN, LEAST_TEXT = 2, 30
INPUT, OUTPUT, TRACKING, ENGINE, LAST = "Input", "Output", "Tracking", "Engine", "Options"
PANELS = (INPUT, OUTPUT, TRACKING, ENGINE, "Other programs", "Alarms")
COMMANDS_LAST = "Other commands"


def dress(command: Any) -> Any:
    """Give a command, or a group with all of its commands, this help; returns it."""
    command.format_help = lambda ctx, formatter: formatter.write(help_text(command, ctx))
    for inner in getattr(command, "commands", {}).values():
        dress(inner)
    return command


def help_text(command: Any, ctx: Any) -> str:
    """Return the help of a command."""
    width = min(ctx.terminal_width or shutil.get_terminal_size((WIDEST, SCREEN_LINES)).columns, WIDEST)
    head = [f"Usage: {_usage(command, ctx)}", "", *_paragraphs(command.help or "", width)]
    panels = _panels(command, ctx)
    folded: list[str] = []
    body = _shortest(panels, folded, width)
    for name in FOLDED:
        if len(head) + len(body) < SCREEN_LINES or ctx.meta.get(ALL):
            break
        folded += [name] if name in panels else []
        body = _shortest(panels, folded, width)
    foot = [f"{' '.join(ctx.command_path.split())} --help-all explains these, too."]
    return "\n".join([*head, *body, *(foot if folded else ())]) + "\n"


def _usage(command: Any, ctx: Any) -> str:
    arguments = [param.metavar or param.name.upper() for param in command.get_params(ctx) if not _is_option(param)]
    if hasattr(command, "list_commands"):
        arguments = ["COMMAND [ARGS]..."]
    return " ".join([ctx.command_path, "[OPTIONS]", *arguments])


def _is_option(param: Any) -> bool:
    return any(name.startswith("-") for name in param.opts)


def _paragraphs(text: str, width: int) -> list[str]:
    """Fill the paragraphs of a docstring anew: its own line ends are those of the source."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines += [*textwrap.wrap(_plain(" ".join(paragraph.split())), width), ""]
    return lines[:-1]


def _plain(text: str) -> str:
    return text.replace("\\[", "[")


def _panels(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """Rows (label, text) by panel in the order of PANELS."""
    panels: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for param in command.get_params(ctx):
        if not getattr(param, "hidden", False):
            panels[getattr(param, "rich_help_panel", None) or LAST].append(_row(param))
    for name in command.list_commands(ctx) if hasattr(command, "list_commands") else ():
        inner = command.get_command(ctx, name)
        if inner is not None and not inner.hidden:
            first = re.split(r"[.;] ", _plain(" ".join((inner.help or "").split("\n\n")[0].split())))[0].rstrip(".")
            panels[getattr(inner, "rich_help_panel", None) or COMMANDS_LAST].append((name, first))
    order = [*PANELS, *(name for name in panels if name not in PANELS and name != LAST), LAST]
    return {name: panels[name] for name in order if name in panels}


def _row(param: Any) -> tuple[str, str]:
    """Label and text of one parameter."""
    is_option = _is_option(param)
    text = _plain(" ".join((getattr(param, "help", None) or "").split()))
    word = _type_word(param)
    flag = getattr(param, "is_flag", False) or word.startswith("bool") or not is_option
    kind = param.metavar or ("" if flag else _KINDS.get(word, word.upper()))
    if not is_option:
        return param.metavar or param.name.upper(), text
    names = sorted(param.opts, key=len)
    label = ", ".join(names) + (f"/{param.secondary_opts[0]}" if param.secondary_opts else "")
    default = param.default
    if isinstance(default, str | int | float) and default != "" and not flag:
        text += f" [{default:g}]" if isinstance(default, float) else f" [{default}]"
    return f"{label} {kind}".strip(), text


def _type_word(param: Any) -> str:
    """Return a word for the type of an option's value: newer versions of Typer describe it, older ones use Click's."""
    kind = getattr(param, "type", None)
    if kind is None:
        return str(getattr(param.type_descriptor.annotation, "__name__", "text")).lower()
    return str(kind.name).split()[0]


_KINDS = {"integer": "N", "int": "N", "float": "X", "text": "TEXT", "str": "TEXT", "path": "FILE"}


def _shortest(panels: dict[str, list[tuple[str, str]]], folded: list[str], width: int) -> list[str]:
    """Return the panels with that width of the labels' column that takes the fewest lines."""
    shown = [len(label) for name, rows in panels.items() if name not in folded for label, _ in rows]
    widths = range(min(max(shown), 16), max(min(max(shown), width - LEAST_TEXT - 2 * MARGIN), 17))
    bodies = [_body(panels, folded, width, column) for column in reversed(widths)]
    return min(bodies, key=len)


def _body(panels: dict[str, list[tuple[str, str]]], folded: list[str], width: int, column: int) -> list[str]:
    lines: list[str] = []
    for name, rows in panels.items():
        lines += ["", f"{name}:"]
        if name in folded:
            names = ", ".join(label.split()[0].split("/")[0].rstrip(",") for label, _ in rows)
            lines[-1:] = textwrap.wrap(
                f"{name}: {names}", width, subsequent_indent=" " * MARGIN, break_on_hyphens=False
            )
            continue
        for label, text in rows:
            lines += _lines(label, text, column, width)
    return lines


def _lines(label: str, text: str, column: int, width: int) -> list[str]:
    indent = " " * (column + 2 * MARGIN)
    wrapped = textwrap.wrap(text, width - len(indent), break_on_hyphens=False) or [""]
    start = " " * MARGIN + label
    if len(label) > column:
        return [start, *(indent + line for line in wrapped)]
    return [start.ljust(len(indent)) + wrapped[0], *(indent + line for line in wrapped[1:])]
