"""What `facetrack eval heads` prints and saves: tables, report.md, figures.json, and one picture of ROC curves and
reliability diagrams."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.axes import Axes

from facetrack.modelfile import POSE_ANGLES
from facetrain.evaluation.attributes.measure import HeadsResult
from facetrain.metrics.binary import BINS, CONFIDENCE_LEVEL, RESAMPLES, BinaryMetrics
from facetrain.reporting import markdown

MEANING = {
    "interval": f"{CONFIDENCE_LEVEL:.0%} percentile bootstrap of the accuracy, {RESAMPLES} resamples of pictures (of "
    "photographs, where one is laid into several faces)",
    "precision, recall, f1": "of yes, at .5 (a yawn: at the machine's level)",
    "roc area": "probability that a yes scores higher than a no",
    "ece": f"expected calibration error: mean distance of the probability from the share of yeses, in {BINS} equal "
    "bins of the probability",
    "yaw, pitch, roll": "mean absolute errors in degrees; mean: of the three",
    "geodesic": "mean angle of the turn from the found pose to the true one, degrees",
    "bias": "mean of found minus true, yaw / pitch / roll",
    "faces s": "seconds in which faces were followed, all together",
    "told after": "yawns told of the one true yawn after the talk",
}
PICTURE = "roc_reliability.png"
DRAWN_FROM = 5
"""Pictures in a bin of the reliability diagram: a share of fewer is noise. The error counts every bin."""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(found: HeadsResult) -> list[Table]:
    """All figures, for the screen and for report.md."""
    return [_held_out_table(found), _binary_table(found), _angle_table(found), _talk_table(found)]


def save(found: HeadsResult, folder: Path, title: str, command: str) -> None:
    """report.md, figures.json and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    save_picture(found.binary, folder / PICTURE)
    (folder / "figures.json").write_text(json.dumps(as_json(found), indent=2) + "\n")
    offsets = [
        f"genki4k's angles lie {' / '.join(f'{x:+.1f}' for x in offset)} degrees (yaw / pitch / roll) from those of "
        f"{name}, measured on its training part: its convention, not an error.\n"
        for name, offset in found.offset_deg.items()
    ]
    parts = [f"# What the attribute heads of {title} are worth\n", markdown.code(command)]
    for table in tables(found):
        parts += [f"## {table.title[0].upper()}{table.title[1:]}\n", markdown.table(table.head, table.rows)]
    parts += [*offsets, *(f"{note}\n" for note in found.notes)]
    parts += ["## What the columns are\n", markdown.table(("column", "what it is"), list(MEANING.items()))]
    parts += [markdown.pictures([folder / PICTURE], folder)]
    (folder / "report.md").write_text("\n".join(parts))


def as_json(found: HeadsResult) -> dict[str, object]:
    """Every figure, None for what is no number, and the reliability diagrams' bins."""
    return {
        "held_out": [asdict(one) for one in found.held_out],
        "binary": [
            {"name": one.name, "data": one.data, "note": one.note, **_finite(one.figures()), **_bins(one)}
            for one in found.binary
        ],
        "angles": {data: {one.name: _finite(one.figures()) for one in rows} for data, rows in found.angles.items()},
        "genki4k_offset_deg": {name: offset.tolist() for name, offset in found.offset_deg.items()},
        "talks": [asdict(one) | _finite({"speaking": one.speaking, "widest": one.widest}) for one in found.talks],
        "notes": found.notes,
    }


def _bins(one: BinaryMetrics) -> dict[str, object]:
    seen = one.reliability_diagram
    if seen is None:
        return {}
    shares = {"probability": seen.probability.tolist(), "share": seen.share.tolist()}
    rows = {name: [x if math.isfinite(x) else None for x in values] for name, values in shares.items()}
    return {"bins": rows | {"count": seen.count.tolist()}}


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _held_out_table(found: HeadsResult) -> Table:
    rows = [
        [one.name, str(one.total), str(one.held_out), str(one.without_face), one.split_by] for one in found.held_out
    ]
    return Table("held aside", ("set", "pictures", "held aside", "no face seen", "by"), rows)


