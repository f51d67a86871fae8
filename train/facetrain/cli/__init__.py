"""Training commands of the command line, looked up by name from `facetrack.cli.training`."""

from __future__ import annotations

from importlib import import_module

import typer

GROUPS = {"eval": "evaluate", "data": "data"}
"""Groups of commands -> the module of each."""


def app(name: str) -> typer.Typer:
    """Import and return the command or group of commands `name`."""
    module = import_module(f"facetrain.cli.{GROUPS.get(name, name)}")
    if name in GROUPS:
        group: typer.Typer = module.app
        return group
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    single.command(name)(getattr(module, name))
    return single
