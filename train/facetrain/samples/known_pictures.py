"""Pictures of a user that the bundled networks were trained on: a network's figures on them are too good.

labels/known_pictures.npz holds 32 bits of a hash of each such picture, by data set: of its name where names are as good
as unique (HELEN, LFW, YouTube Faces), of the file's bytes where they are not (`image_0001.jpg`). No name and no picture
can be read from it. A picture that was renamed, or stored anew and has a common name, is not recognised.
The table is written from the packs: python -m facetrain.samples.known_pictures DATA
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrain.formats.picture_hashes import hashes_in
from facetrain.samples.provenance import trained_on

PACKS = (
    *("helen_train", "lfpw_train", "ytfaces_train", "expressions", "aflw21", "pointing04", "mtfl", "genki4k"),
    "yawn_faces",
)
TABLE = Path(__file__).parents[1] / "labels" / "known_pictures.npz"


@lru_cache(maxsize=1)
def known_hashes() -> dict[str, NDArray[np.uint32]]:
    """Return the sorted hashes of each data set."""
    with np.load(TABLE, allow_pickle=False) as table:
        return {name: table[name] for name in table.files}


def known_pictures(pictures: Iterable[tuple[str, int]], data: Iterable[str]) -> dict[str, str]:
    """Return the pictures that a network was trained on: name -> data set.

    pictures: name and hash of each; data: the network's data sets, as its metadata lists them
    """
    lines = list(data)
    sets = {
        name: hashes
        for name, hashes in known_hashes().items()
        if any(trained_on(part, lines) for part in (name, f"{name.removesuffix('_train')}_self", f"{name}_self"))
    }
    return {picture: name for picture, value in pictures for name, hashes in sets.items() if _holds(hashes, value)}


def _holds(hashes: NDArray[np.uint32], value: int) -> bool:
    at = int(np.searchsorted(hashes, value))
    return at < len(hashes) and int(hashes[at]) == value


def _packed(data: Path, name: str) -> NDArray[np.uint32]:
    """Return the sorted hashes of a pack's pictures; of mtfl those of its training part."""
    pictures = list(hashes_in(data / f"{name}.zip"))
    if name == "mtfl":
        with (data / "mtfl.csv").open(newline="") as lines:
            training = {row["path"] for row in csv.DictReader(lines) if row["split"] == "training"}
        pictures = [(file, value) for file, value in pictures if file in training]
    return np.unique(np.array([value for _, value in pictures], np.uint32))


if __name__ == "__main__":
    np.savez_compressed(TABLE, **{name: _packed(Path(sys.argv[1]), name) for name in PACKS})  # type: ignore[arg-type]
