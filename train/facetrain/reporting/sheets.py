"""Contact sheets of faces with their landmarks drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from facetrack.types import Floats, Image

PREDICTED = (80, 255, 80)
"""Colour of predicted points, BGR."""
TRUTH = (60, 60, 255)
"""Colour of ground truth points, BGR."""


def drawn(crop: Image, predicted: Floats, truth: Floats | None = None, side_px: int = 224, title: str = "") -> Image:
    """Draw predicted points in green and, smaller, the ground truth in red on a crop resized to `side_px`.

    predicted, truth: (K, 2) px of the crop; NaN points are skipped
    """
    ratio = side_px / crop.shape[1]
    out = cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_LINEAR)
    for points, colour, radius in ((truth, TRUTH, 1), (predicted, PREDICTED, 2)):
        if points is None:
            continue
        # Pixel centres are whole numbers: the half pixel keeps them aligned under scaling; OpenCV shifts by 4 bits.
        for x, y in (points[np.isfinite(points).all(axis=1)] + 0.5) * ratio - 0.5:
            cv2.circle(out, (round(x * 16), round(y * 16)), radius * 12, colour, -1, cv2.LINE_AA, 4)
    if title:
        cv2.putText(out, title, (4, side_px - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(out, title, (4, side_px - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return out  # type: ignore[return-value]


def save_sheet(cells: list[Image], path: Path, columns: int = 6) -> None:
    """Write cells of one size in rows of `columns`, the last row filled up with black."""
    empty = np.zeros_like(cells[0])
    cells = cells + [empty] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    cv2.imwrite(str(path), np.vstack(rows))


def save_extremes(errors: Floats, cell: Callable[[int], Image], folder: Path, each: int = 24) -> None:
    """Write the sheets of `extreme_sheets` into a folder."""
    for name, draw in extreme_sheets(errors, cell, each).items():
        draw(folder / name)


def extreme_sheets(errors: Floats, cell: Callable[[int], Image], each: int = 24) -> dict[str, Callable[[Path], None]]:
    """Return best.png, median.png and worst.png: `each` faces of the smallest, middle and largest of the (N,) errors.

    cell: draws face i
    A face whose error is NaN is in no sheet; if all are NaN, there is none.
    """
    order = np.argsort(errors)[: int(np.isfinite(errors).sum())]
    if not len(order):
        return {}
    start = max(0, (len(order) - each) // 2)
    chosen = {"best": order[:each], "median": order[start : start + each], "worst": order[::-1][:each]}

    def draw(indices: Iterable[int], path: Path) -> None:
        save_sheet([cell(int(i)) for i in indices], path)

    return {f"{name}.png": partial(draw, indices) for name, indices in chosen.items()}
