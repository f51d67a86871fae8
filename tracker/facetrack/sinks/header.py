"""Header of a file of results: what was followed, with which networks and options."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facetrack.types.address import without_password

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file of JSON lines. Equal runs have equal headers: no dates, no paths of this machine.

    source: the file's or folder's name, the camera, or the stream's address without credentials.
    width, height: px of the first frame, upright; None where it is unknown.
    fps: frames per second; None where nobody says.
    networks: short SHA-256 of each network's file by its name.
    options: what else the results depend on; `camera` holds the focal length and where it came from.
    """

    source: str = ""
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    networks: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the object of the header line."""
        return {
            "schema": SCHEMA_VERSION,
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "fps": None if self.fps is None else round(self.fps, 6),
            "networks": dict(self.networks),
            "options": dict(self.options),
        }


def source_name(source: str | Path) -> str:
    """Name of a source that may be shown: no folders, and no user name, password or query of an address."""
    # A name that is not UTF-8, as of an old disk, has surrogates in Python, with which no file can be written.
    text = os.fsencode(str(source)).decode("utf-8", "replace")
    if "://" not in text:
        return Path(text).name or Path(text).resolve().name
    return without_password(text).removesuffix("...").rstrip("?#")
