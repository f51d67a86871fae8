"""The training commands of the command line, found by name from `facetrack.cli.training`."""

from __future__ import annotations

from importlib import import_module

import typer

GROUPS = {"eval": "evaluations", "data": "data"}
"""Commands with commands of their own -> the module that holds them."""


def app(name: str) -> typer.Typer:
    """The command or group of commands `name`, its module imported only now."""
    module = import_module(f"facetrain.cli.{GROUPS.get(name, name)}")
    if name in GROUPS:
        group: typer.Typer = module.app
        return group
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    single.command(name)(getattr(module, name))
    return single
