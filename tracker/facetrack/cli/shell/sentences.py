"""Sentences of the library as the command line says them."""

from __future__ import annotations

import re

OPTIONS = {
    "landmarks": "--model",
    "smoothing": "--smooth",
    "fov_deg": "--fov",
    **{
        name: "--" + name.replace("_", "-")
        for name in ("detector", "detector_model", "engine", "fatigue_weights", "max_faces", "priority", "profile",
                     "provider", "target_zone", "threads")
    },
}  # fmt: skip
"""Arguments in Python and what they are called on the command line."""


def with_options(sentence: str) -> str:
    """Name options where a sentence names arguments in backquotes, such as `max_faces`."""
    return re.sub(r"`(\w+)`", lambda found: OPTIONS.get(found[1], found[0]), sentence)
