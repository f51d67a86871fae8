"""Report of `facetrack eval tracking`, and contact sheets with the track IDs drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import numpy as np

from facetrack.drawing.faces import contact_sheet, draw_faces
from facetrack.sinks import ImageSink
from facetrack.types import Face, Frame, Image
from facetrain.evaluation.tracking.episodes import Episode
from facetrain.evaluation.tracking.measure import MEANING, TrackingScores
from facetrain.reporting import markdown
from facetrain.reporting.report import Report, Table
from facetrain.synth.crowd.truth import ClipTruth

Faces = Sequence[Sequence[Face]]
PER_SCENE = 16
"""Number of frames in each scene's contact sheet."""
DIGITS = {"mota": 3, "motp": 3, "idf1": 3, "nme": 2}


def report(scored: TrackingScores, faces: Faces, truth: ClipTruth, frames: Iterable[Frame], title: str) -> Report:
    """Return the report of a clip.

    faces: tracked faces of each frame
    frames: frames of the clip, to draw on; read once, when the contact sheets are saved
    """
    kept, shared = sum(episode.kept for episode in scored.returns), scored.shared
    rows = [
        [name, *(markdown.fixed(row[key], DIGITS.get(key, 0)) for key in MEANING)] for name, row in scored.rows.items()
    ]
    figures = {
        "scenes": scored.rows,
        "returns": len(scored.returns),
        "returns_kept": kept,
        "shared_ids": shared,
        "episodes": [asdict(episode) for episode in scored.episodes],
    }
    sharing = ", ".join(f"ID {track_id} by persons {people}" for track_id, people in shared.items())
    notes = [
        f"returns: {kept} of {len(scored.returns)} re-identified",
        f"track IDs shared by several persons: {sharing or 'none'}",
    ]
    episodes = Table("episodes", ("kind", "scene", "frames", "description"), [_row(e) for e in scored.episodes])
    return Report(
        f"Face tracking in {title}",
        [Table(title, ("scene", *MEANING), rows)],
        figures,
        notes,
        MEANING,
        contact_sheets(scored, faces, truth, frames),
        [episodes],
    )


def _row(episode: Episode) -> tuple[str, str, str, str]:
    single = episode.first == episode.last
    frames = str(episode.first) if single else f"{episode.first}-{episode.last}"
    return episode.kind, episode.scene, frames, episode.what


def contact_sheets(
    scored: TrackingScores, faces: Faces, truth: ClipTruth, frames: Iterable[Frame]
) -> dict[str, Callable[[Path], None]]:
    """Return a contact sheet per scene, of evenly spaced frames, and episodes.png, of the episodes' first frames.

    At most 48 episodes are drawn.
    """
    sheets = {}
    for span in truth.scenes:
        indices = np.unique(np.linspace(span.first, span.last, PER_SCENE).astype(int)).tolist()
        sheets[f"{span.name}.png"] = [(index, f"frame {index}") for index in indices]
    if scored.episodes:
        sheets["episodes.png"] = [(e.first, f"{e.first}: {e.kind}, {e.what}"[:44]) for e in scored.episodes[:48]]
    needed = {index for sheet in sheets.values() for index, _ in sheet}

    @cache
    def drawn() -> dict[int, Image]:
        return {
            f.index: draw_faces(f.image, faces[f.index], axes=False, gaze=False) for f in frames if f.index in needed
        }

    def draw(sheet: list[tuple[int, str]], path: Path) -> None:
        indices, titles = zip(*sheet, strict=True)
        with ImageSink(path) as sink:
            sink.write(contact_sheet([drawn()[i] for i in indices], columns=4, cell_width=400, titles=titles))

    return {name: partial(draw, sheet) for name, sheet in sheets.items()}
