"""Options that every command of the tracker takes: how much it says, and its whole help."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetrack.cli.shell.help import ALL

if TYPE_CHECKING:
    from rich.console import Console


class _State:
    """How much is said on standard error. quiet: errors alone. verbose: also which engine runs, and tracebacks."""

    quiet = verbose = False


def is_verbose() -> bool:
    """Return whether --verbose was given."""
    return _State.verbose


def console() -> Console:
    """Return the console for what a command says, on standard error: standard output is free for JSON."""
    from rich.console import Console

    return Console(stderr=True, quiet=_State.quiet, highlight=False)


def _be_quiet(value: bool) -> None:
    _State.quiet = value


def _be_verbose(value: bool) -> None:
    _State.verbose = value
    if value:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger = logging.getLogger("facetrack")
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)


def _help_all(ctx: typer.Context, value: bool) -> None:
    if value:
        ctx.meta[ALL] = True
        typer.echo(ctx.get_help())
        raise typer.Exit


_OPTIONS = {
    "quiet": typer.Option("--quiet", "-q", callback=_be_quiet, is_eager=True, help="Say nothing but errors."),
    "verbose": typer.Option(
        "--verbose",
        "-v",
        callback=_be_verbose,
        is_eager=True,
        help="Also say which engine runs; errors with traceback.",
    ),
    "help_all": typer.Option("--help-all", callback=_help_all, is_eager=True, help="Explain every option."),
}


def common(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which need not know them."""
    own = [
        found.replace(kind=Parameter.KEYWORD_ONLY) for found in signature(command, eval_str=True).parameters.values()
    ]
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option])
        for name, option in _OPTIONS.items()
    ]

    @wraps(command)
    def run(**values: Any) -> None:
        command(**{name: value for name, value in values.items() if name not in _OPTIONS})

    run.__signature__ = Signature([*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {found.name: found.annotation for found in (*own, *added)}
    return run
