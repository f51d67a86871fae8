"""What a person saw in the test clips, as docs/labels/README.md explains it: clips.csv, and people.csv beside it."""

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
    """Something seen from first to last frame, both included. sure: another reader would say so too."""

    person: str
    kind: str
    first: int
    last: int
    sure: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """frames: its number of pictures. places: of each person, where the middle of the face lies, as shares of the
    picture's width (from, to)."""

    video: str
    fps: float
    frames: int
    labels: tuple[Label, ...]
    places: dict[str, tuple[float, float]]

    def of(self, person: str, kinds: Iterable[str], sure: bool | None = None) -> list[Label]:
        """A person's labels of these kinds, and of this sureness unless it is None."""
        wanted = tuple(kinds)
        return [
            label for label in self.labels
            if label.person == person and label.kind in wanted and (sure is None or label.sure == sure)
        ]  # fmt: skip

    def name_of(self, person: str) -> str:
        """The clip, and the person where there are several."""
        return self.video if len(self.places) == 1 else f"{self.video}, {person}"

    def person_at(self, x: float) -> str | None:
        """Whose face has its middle here, a share of the picture's width; None where nobody's is expected."""
        return next((person for person, (low, high) in self.places.items() if low <= x < high), None)


def read_clip_labels(path: Path) -> list[LabelledClip]:
    """The clips of a table, by name. Raises DataError where it is no such table, or does not say where each of several
    persons is."""
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
    where = {p["person"]: (float(p["x_from"]), float(p["x_to"])) for p in places if p["video"] == video}
    if len(persons) == 1:
        where = dict.fromkeys(persons, EVERYWHERE)
    if set(where) != set(persons):
        raise DataError(f"{video}: people.csv places {sorted(where)}, the labels name {sorted(persons)}; place each")
    return LabelledClip(video, float(own[0]["fps"]), int(own[0]["frames"]), labels, where)


def _label(row: dict[str, str]) -> Label:
    first, last = int(row["first_frame"]), int(row["last_frame"])
    if not 0 <= first <= last < int(row["frames"]):
        raise ValueError(f"{row['video']}: frames {first} to {last} of {row['frames']}")
    return Label(row["person"], row["kind"], first, last, bool(int(row["sure"])), row["note"])
