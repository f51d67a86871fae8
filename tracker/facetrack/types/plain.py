"""Plain Python values of what is in the dataclasses, as JSON has them: rounded, None for what is unknown, never NaN."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from facetrack.types.signals import Signals

DIGITS = 4
"""Decimals of a signal."""


def rounded(value: float | None, digits: int) -> float | None:
    """Return a finite number rounded, everything else as None."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits)


def numbers(values: NDArray[Any], digits: int) -> list[Any]:
    """Return an array as lists of rounded numbers, None for those that are not finite."""
    # In float64: a float32 rounded to two decimals would print as 12.340000152587890.
    array = np.asarray(values, dtype=np.float64).round(digits)
    if np.isfinite(array).all():
        return array.tolist()
    return np.where(np.isfinite(array), array.astype(object), np.array(None)).tolist()


def _leaf(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        return {name: rounded(part, DIGITS) for name, part in value.items()}
    return rounded(value, DIGITS)


def _writer(group: type) -> Callable[[Any], dict[str, Any]]:
    hints = get_type_hints(group)
    parts = [
        (item.name, _writer(hints[item.name]) if is_dataclass(hints[item.name]) else _leaf) for item in fields(group)
    ]
    return lambda value: {name: write(getattr(value, name)) for name, write in parts}


signals_to_dict: Callable[[Signals], dict[str, Any]] = _writer(Signals)
"""Return the JSON object of signals."""
