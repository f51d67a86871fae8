"""Validation metrics of a run, written as figures.json."""

from __future__ import annotations

import json
import math
from pathlib import Path

Figures = dict[str, float]


def save_figures(figures: Figures, run_dir: Path) -> None:
    """Write figures.json; null for NaN and infinity."""
    values = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    (run_dir / "figures.json").write_text(json.dumps(values, indent=1) + "\n")
