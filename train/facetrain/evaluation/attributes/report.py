"""Report of `facetrack eval heads`, with a plot of ROC curves and reliability diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facetrain.evaluation.attributes.measure import HeadsResult
from facetrain.metrics.binary import BINS, CONFIDENCE_LEVEL, RESAMPLES, BinaryMetrics
from facetrain.reporting.markdown import fixed
from facetrain.reporting.report import Report, Table
from facetrain.sample import POSE_ANGLES

MEANING = {
    "interval": f"{CONFIDENCE_LEVEL:.0%} percentile bootstrap of the accuracy, {RESAMPLES} resamples of images",
    "precision, recall, f1": "of the positive class, at .5 (a yawn: at the yawn detector's threshold)",
    "roc auc": "probability that a positive scores higher than a negative",
    "ece": f"expected calibration error: mean distance of the probability from the share of positives, in {BINS} equal "
    "bins of the probability",
    "yaw, pitch, roll": "mean absolute errors in degrees; mean: of the three",
    "geodesic": "mean angle of the rotation between predicted and true pose, degrees",
    "bias": "mean of predicted minus true, yaw / pitch / roll",
    "faces s": "seconds in which faces were tracked, summed over the faces",
    "detected after": "number of yawns detected for the one true yawn after the talk",
}
PICTURE = "roc_reliability.png"
DRAWN_FROM = 5
"""Minimum number of images in a drawn bin of the reliability diagram: a share of fewer is noise.

The calibration error includes every bin.
"""


def report(result: HeadsResult, title: str) -> Report:
    """Return the report of the network called `title`."""
    offsets = [
        f"genki4k's angles have a constant offset of {' / '.join(f'{x:+.1f}' for x in offset)} degrees (yaw / pitch / "
        f"roll) from those of {name}, fitted on its training set: a difference of convention, not an error."
        for name, offset in result.offset_deg.items()
    ]
    return Report(
        f"Attribute heads of {title} on held-out data",
        [_held_out_table(result), _binary_table(result), _angle_table(result), _talk_table(result)],
        _figures(result),
        [*offsets, *result.notes],
        MEANING,
        {PICTURE: partial(save_picture, result.binary)},
    )


def _figures(result: HeadsResult) -> dict[str, object]:
    """Return every figure, and the bins of the reliability diagrams."""
    return {
        "held_out": [asdict(data_set) for data_set in result.held_out],
        "binary": [
            {"name": binary.name, "data": binary.data, "note": binary.note} | binary.figures() | _bins(binary)
            for binary in result.binary
        ],
        "angles": {
            data: {errors.name: errors.figures() for errors in methods} for data, methods in result.angles.items()
        },
        "genki4k_offset_deg": result.offset_deg,
        "talks": [asdict(talk) for talk in result.talks],
        "notes": result.notes,
    }


def _bins(binary: BinaryMetrics) -> dict[str, object]:
    diagram = binary.reliability_diagram
    if diagram is None:
        return {}
    return {"bins": {"probability": diagram.probability, "share": diagram.share, "count": diagram.count}}


def _held_out_table(result: HeadsResult) -> Table:
    rows = [
        [data_set.name, str(data_set.total), str(data_set.held_out), str(data_set.without_face), data_set.split_by]
        for data_set in result.held_out
    ]
    return Table("held-out sets", ("set", "images", "held out", "no face detected", "split by"), rows)


def _binary_table(result: HeadsResult) -> Table:
    head = ("attribute", "data", "images", "positives", "accuracy %", "interval", "precision", "recall", "f1",
            "roc auc", "ece", "remarks")  # fmt: skip
    rows = []
    for binary in result.binary:
        figures = binary.figures()
        interval = " - ".join(fixed(100 * figures[f"accuracy_{end}"], 1) for end in ("low", "high"))
        plain = [fixed(figures[name], 3) for name in ("precision", "recall", "f1", "roc_area", "calibration_error")]
        counts = [str(len(binary.truth)), str(int(binary.truth.sum()))]
        accuracy = fixed(100 * figures["accuracy"], 1)
        rows.append([binary.name, binary.data, *counts, accuracy, interval, *plain, binary.note])
    return Table("binary classification", head, rows)


def _angle_table(result: HeadsResult) -> Table:
    rows = []
    for data, methods in result.angles.items():
        for method in methods:
            figures = method.figures()
            errors = [fixed(figures[name], 2) for name in (*POSE_ANGLES, "mean", "geodesic")]
            bias = " / ".join(fixed(figures[f"bias_{name}"], 1) for name in POSE_ANGLES)
            counts = [f"{figures['heads']:.0f}", f"{figures['not_found']:.0f}"]
            rows.append([f"{data}: {method.name}", *counts, *errors, bias])
    head = ("data, method", "heads", "not detected", "yaw", "pitch", "roll", "mean", "geodesic", "bias")
    return Table("head pose", head, rows)


def _talk_table(result: HeadsResult) -> Table:
    rows = []
    for talk in result.talks:
        detected = "" if talk.control is None else str(talk.control)
        figures = [f"{talk.faces_s:.0f}", fixed(talk.speaking, 2), fixed(talk.widest, 2)]
        rows.append([talk.name, str(talk.yawns), *figures, detected])
    head = ("talk", "yawns (all false)", "faces s", "speaking", "widest opening", "detected after")
    return Table("a minute of talking", head, rows)


def save_picture(binary: Sequence[BinaryMetrics], path: Path) -> None:
    """Draw ROC curves on the left, reliability diagrams of the probabilities on the right."""
    figure = Figure(figsize=(13, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _plot_roc(left, binary)
    _plot_reliability(right, binary)
    figure.savefig(path, dpi=110)


def _plot_roc(axis: Axes, binary: Sequence[BinaryMetrics]) -> None:
    drawn = set()
    for metrics in binary:
        key = (metrics.data, metrics.truth.tobytes(), metrics.score.tobytes())
        if key not in drawn:  # another decision rule on the same score has the same curve
            drawn.add(key)
            curve = metrics.roc
            label = f"{metrics.name}, {metrics.data}: {curve.auc:.3f}"
            axis.plot(curve.false_positive_rate, curve.true_positive_rate, label=label)
    axis.plot([0, 1], [0, 1], ":", color="grey")
    axis.set(title="ROC, with AUC", xlabel="false positive rate", ylabel="true positive rate")
    axis.set(xlim=(0, 1), ylim=(0, 1.01))
    axis.legend(fontsize="small", loc="lower right")
    axis.grid(alpha=0.3)


def _plot_reliability(axis: Axes, binary: Sequence[BinaryMetrics]) -> None:
    for metrics in binary:
        diagram = metrics.reliability_diagram
        if diagram is not None:
            shown = diagram.count >= DRAWN_FROM
            label = f"{metrics.name}, {metrics.data}: {diagram.error:.3f}"
            axis.plot(diagram.probability[shown], diagram.share[shown], "o-", markersize=4, label=label)
    axis.plot([0, 1], [0, 1], ":", color="grey")
    axis.set(
        title=f"reliability ({BINS} bins, those of at least {DRAWN_FROM} images), expected calibration error",
        xlabel="mean probability of the bin", ylabel="share of positives", xlim=(0, 1), ylim=(0, 1),
    )  # fmt: skip
    axis.legend(fontsize="small", loc="upper left")
    axis.grid(alpha=0.3)
