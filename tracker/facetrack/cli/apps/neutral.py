"""`facetrack neutral`: ask a running `facetrack live --control` for the neutral pose."""

from __future__ import annotations

from typing import Annotated

import typer


def neutral(
    address: Annotated[
        str, typer.Argument(help="HOST or HOST:PORT of the run's --control; default: this machine, 39541.")
    ] = ("default"),
) -> None:
    """Make a running `live --control` or `replay --control` take the head's present pose as looking straight ahead."""
    from facetrack.sinks.network.control import ask_for_neutral

    ask_for_neutral(address)
