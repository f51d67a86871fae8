"""Manual labels of the test clips: clips.csv, and people.csv beside it (format: docs/labels/README.md)."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from facetrack.errors import DataError

COLUMNS = ("video", "fps", "frames", "person", "kind", "first_frame", "last_frame", "sure", "note")
PLACES = ("video", "person", "x_from", "x_to")
EVERYWHERE = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Label:
    """Labelled event from first to last frame, both included; sure: another labeller would agree."""

    person: str
    kind: str
    first: int
    last: int
    sure: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """Labelled clip.

    frames: number of frames
    places: by person, the range (from, to) of the centre of the face, as shares of the image's width
    """

    video: str
    fps: float
    frames: int
    labels: tuple[Label, ...]
    places: dict[str, tuple[float, float]]

    def of(self, person: str, kinds: Iterable[str], sure: bool | None = None) -> list[Label]:
        """Return a person's labels of these kinds; only sure or only unsure ones unless `sure` is None."""
        kind_names = tuple(kinds)
        return [
            label for label in self.labels
            if label.person == person and label.kind in kind_names and (sure is None or label.sure == sure)
        ]  # fmt: skip

    def name_of(self, person: str) -> str:
        """Return the name of the clip, and of the person if there are several."""
        return self.video if len(self.places) == 1 else f"{self.video}, {person}"

    def person_at(self, x: float) -> str | None:
        """Return the person whose face is centred at `x`, a share of the image's width; None if there is none."""
        return next((person for person, (low, high) in self.places.items() if low <= x < high), None)


def read_clip_labels(path: Path) -> list[LabelledClip]:
    """Read the clips of a table, sorted by name.

    Raises DataError if the table is malformed, or if the places of several people are missing.
    """
    rows = _rows(path, COLUMNS)
    people = path.with_name("people.csv")
    places = _rows(people, PLACES) if people.is_file() else []
    try:
        return [_clip(video, rows, places) for video in sorted({row["video"] for row in rows})]
    except ValueError as error:
        raise DataError(f"{path}: expected whole frames and sure as 0 or 1, got {error}; correct the row") from error


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: expected a table of labels (.csv), got {error}") from error
    if not rows or any(row.get(name) is None for row in rows for name in columns):
        raise DataError(f"{path}: expected rows with the columns {', '.join(columns)}; see docs/labels/README.md")
    return rows


def _clip(video: str, rows: list[dict[str, str]], places: list[dict[str, str]]) -> LabelledClip:
    own = [row for row in rows if row["video"] == video]
    labels = tuple(_label(row) for row in own)
    persons = list(dict.fromkeys(label.person for label in labels))
    ranges = {p["person"]: (float(p["x_from"]), float(p["x_to"])) for p in places if p["video"] == video}
    if len(persons) == 1:
        ranges = dict.fromkeys(persons, EVERYWHERE)
    if set(ranges) != set(persons):
        raise DataError(f"{video}: people.csv places {sorted(ranges)}, the labels name {sorted(persons)}; place each")
    return LabelledClip(video, float(own[0]["fps"]), int(own[0]["frames"]), labels, ranges)


def _label(row: dict[str, str]) -> Label:
    first, last = int(row["first_frame"]), int(row["last_frame"])
    if not 0 <= first <= last < int(row["frames"]):
        raise ValueError(f"{row['video']}: frames {first} to {last} of {row['frames']}")
    return Label(row["person"], row["kind"], first, last, bool(int(row["sure"])), row["note"])
