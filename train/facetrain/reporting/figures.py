"""Figures of a run or of a measurement, written as figures.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Figures = dict[str, float]


def save_figures(figures: Any, folder: Path) -> None:
    """Write figures.json; null for NaN and infinity."""
    (folder / "figures.json").write_text(json.dumps(finite(figures), indent=2) + "\n")


def finite(value: Any) -> Any:
    """Return `value` as JSON can hold it: numbers that are not finite become None, arrays lists, keys text."""
    if isinstance(value, Mapping):
        return {str(name): finite(part) for name, part in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
