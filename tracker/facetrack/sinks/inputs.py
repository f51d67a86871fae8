"""Decides whether a path may be written: no input, and nothing that is there already unless its name was given."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from facetrack.errors import OutputError
from facetrack.types.frame import IMAGE_SUFFIXES

Inputs = str | Path | Iterable[str | Path | None] | None
"""Files and folders that are read; a camera's index or address among them names no file."""


def check_outputs(
    named: Iterable[str | Path | None] = (),
    unnamed: Iterable[str | Path | None] = (),
    inputs: Inputs = None,
    overwrite: bool = False,
) -> None:
    """Raise OutputError unless the outputs may be written.

    named: those that the user named; they replace what is there. unnamed: those whose names the command chose; they
    replace nothing, unless `overwrite`. Two outputs of one path are refused, and so is every input.
    """
    given = [path for path in named if path is not None]
    chosen = [path for path in unnamed if path is not None]
    check_distinct(*given, *chosen)
    for path in (*given, *chosen):
        if str(path) != "-":
            check_target(path, inputs, streams=True)
    refuse_existing(chosen, overwrite)


def refuse_existing(chosen: Iterable[str | Path], overwrite: bool = False) -> None:
    """Raise OutputError if a file whose name the command chose is there already."""
    for path in chosen:
        if not overwrite and Path(path).exists():
            raise OutputError(f"{path} is there already; name another output, or replace it with --overwrite.")


def refuse_inputs(outputs: Iterable[str | Path], inputs: Inputs) -> None:
    """Raise OutputError if an output is one of the inputs, or a picture in one of them."""
    for given in outputs:
        path = Path(given).resolve()
        for source in _several(inputs):
            if path.exists() and Path(source).exists() and path.samefile(source):
                raise OutputError(
                    f"{given} is the input itself and would be overwritten; choose another name for the output."
                )
            if _is_picture_of(path, Path(source)):
                raise OutputError(f"{given} is one of the input's pictures; choose another name for the output.")


def check_distinct(*paths: str | Path | None) -> None:
    """Raise OutputError if two outputs have the same path."""
    given = [path if str(path) == "-" else Path(path).resolve() for path in paths if path is not None]
    for path in given:
        if given.count(path) > 1:
            name = "standard output" if str(path) == "-" else path
            raise OutputError(f"{name} is given for two outputs; choose a name for each")


def check_target(given: str | Path, inputs: Inputs = None, streams: bool = False) -> None:
    """Raise OutputError if a file may not be written at `given`. streams: a pipe or device may be written to."""
    path = Path(given).resolve()
    if path.is_dir():
        raise OutputError(f"{given} is a folder; give the name of a file in it.")
    if not path.parent.is_dir():
        raise OutputError(f"The folder {path.parent} for {given} does not exist; create it, or choose another one.")
    if path.exists() and not path.is_file():
        if streams:
            return
        raise OutputError(f"{given} is a device or pipe, not a file; give the name of a file.")
    refuse_inputs((given,), inputs)
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"{given} is there already and may not be overwritten; delete it, or choose another name.")


def _several(inputs: Inputs) -> list[str | Path]:
    if inputs is None or isinstance(inputs, str | Path):
        return [] if inputs is None else [inputs]
    return [item for item in inputs if item is not None]


def _is_picture_of(path: Path, source: Path) -> bool:
    """Return whether `path` is an existing picture of the folder `source`."""
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and source.is_dir() and path.parent.samefile(source)
