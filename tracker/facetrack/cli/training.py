"""Training commands, loaded from `facetrain.cli` by name when one is called, so that the tracker needs no torch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from facetrack.cli.extras import need_training
from facetrack.cli.shell.help import dress, help_text

COMMANDS = {
    "train": "Train a network; writes report.md, curves, image sheets and model.onnx to a folder.",
    "eval": "Evaluate networks (`eval MODEL --data PATH`) and the tracker.",
    "data": "Inspect, convert and generate labelled faces.",
    "label": "Label your own images and videos with a teacher network.",
    "export": "Export a network for another runtime, after a parity check against torch.",
}
"""Command -> its help text in `facetrack --help`."""
WITHOUT_EXTRA = ("data",)
"""Groups with commands that run without the extra `train`; commands that need it check for it themselves."""


class WithTraining(TyperGroup):
    """Command group of the tracker's commands followed by COMMANDS, which are stubs until they are called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name], rich_help_panel="Train and measure networks")
        found = super().get_command(ctx, cmd_name)
        return None if found is None else dress(found)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help of `facetrack` itself."""
        formatter.write(help_text(self, ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Replace the stub by the real command. Raises MissingExtraError if packages that it needs are missing."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else command, rest


def load(name: str) -> Any:
    """Load the command or group `name` of `facetrain.cli`."""
    if name not in WITHOUT_EXTRA:
        need_training()
    app: typer.Typer = import_module("facetrain.cli").app(name)
    return dress(typer.main.get_command(app))
