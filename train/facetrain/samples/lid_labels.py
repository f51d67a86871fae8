"""Manual eyelid labels of training faces, for the eye network: shut, lowered, or open.

A person who reads, looks at a telephone or squeezes the eyes in a laugh lowers the lids over eyes that see. Photographs
of single eyes hold no such eye, and points give the distance of the lids, not what is between them: without these faces
a network classifies lowered lids as shut, and a reader as asleep.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from facetrack.errors import DataError

TABLE = Path(__file__).parents[1] / "labels" / "lids.csv"
"""Label table: set, name, right, left, after a comment line with the annotator; empty where an eye was undecidable."""
STATES = ("shut", "lowered", "open", "")

Lids = Mapping[tuple[str, str], tuple[str, str]]
"""(data set, name) -> states of the person's right and left eye, of `STATES`. A data set may be spread over several
packs with suffixes: helen_train belongs to helen, ytfaces_self to ytfaces."""


def read_lids(path: Path = TABLE) -> Lids:
    """Read the label table. Raises DataError where it cannot be read or an eye has an unknown state."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        table = {(row["set"], row["name"]): (row["right"], row["left"]) for row in rows}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"{path}: expected a table with set, name, right and left, got {error!r}") from error
    if unknown := {eye for eyes in table.values() for eye in eyes} - set(STATES):
        raise DataError(f"{path}: an eye is labelled {', '.join(map(repr, unknown))}; expected one of {list(STATES)}")
    return table
