"""Figures of trainings with their units, and which way is better, for lines that people read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LOWER, HIGHER = "\N{DOWNWARDS ARROW}", "\N{UPWARDS ARROW}"


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a figure is called, its unit, and which way is better: LOWER, HIGHER, or neither ("")."""

    title: str
    unit: str = ""
    better: str = ""
    meaning: str = ""


_NME = "mean distance of predicted and labelled points over that of the outer eye corners"
_RIGHT = "share of decisions that are right"
_ROC = "area under the ROC curve, at best 1"
QUANTITIES = {
    "total": Quantity("loss", "", LOWER, "what is minimised; comparable within a run only"),
    "nme": Quantity("NME", "%", LOWER, _NME),
    "nme51": Quantity("NME 51", "%", LOWER, "the same without the jaw"),
    "nme_51": Quantity("NME 51", "%", LOWER, "the same without the jaw"),
    "rmse_px": Quantity("RMSE", "px", LOWER, "root mean squared error of a coordinate"),
    **{name: Quantity(f"{name} error", "degrees", LOWER) for name in ("yaw", "pitch", "roll")},
    **{name: Quantity(name.replace("_", " "), "% right", HIGHER, _RIGHT)
       for name in ("mouth_open", "smile", "glasses")},
    "auc": Quantity("AUC", "", HIGHER, _ROC),
    "visible_auc": Quantity("visibility AUC", "", HIGHER, _ROC),
    "accuracy": Quantity("accuracy", "", HIGHER, _RIGHT),
    "macro_f1": Quantity("macro F1", "", HIGHER, "mean F1 of the classes, at best 1"),
    "ap": Quantity("AP", "", HIGHER, "average precision of the detections, at best 1"),
    "recall": Quantity("recall", "", HIGHER, "share of the faces that are found"),
    "standard_error": Quantity("standard error", "%"),
    "attributes_moved": Quantity("attributes moved by", "of 1", "", "mean change on held-out faces"),
    "contour": Quantity("lids", "% of eye width", LOWER, "mean error of the points"),
    "pupil": Quantity("pupil", "% of eye width", LOWER, "mean error"),
}  # fmt: skip
"""Last part of a figure's name -> what it is; others are printed by their names alone."""


def find(name: str) -> tuple[str, Quantity]:
    """Return the data set that a figure's name begins with ("" for none), and the quantity.

    name: such as `helen_train_nme` or `total`.
    """
    for ending in sorted(QUANTITIES, key=len, reverse=True):
        if name == ending or name.endswith(f"_{ending}"):
            return name[: -len(ending)].rstrip("_"), QUANTITIES[ending]
    return "", Quantity(name)


def written(name: str, value: float) -> str:
    """Return a figure as text, `helen_train NME 3.24 % ↓`; the arrow points to where better is."""
    of, quantity = find(name)
    return " ".join(part for part in (of, quantity.title, value_text(name, value)) if part)


def value_text(name: str, value: float) -> str:
    """Return a figure's value as text without its name, `3.24 % ↓`."""
    quantity = find(name)[1]
    number = f"{value:.4g}" if math.isfinite(value) else "unknown"
    return " ".join(part for part in (number, quantity.unit, quantity.better) if part)


def legend(names: Iterable[str]) -> str:
    """Return what the arrows and the names of these figures mean, in one line."""
    known = {quantity.title: quantity.meaning for _, quantity in map(find, names) if quantity.meaning}
    parts = [f"{title}: {meaning}" for title, meaning in known.items()]
    return "; ".join([f"{LOWER} lower is better, {HIGHER} higher is better", *parts])


def worse_than_start(figures: Mapping[str, float]) -> str:
    """Return a sentence if a landmark network has become worse than the one it started from, "" otherwise.

    figures: of the network, and by `before_` of its start. Where faces were cross-validated, these figures decide: a
    few held-out faces do not. Where the start has no figure (NaN), there is nothing to compare with; a network that
    has none where its start had one is worse.
    """
    pairs = {
        name: (figures[f"before_{name}"], value)
        for name, value in figures.items()
        if math.isfinite(figures.get(f"before_{name}", math.nan)) and name.endswith("nme")
    }
    deciding = {name: pair for name, pair in pairs.items() if name.startswith("cross_validation")} or pairs
    worse = {name: pair for name, pair in deciding.items() if not pair[1] <= pair[0]}
    if not worse:
        return ""
    listed = ", ".join(f"{find(name)[0]} NME {before:.2f} -> {after:.2f} %" for name, (before, after) in worse.items())
    return (
        f"WORSE than the network it started from: {listed}. model.onnx was written all the same; keep the old network, "
        "or train with a lower --set fit.learning_rate, fewer --set fit.epochs or more faces"
    )
