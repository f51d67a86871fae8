"""Compiled arithmetic of a frame, where a C compiler built it with the package.

Each kernel does what one NumPy function of this package does, which is its reference and what runs without it.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

VARIABLE = "FACETRACK_COMPILED"
"""Variable of the environment; 0 leaves the kernels out."""


def _loaded() -> Any:
    if os.environ.get(VARIABLE) == "0":
        return None
    try:
        return import_module("facetrack.compiled._kernels")
    except ImportError:
        return None


kernels: Any = _loaded()
"""The extension module; None where NumPy computes everything."""


def description() -> str:
    """Return which of the two runs, for a bug report."""
    if kernels is not None:
        return "compiled"
    return f"NumPy ({VARIABLE}=0)" if os.environ.get(VARIABLE) == "0" else "NumPy (nothing was compiled)"
