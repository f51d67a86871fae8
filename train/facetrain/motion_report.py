"""What `facetrack eval motion` shows and saves: lost frames and errors against the speed of the camera."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from facetrain import markdown
from facetrain.evaluate_motion import FOUND_IOU, SEEN, Motion

HEAD = ("speed", "fastest step, % of the face", "faces in frames", "lost", "lost, %", "numbers", "NME, %")
CAPTION = (
    "Speed: of the camera, over that of `facetrack demo`. Fastest step: of the face from one frame to the next, over "
    f"its longer side. Lost: frames in which no box overlaps the face's by {FOUND_IOU:.0%}; those with less than "
    f"{SEEN:.0%} of its points in the picture do not count. Numbers: given in all; one is right. NME: of the found, "
    "over the outer eye corners' distance."
)


def rows(motions: Sequence[Motion]) -> list[list[str]]:
    """As text, below HEAD."""
    return [
        [
            f"{m.speed:g}", f"{100 * m.fastest:.0f}", str(m.faces), str(m.lost), f"{_lost_percent(m):.1f}",
            str(m.numbers), f"{m.nme:.2f}" if math.isfinite(m.nme) else "-",
        ]
        for m in motions
    ]  # fmt: skip


def _lost_percent(motion: Motion) -> float:
    return 100 * motion.lost / motion.faces if motion.faces else 0.0


def save(motions: Sequence[Motion], folder: Path, command: str) -> None:
    """report.md, figures.json and motion.png."""
    folder.mkdir(parents=True, exist_ok=True)
    plot(motions, folder / "motion.png")
    figures = [{k: v if math.isfinite(v) else None for k, v in asdict(motion).items()} for motion in motions]
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    parts = [
        f"# Fast motion, {motions[0].fps:g} frames a second\n",
        markdown.code(command, "sh"),
        markdown.table(HEAD, rows(motions)),
        CAPTION + "\n",
        markdown.pictures([folder / "motion.png"], folder),
    ]
    (folder / "report.md").write_text("\n".join(parts))


def plot(motions: Sequence[Motion], path: Path) -> None:
    """Lost frames, and below them the error, over the speed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    FigureCanvasAgg(figure)
    lost, error = figure.subplots(2, 1, sharex=True)
    speeds = [m.speed for m in motions]
    lost.plot(speeds, [_lost_percent(m) for m in motions], "o-")
    for motion in motions:
        text = f"{motion.lost} of {motion.faces}"
        lost.annotate(text, (motion.speed, _lost_percent(motion)), (0, 6), textcoords="offset points", ha="center")
    most = max(_lost_percent(m) for m in motions)
    lost.set(ylabel="frames without the face, %", ylim=(0, max(1.25 * most, 1.0)))
    error.plot(speeds, [m.nme for m in motions], "o-")
    error.set(xlabel="speed of the camera", ylabel="NME of the found, %", xticks=speeds)
    error.margins(x=0.1, y=0.2)
    error.set_ylim(bottom=0)
    for axis in (lost, error):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
