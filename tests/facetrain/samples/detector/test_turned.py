"""Packs of turned heads as pictures of the detector, from packs made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")

from facetrack.errors import DataError
from facetrain.formats.label_tables import LabelTable, empty_table, write_labels
from facetrain.samples import pictures
from facetrain.samples.detector import turned
from made_packs import add_images

RNG = np.random.default_rng(0)


def aflw21(folder: Path, count: int) -> tuple[str, ...]:
    """Write a pack of `count` pictures with its label table; the points of picture i span i+20 .. i+70 px."""
    names = tuple(f"image{i:05d}.jpg" for i in range(count))
    add_images(folder / "aflw21.zip", names, RNG, 120)
    table = empty_table(names)
    table["points"][:] = RNG.uniform(20, 70, (count, 68, 2)) + np.arange(count)[:, None, None] % 40
    write_labels(LabelTable(names, **table), folder / "labels" / "aflw21.npz")
    np.savez(folder / "aflw21.npz", names=np.array(names), yaw_deg=np.linspace(-90, 90, count))
    return names


def test_labels_come_from_the_table_and_a_tenth_is_held_out(tmp_path: Path) -> None:
    names = aflw21(tmp_path, 300)
    training, held_out = turned.read_turned_pictures(tmp_path, tmp_path / "labels", "aflw21")
    assert len(training) + len(held_out) == len(names)
    assert 10 < len(held_out) < 55
    assert not {p.name for p in training} & {p.name for p in held_out}
    low = training[0].outlines.min() - int(training[0].name[5:10]) % 40
    assert 20 <= low < 25
    assert turned.read_yaw_deg(tmp_path)[names[-1]] == 90


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    aflw21(tmp_path, 3)
    with pytest.raises(DataError, match=r"nowhere/aflw21\.npz"):
        turned.read_turned_pictures(tmp_path, tmp_path / "nowhere", "aflw21")


def test_pointing04_without_steep_tilts_and_without_the_forehead(tmp_path: Path) -> None:
    rows = ["image,person,tilt_deg,pan_deg,x0,y0,x1,y1"]
    names = [f"p{person}{tilt}.jpg" for person in ("01", "07") for tilt in ("-90", "-60", "0")]
    rows += [f"{name},{name[1:3]},{name[3:-4]},30,20,10,60,60" for name in names]
    (tmp_path / "pointing04.csv").write_text("\n".join(rows) + "\n")
    add_images(tmp_path / "pointing04.zip", names, RNG, 80)
    training, held_out = turned.read_turned_pictures(tmp_path, tmp_path, "pointing04")
    assert [p.name for p in training] == ["p01-60.jpg", "p010.jpg"]
    assert {p.group for p in held_out} == {"07"}
    box = np.concatenate([training[0].outlines[0].min(axis=0), training[0].outlines[0].max(axis=0)])
    np.testing.assert_allclose(box, [20, 20, 60, 60], atol=0.1)  # a fifth of 50 px is hair and forehead


def test_only_the_training_part_of_mtfl_is_read(tmp_path: Path) -> None:
    """Some pictures of its testing part are in the benchmark AFLW2000."""
    names = ["a.jpg", "b.jpg", "c.jpg"]
    add_images(tmp_path / "mtfl.zip", names, RNG, 40)
    rows = ["path,split,pose_1..5", "a.jpg,training,3", "b.jpg,testing,3", "c.jpg,training,5"]
    (tmp_path / "mtfl.csv").write_text("\n".join(rows) + "\n")
    assert [(p.name, p.source) for p in pictures.read_bare_faces(tmp_path)] == [
        ("a.jpg", "mtfl"), ("c.jpg", "mtfl_turned"),
    ]  # fmt: skip


def test_backs_of_heads_are_false_alarms_of_many_sizes(tmp_path: Path) -> None:
    names = [f"head_{i}.jpg" for i in range(40)]
    add_images(tmp_path / "heads_backs.zip", names, RNG, 60)
    points = RNG.uniform(10, 50, (40, 68, 2)).astype(np.float32)
    np.savez(tmp_path / "heads_backs.npz", names=np.array(names), points=points)
    backs = turned.read_backs(tmp_path)
    assert [back.picture.name for back in backs] == names
    np.testing.assert_allclose(backs[3].box, [*points[3].min(axis=0), *points[3].max(axis=0)])
    assert not any(len(back.picture.outlines) for back in backs)
    sizes = sorted(back.size_px for back in backs)
    assert sizes[0] < 30 < 80 < sizes[-1] <= 160
