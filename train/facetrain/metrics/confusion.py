"""Confusion matrix, F1 scores and figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MIN_SUPPORT = 10
"""Minimum number of validation faces for the score of a class to be meaningful."""


def confusion_matrix(labels: NDArray[np.intp], predicted: NDArray[np.intp], classes: int) -> NDArray[np.intp]:
    """Return the (C, C) counts: row = label, column = prediction."""
    matrix = np.zeros((classes, classes), np.intp)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def f1_scores(matrix: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the (C,) F1 of each class, 2 hits / (labelled + predicted); 0 for a class that is in neither."""
    return 2 * np.diag(matrix) / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)


def save_confusion(
    matrix: NDArray[np.intp], names: Sequence[str], path: Path, title: str = "expressions, validation faces"
) -> None:
    """Draw the matrix: counts in the cells, shaded by the share of the row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    axis = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.5 else "black"
        axis.text(column, row, str(count), ha="center", va="center", color=colour)
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axis.set_yticks(range(len(names)), [f"{n} ({t})" for n, t in zip(names, matrix.sum(axis=1), strict=True)])
    axis.set(xlabel="predicted", ylabel="labelled (faces)", title=title)
    figure.savefig(path, dpi=110)
