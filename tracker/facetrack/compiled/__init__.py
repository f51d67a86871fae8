"""Compiled arithmetic of a frame, where a C compiler built it with the package.

Each kernel does what one NumPy function of this package does, which is its reference and what runs without it.
"""

from __future__ import annotations

import os
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

VARIABLE = "FACETRACK_COMPILED"
"""Variable of the environment; 0 leaves the kernels out."""


def _loaded() -> tuple[Any, str]:
    """Return the extension module, or None, and which of the two runs, in words."""
    if os.environ.get(VARIABLE) == "0":
        return None, f"NumPy ({VARIABLE}=0)"
    try:
        module = import_module("facetrack.compiled._kernels")
    except ImportError:
        return None, "NumPy (nothing was compiled)"
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.[ch]")))
    if sources and module.built_from() != zlib.crc32(sources):  # as in a checkout that was updated; wheels have none
        return None, "NumPy (the kernels were compiled from other sources: python hatch_build.py)"
    return module, "compiled"


kernels: Any
"""The extension module; None where NumPy computes everything."""
description: str
"""Which of the two runs, for a bug report."""
kernels, description = _loaded()