def _binary_table(found: HeadsResult) -> Table:
    head = ("question", "on", "pictures", "yes", "accuracy %", "interval", "precision", "recall", "f1", "roc area",
            "ece", "remarks")  # fmt: skip
    rows = []
    for one in found.binary:
        of = one.figures()
        interval = " - ".join(_number(100 * of[f"accuracy_{end}"], 1) for end in ("low", "high"))
        plain = [_number(of[name], 3) for name in ("precision", "recall", "f1", "roc_area", "calibration_error")]
        counts = [str(len(one.truth)), str(int(one.truth.sum()))]
        rows.append([one.name, one.data, *counts, _number(100 * of["accuracy"], 1), interval, *plain, one.note])
    return Table("yes or no", head, rows)


def _angle_table(found: HeadsResult) -> Table:
    rows = []
    for data, ways in found.angles.items():
        for one in ways:
            of = one.figures()
            errors = [_number(of[name], 2) for name in (*POSE_ANGLES, "mean", "geodesic")]
            bias = " / ".join(_number(of[f"bias_{name}"], 1) for name in POSE_ANGLES)
            rows.append([f"{data}: {one.name}", f"{of['heads']:.0f}", f"{of['not_found']:.0f}", *errors, bias])
    head = ("on, by", "heads", "not found", "yaw", "pitch", "roll", "mean", "geodesic", "bias")
    return Table("head pose", head, rows)


def _talk_table(found: HeadsResult) -> Table:
    rows = []
    for one in found.talks:
        detected = "" if one.control is None else str(one.control)
        figures = [f"{one.faces_s:.0f}", _number(one.speaking, 2), _number(one.widest, 2)]
        rows.append([one.name, str(one.yawns), *figures, detected])
    head = ("talk", "yawns (all false)", "faces s", "speaking", "widest opening", "told after")
    return Table("a minute of talk", head, rows)


def save_picture(binary: Sequence[BinaryMetrics], path: Path) -> None:
    """ROC curves on the left, reliability diagrams of the probabilities on the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _plot_roc(left, binary)
    _plot_reliability(right, binary)
    figure.savefig(path, dpi=110)


def _plot_roc(axis: Axes, binary: Sequence[BinaryMetrics]) -> None:
    drawn = set()
    for one in binary:
        key = (one.data, one.truth.tobytes(), one.score.tobytes())
        if key not in drawn:  # the same score under another rule
            drawn.add(key)
            curve = one.roc
            axis.plot(
                curve.false_positive_rate, curve.true_positive_rate, label=f"{one.name}, {one.data}: {curve.auc:.3f}"
            )
    axis.plot([0, 1], [0, 1], ":", color="grey")
    axis.set(title="ROC, with area", xlabel="noes called yes", ylabel="yeses called yes", xlim=(0, 1), ylim=(0, 1.01))
    axis.legend(fontsize="small", loc="lower right")
    axis.grid(alpha=0.3)


def _plot_reliability(axis: Axes, binary: Sequence[BinaryMetrics]) -> None:
    for one in binary:
        seen = one.reliability_diagram
        if seen is not None:
            there = seen.count >= DRAWN_FROM
            label = f"{one.name}, {one.data}: {seen.error:.3f}"
            axis.plot(seen.probability[there], seen.share[there], "o-", markersize=4, label=label)
    axis.plot([0, 1], [0, 1], ":", color="grey")
    axis.set(
        title=f"reliability (of {BINS} bins those with {DRAWN_FROM} pictures), expected calibration error",
        xlabel="probability of yes, bin's mean", ylabel="share of yes", xlim=(0, 1), ylim=(0, 1),
    )  # fmt: skip
    axis.legend(fontsize="small", loc="upper left")
    axis.grid(alpha=0.3)
