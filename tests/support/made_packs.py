"""Small data packs in the project's own formats, for tests: noise images with random labels."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

Rng = np.random.Generator


def add_images(path: Path, names: Sequence[str], rng: Rng, side_px: int) -> None:
    """Write a zip of square JPEGs."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            image = rng.integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)
            archive.writestr(name, cv2.imencode(".jpg", image)[1].tobytes())


def detector_packs(
    folder: Path, people: Sequence[str], expressions: Sequence[str], empties: int, side_px: int, crowd: str
) -> Path:
    """Write the data packs that the recipe `detector` reads, without the teacher's.

    people: one image each in both labelled packs, named NAME_PERSON_i.jpg.
    crowd: box of the only crowd, as a row of the table.
    """
    folder.mkdir()
    rng = np.random.default_rng(0)
    inner = side_px / 4, side_px * 3 / 4
    for pack in ("helen_train", "ytfaces_train"):
        names = [f"{pack}_{person}_{i}.jpg" for i, person in enumerate(people)]
        add_images(folder / f"{pack}.zip", names, rng, side_px)
        points = rng.uniform(*inner, (len(names), 68, 2)).astype(np.float32)
        np.savez(folder / f"{pack}.npz", names=np.array(names), points=points)
    add_images(folder / "expressions.zip", expressions, rng, side_px)
    mesh = rng.uniform(*inner, (len(expressions), 478, 2)).astype(np.float16)
    np.savez(folder / "expressions.npz", names=np.array(expressions), mesh478=mesh)
    (folder / "mesh478_to_68.json").write_text(str([[i] for i in range(68)]))
    add_images(folder / "no_faces.zip", [f"nothing{i}.jpg" for i in range(empties)], rng, side_px)
    add_images(folder / "wider_scenes.zip", ["crowd.jpg"], rng, side_px)
    (folder / "wider_scenes.csv").write_text(f"file,x0,y0,x1,y1\ncrowd.jpg,{crowd}\n")
    return folder
