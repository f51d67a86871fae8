"""Eyes of the packs: faces with points, crops of both eyes, and photographs of single eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from facetrack import topology, topology_maps
from facetrack.engine import Engine
from facetrack.geometry import crop_from_box, cut, frame_matrices, transform
from facetrack.types import Floats
from facetrain.formats.label_tables import read_labels
from facetrain.formats.pack_tables import read_table
from facetrain.formats.packs import load_labels, read_landmark_pack, read_pack
from facetrain.formats.turned_packs import face_box, read_pointing04
from facetrain.formats.zips import read_zip_images
from facetrain.labelling.eyes.faces import OPEN_GAP, face_eyes, look, mesh_gap
from facetrain.labelling.eyes.placing import Usual, eye_places, place_map
from facetrain.labelling.mesh_map import CROP_PX, Mesh
from facetrain.sample import Sample
from facetrain.samples.eyes.table import COLUMNS, ROWS, WIDTHS, Eye, eyes_of, gap_of
from facetrain.samples.lid_labels import Lids, read_lids

Progress = Callable[[Iterable[Sample]], Iterable[Sample]]

HAND_LABELLED = ("helen_train", "lfpw_train")
EVERY_FACE = 3
"""Of the expressions every third face whose eyes are open."""
WIDE_GAP = 0.2
"""Faces of expressions with a gap below this are all taken."""
LABELLED_WEIGHT, TURNED_WEIGHT = 0.2, 0.12
"""Weights of a teacher's eye points, and of those fitted to turned faces."""
LOOKS_DOWN_DEG, MOST_PAN_DEG = -30.0, 45.0
"""Pointing'04: tilt from which the eyes look down, and the largest pan at which both are seen."""


def hand_labelled(folder: Path, name: str, mesh: Mesh, progress: Progress) -> Iterator[Eye]:
    """Yield the eyes of a pack with hand-labelled points, with irises by the mesh."""
    lids = read_lids()
    for sample in progress(read_landmark_pack(folder, name)):
        found = look(sample.image, sample.points, mesh)
        yield from face_eyes(
            sample.image, sample.points, sample.name, sample.group, name, 1.0, found, _lids(lids, name, sample.name)
        )


def youtube(folder: Path, labels: Path, mesh: Mesh, progress: Progress) -> Iterator[Eye]:
    """Yield eyes of YouTube Faces' frames."""
    name, lids = "ytfaces_train", read_lids()
    table = read_labels(labels / f"{name}.npz")
    rows = {file: index for index, file in enumerate(table.names)}
    for sample in progress(read_pack(folder / name, trim=False).samples):
        states = _lids(lids, name, sample.name)
        if sample.name not in rows:
            continue
        points = table.points[rows[sample.name]]
        found = look(sample.image, points, mesh)
        yield from face_eyes(sample.image, points, sample.name, sample.group, name, LABELLED_WEIGHT, found, states)


def expressions(folder: Path, labels: Path, progress: Progress) -> Iterator[Eye]:
    """Yield eyes of the expressions pack, which stores the mesh: all narrow ones, and every EVERY_FACE-th other."""
    name, lids = "expressions", read_lids()
    table, stored = read_labels(labels / f"{name}.npz"), load_labels(folder / f"{name}.npz", "mesh478")
    rows = {file: index for index, file in enumerate(table.names)}
    meshes = {str(file): index for index, file in enumerate(stored["names"].tolist())}
    for index, sample in enumerate(progress(read_pack(folder / name, trim=False).samples)):
        states = _lids(lids, name, sample.name)
        if sample.name not in rows:
            continue
        mesh = stored["mesh478"][meshes[sample.name]].astype(np.float32)
        narrow = min(mesh_gap(mesh, 0), mesh_gap(mesh, 1)) < WIDE_GAP
        if not (narrow or any(states) or index % EVERY_FACE == 0):
            continue
        points = table.points[rows[sample.name]]
        yield from face_eyes(
            sample.image, points, sample.name, sample.group, name, LABELLED_WEIGHT, mesh, states, seen=False
        )


def turned(folder: Path, labels: Path, progress: Progress) -> Iterator[Eye]:
    """Yield eyes of AFLW's faces: corners by hand, `covered` where none of an eye's points can be seen."""
    name = "aflw21"
    table = read_labels(labels / f"{name}.npz")
    rows = {file: index for index, file in enumerate(table.names)}
    for index, sample in enumerate(progress(read_pack(folder / name, trim=False).samples)):
        if sample.name not in rows or index % 2:
            continue
        row = rows[sample.name]
        points, hand = table.points[row], table.hand[row]
        if not np.isfinite(points).all():
            continue
        for side, eye in enumerate(face_eyes(sample.image, points, sample.name, sample.group, name, 0.0, seen=False)):
            known = np.isfinite(hand[list(topology_maps.AFLW_EYES[side])]).all(axis=1)
            eye.set("covered", 0.0 if known.any() else 1.0, 1.0 if known.all() or not known.any() else 0.0)
            if known.all():
                eye.labels["contour_weight"] = np.full(6, TURNED_WEIGHT, np.float32)
            yield eye


