"""Report of `facetrack eval tracking`: report.md, figures.json, and contact sheets with the track IDs drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from facetrack.drawing.faces import contact_sheet, draw_faces
from facetrack.sinks import ImageSink
from facetrack.types import Face, Frame, Image
from facetrain.evaluation.tracking.episodes import Episode
from facetrain.evaluation.tracking.measure import MEANING, TrackingScores
from facetrain.reporting import markdown
from facetrain.synth.crowd.truth import ClipTruth

Faces = Sequence[Sequence[Face]]
PER_SCENE = 16
"""Number of frames in each scene's contact sheet."""
DIGITS = {"mota": 3, "motp": 3, "idf1": 3, "nme": 2}


def cells(figures: dict[str, float]) -> list[str]:
    """Format the metrics of a row."""
    return [f"{figures[name]:.{DIGITS.get(name, 0)}f}" for name in MEANING]


def summary(scored: TrackingScores) -> list[str]:
    """Return sentences on re-identification and shared track IDs, which are not in the table."""
    returns = scored.returns
    shared = ", ".join(f"ID {track_id} by persons {people}" for track_id, people in scored.shared.items())
    return [
        f"returns: {sum(episode.kept for episode in returns)} of {len(returns)} re-identified",
        f"track IDs shared by several persons: {shared or 'none'}",
    ]


def save(
    scored: TrackingScores,
    faces: Faces,
    truth: ClipTruth,
    frames: Iterable[Frame],
    folder: Path,
    title: str,
    command: str,
) -> None:
    """Write report.md, figures.json and the contact sheets.

    faces: tracked faces of each frame
    frames: frames of the clip, to draw on
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_sheets(scored, faces, truth, frames, folder)
    figures = {
        "scenes": {name: _finite(row) for name, row in scored.rows.items()},
        "returns": len(scored.returns),
        "returns_kept": sum(episode.kept for episode in scored.returns),
        "shared_ids": {str(track_id): people for track_id, people in scored.shared.items()},
        "episodes": [asdict(episode) for episode in scored.episodes],
    }
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    sheets = [folder / f"{span.name}.png" for span in truth.scenes] + [folder / "episodes.png"]
    parts = [
        f"# Face tracking in {title}\n",
        markdown.code(command),
        markdown.table(("scene", *MEANING), [(name, *cells(row)) for name, row in scored.rows.items()]),
        markdown.table(("column", "meaning"), list(MEANING.items())),
        "".join(f"- {line}\n" for line in summary(scored)),
        "## Episodes\n",
        markdown.table(("kind", "scene", "frames", "description"), [_row(episode) for episode in scored.episodes]),
        markdown.pictures([sheet for sheet in sheets if sheet.is_file()], folder),
    ]
    (folder / "report.md").write_text("\n".join(parts))


def _row(episode: Episode) -> tuple[str, str, str, str]:
    single = episode.first == episode.last
    frames = str(episode.first) if single else f"{episode.first}-{episode.last}"
    return episode.kind, episode.scene, frames, episode.what


def _finite(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def save_sheets(scored: TrackingScores, faces: Faces, truth: ClipTruth, frames: Iterable[Frame], folder: Path) -> None:
    """Write a contact sheet per scene, of evenly spaced frames, and episodes.png, of the first frames of the episodes.

    At most 48 episodes are drawn.
    """
    sheet_frames = {
        span.name: np.unique(np.linspace(span.first, span.last, PER_SCENE).astype(int)).tolist()
        for span in truth.scenes
    }
    episodes = scored.episodes[:48]
    needed = {index for indices in sheet_frames.values() for index in indices} | {e.first for e in episodes}
    drawn: dict[int, Image] = {}
    for frame in frames:
        if frame.index in needed:
            drawn[frame.index] = draw_faces(frame.image, faces[frame.index], axes=False)
    for name, indices in sheet_frames.items():
        _save([drawn[i] for i in indices], [f"frame {i}" for i in indices], folder / f"{name}.png")
    if episodes:
        titles = [f"{e.first}: {e.kind}, {e.what}"[:44] for e in episodes]
        _save([drawn[e.first] for e in episodes], titles, folder / "episodes.png")


def _save(pictures: list[Image], titles: list[str], path: Path) -> None:
    with ImageSink(path) as sheet:
        sheet.write(contact_sheet(pictures, columns=4, cell_width=400, titles=titles))
