"""The training commands, found in `facetrain.cli` by name when one is asked for, so that the tracker needs no torch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from facetrack.cli.extras import need_training

COMMANDS = {
    "train": "Train a network into a folder: report.md, curves, sheets, model.onnx.",
    "eval": "Measure networks (`eval MODEL --data PATH`) and the tracker.",
    "data": "Inspect, convert and make labelled faces.",
    "label": "Label your own pictures and videos with a teacher network.",
    "export": "Write a network for another runtime, compared with torch before it is kept.",
}
"""Command -> its line in `facetrack --help`."""
WITHOUT_EXTRA = ("data",)
"""Groups of which most commands run without the extra `train`; the others check for it themselves."""


class WithTraining(TyperGroup):
    """The tracker's commands, and after them COMMANDS. A listed command is a stub until it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Replace the stub by the real command. Raises MissingExtraError where it needs packages that are missing."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else command, rest


def load(name: str) -> Any:
    """The command or group `name` of `facetrain.cli`."""
    if name not in WITHOUT_EXTRA:
        need_training()
    app: typer.Typer = import_module("facetrain.cli").app(name)
    return typer.main.get_command(app)