def pointing(folder: Path, mesh: Mesh, progress: Progress) -> Iterator[Eye]:
    """Yield eyes of Pointing'04 where the mesh finds a face; those that look down are open or lowered, not shut."""
    for sample in progress(read_pointing04(folder / "pointing04.csv").samples):
        pan, tilt = float(sample.attributes["yaw_deg"]), float(sample.attributes["pitch_deg"])
        if abs(pan) > MOST_PAN_DEG or abs(tilt) > 75:
            continue
        crop = crop_from_box(face_box(sample), 1.8)
        found = mesh(cut(sample.image, crop, CROP_PX))
        if not len(found):
            continue
        whole = transform(found[0], frame_matrices([crop], CROP_PX)[0])
        points = topology_maps.mesh_to_68(whole)
        eyes = face_eyes(
            sample.image, points, sample.name, f"pointing {sample.group}", "pointing04", LABELLED_WEIGHT, whole
        )
        for eye in eyes:
            if tilt <= LOOKS_DOWN_DEG:
                eye.set_state("open", "lowered", weight=0.6)
            yield eye


def scut(folder: Path, progress: Progress) -> Iterator[Eye]:
    """Yield scut_eyes' eyes, with eight points on the lids and the pupil by hand."""
    labels = load_labels(folder / "scut_eyes.npz", "points")
    points = dict(zip(labels["names"].tolist(), labels["points"].astype(np.float32), strict=True))
    for name, image in read_zip_images(folder / "scut_eyes.zip"):
        face = np.full((topology.N_POINTS, 2), np.nan, np.float32)
        for right, lids in ((True, points[name][20:28]), (False, points[name][28:36])):
            face[list(topology.RIGHT_EYE if right else topology.LEFT_EYE)] = six_of_eight(lids)
        face[topology.NOSE_BASE[2]] = face[list(topology.RIGHT_EYE + topology.LEFT_EYE)].mean(axis=0)
        for side, (eye, matrix) in enumerate(eyes_of(image, face, name, f"scut {name}", "scut_eyes")):
            lids = transform(points[name][(20, 28)[side] : (28, 36)[side]], matrix)
            contour = six_of_eight(lids)
            if side == 1:  # the mirrored left eye, in the right eye's order
                contour = contour[[3, 2, 1, 0, 5, 4]]
            eye.set("contour", contour, 0.15)
            eye.set("iris", [*transform(points[name][36 + side][None], matrix)[0], 0.0], 1.0)
            gap = gap_of(contour)
            eye.set("gap", gap, 0.5)
            if gap > OPEN_GAP:
                eye.set_state("open", weight=0.5)
            eye.set("covered", 0.0, 0.5)
            yield eye


def six_of_eight(lids: Floats) -> Floats:
    """Return the six points of the 68 from eight around an eye, from its left corner over the upper lid.

    The eight divide each lid at quarters, the six at thirds.
    """
    left, a, b, c, right, d, e, f = lids
    third = [(2 * a + b) / 3, (b + 2 * c) / 3, right, (2 * d + e) / 3, (e + 2 * f) / 3]
    return np.stack([left, *third]).astype(np.float32)


SINGLE = {"eyes": ("file", Usual(0.62, 0.54)), "eyes_nir": ("image", Usual(0.62, 0.54))}
"""Packs of single eyes: column of the picture's name, and where the eye usually lies."""


def single(folder: Path, name: str, engine: Engine) -> Iterator[Eye]:
    """Yield photographs of single eyes, open or closed; an open one may be lowered. engine: an eye network."""
    key, usual = SINGLE[name]
    rows = {row[key]: row for _, row in read_table(folder / f"{name}.csv")[1]}
    files, images = zip(*read_zip_images(folder / f"{name}.zip"), strict=True)
    for file, image, place in zip(files, images, eye_places(images, engine, usual), strict=True):
        row = rows[file]
        # Beyond the picture its edge goes on: black bars would tell a picture of a single eye from a face.
        size, matrix = (COLUMNS, ROWS), place_map(place, (COLUMNS, ROWS), WIDTHS)
        crop = np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
        eye = Eye(crop, f"{file}:right", row.get("subject", file), name)
        if row["label"] == "closed":
            eye.set_state("shut")
        else:
            eye.set_state("open", "lowered")
        eye.set("covered", 0.0, 0.5)
        yield eye


def _lids(lids: Lids, pack: str, name: str) -> tuple[str, str]:
    return lids.get((pack.removesuffix("_train"), name), ("", ""))
