"""Names of outputs as they are typed: folders, and files that get their names here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from facetrack.errors import OutputError


@dataclass
class Planned:
    """The outputs of one input by option, such as "out". named: those whose names the user gave; chosen: the others."""

    source: Path
    paths: dict[str, str] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)


def plan(
    sources: Sequence[Path], given: dict[str, str | None], endings: dict[str, str], default: str | None = None
) -> list[Planned]:
    """Return the outputs of every input.

    given: what was typed by option: a file, for one input alone, or a folder, in which the files are named after the
    inputs. endings: what follows the input's name by option, such as "_faces.mp4". default: the option whose file is
    written to the current folder where nothing is given. Raises OutputError for a file where a folder is needed.
    """
    jobs = [Planned(source) for source in sources]
    for option, text in given.items():
        if text is None:
            continue
        folder = _is_folder(text)
        if len(jobs) > 1 and not folder and (text == "-" or Path(text).suffix):
            raise OutputError(
                f"--{option} is {text}, one name for {len(jobs)} inputs; give a folder, such as --{option} results/"
            )
        for job in jobs:
            if folder or len(jobs) > 1:
                job.paths[option] = str(Path(text) / f"{_stem(job.source)}{endings[option]}")
                job.chosen.append(job.paths[option])
            else:
                job.paths[option] = text
                job.named.append(text)
        if folder or len(jobs) > 1:
            _make(Path(text))
    if default is not None and all(text is None for text in given.values()):
        for job in jobs:
            job.paths[default] = f"{_stem(job.source)}{endings[default]}"
            job.chosen.append(job.paths[default])
    return jobs


def _stem(source: Path) -> str:
    return source.resolve().name if source.is_dir() else source.stem


def _is_folder(text: str) -> bool:
    return text != "-" and (text.endswith(("/", os.sep)) or Path(text).is_dir())


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made ({error.strerror}); choose another one.") from error


def each(jobs: Sequence[Planned], run: Callable[[Planned], None], say: Callable[[str], None]) -> int:
    """Run every job; one that fails among several is named, and the others go on. Returns how many failed."""
    from facetrack.cli.shell.sentences import with_options
    from facetrack.errors import FacetrackError

    failed = 0
    for job in jobs:
        try:
            run(job)
        except FacetrackError as error:
            if len(jobs) == 1:
                raise
            failed += 1
            say(f"facetrack: {with_options(str(error))}")
    return failed
