"""Signals by the names of their CSV columns, for tests."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from facetrack.types import Signals


def signals_with(base: Any = Signals(), /, **values: Any) -> Any:  # noqa: B008 (frozen)
    """`signals_with(eyes_left_openness=0.5, smile_prob=0.1)`: those set in `base`, everything else as it is there."""
    found: dict[str, Any] = {}
    for item in fields(base):
        part = getattr(base, item.name)
        start = f"{item.name}_"
        inner = {name.removeprefix(start): x for name, x in values.items() if name.startswith(start)}
        if item.name in values:
            found[item.name] = values.pop(item.name)
        elif is_dataclass(part) and inner:
            found[item.name] = signals_with(part, **inner)
            values = {name: x for name, x in values.items() if not name.startswith(start)}
    assert not values, f"no such signals: {', '.join(values)}"
    return replace(base, **found)
