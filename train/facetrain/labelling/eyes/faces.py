"""Eyes of faces with 68 points or a mesh, and the states that the lid gap allows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from facetrack import topology
from facetrack.geometry import crop_from_box, cut, frame_matrices, points_box, transform
from facetrack.topology_maps import MESH_IRISES, MESH_LIDS
from facetrack.types import Floats, Image
from facetrain.labelling.eyes.look import mesh_look
from facetrain.labelling.mesh_map import CROP_MARGIN, CROP_PX, Mesh
from facetrain.samples.eyes.table import ORDER, Eye, contour_of, eyes_of, gap_of

SHUT_GAP, GAP_FACTOR = 0.045, 1.17
"""The mesh's lid gap over the eye's width in shut eyes (median of 162 labelled ones .05), and the factor that makes the
median of helen_train's open eyes that of its hand-labelled points (.316) when shut ones are 0."""
OPEN_GAP, NOT_SHUT_GAP, NOT_OPEN_GAP, SURELY_SHUT_GAP = 0.27, 0.12, 0.08, 0.02
"""Gaps of unlabelled eyes from which they count as open, as not shut, and up to which as not open, as shut. Of labelled
lowered eyes (829) the middle half has .10 to .19 and 1 % at most .02; of shut ones (709) 60 % have that, 3 % over .12,
of open ones (419) 1 % under .14."""
GAZE_WEIGHT = 0.6
"""Weight of a gaze by the mesh over that of its iris."""
UNREAD_WEIGHT = 0.4
"""Weight of a state that follows from the gap alone."""


def look(image: Image, points: Floats, mesh: Mesh) -> Floats | None:
    """Return the (478, 2) mesh px of the face at (68, 2) points; None where the mesh finds none."""
    crop = crop_from_box(points_box(points), CROP_MARGIN)
    found = mesh(cut(image, crop, CROP_PX))
    return transform(found[0], frame_matrices([crop], CROP_PX)[0]) if len(found) else None


def mesh_gap(mesh: Floats, side: int) -> float:
    """Return an eye's lid gap over its width from the mesh, 0 for shut ones. side: 0 right, 1 left."""
    (outer, inner), pairs = MESH_LIDS[side]
    lids = np.mean([np.linalg.norm(mesh[a] - mesh[b]) for a, b in pairs])
    return GAP_FACTOR * float(lids / max(float(np.linalg.norm(mesh[outer] - mesh[inner])), 1e-6) - SHUT_GAP)


def mesh_iris(mesh: Floats, side: int) -> tuple[Floats, float]:
    """Return an iris's centre and radius, px."""
    centre, edge = MESH_IRISES[side]
    return mesh[centre], float(np.linalg.norm(mesh[list(edge)] - mesh[centre], axis=1).mean())


def face_eyes(
    image: Image, points: Floats, name: str, group: str, source: str,
    weight: float | Floats = 1.0, mesh: Floats | None = None, lids: tuple[str, str] = ("", ""), seen: bool = True,
) -> Iterator[Eye]:  # fmt: skip
    """Yield the right and left eye of a face.

    points: (68, 2) px. weight: of the eyes' points, or (68,) each. mesh: (478, 2) px for the irises and the gap.
    lids: labelled states of the right and left eye. seen: whether unlabelled eyes count as not covered.
    """
    looks = None if mesh is None else mesh_look(points, mesh)
    weights = np.broadcast_to(np.asarray(weight, np.float32), (topology.N_POINTS,))
    for side, (eye, matrix) in enumerate(eyes_of(image, points, name, group, source)):
        contour = contour_of(points, side, matrix)
        own = weights[list(ORDER[side])]
        eye.set("contour", contour, own)
        gap, trust = gap_of(contour), float(own.min())
        if mesh is not None:
            from_mesh = mesh_gap(mesh, side)
            hand = trust if trust >= 1.0 else 0.0
            gap, trust = (hand * gap + from_mesh) / (hand + 1), 1.0
            add_iris(eye, mesh, side, matrix, from_mesh)
            if looks is not None:
                turn = matrix[:, :2] / np.hypot(matrix[0, 0], matrix[1, 0])
                eye.set("gaze", turn @ looks, GAZE_WEIGHT * eye.labels["iris_weight"])
        eye.set("gap", gap, trust)
        read_state(eye, lids[side], gap if trust > 0 else np.nan)
        if seen:
            eye.set("covered", 0.0, 0.5)
        yield eye


def add_iris(eye: Eye, mesh: Floats, side: int, matrix: np.ndarray, gap: float) -> None:
    """Label the iris by the mesh; with less weight where the lids hide most of it."""
    centre, radius = mesh_iris(mesh, side)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    trust = float(np.clip((gap - 0.03) / 0.15, 0, 1))
    eye.set("iris", [*transform(centre[None], matrix)[0].tolist(), float(scale * radius)], 0.5 * trust)
    eye.labels["radius_weight"] = np.asarray(0.5 * trust, np.float32)


def read_state(eye: Eye, labelled: str, gap: float) -> None:
    """Set an eye's state by its label, "" for none, or else to what its gap allows; NaN: unknown."""
    if labelled:
        eye.set_state(labelled)
    elif gap >= OPEN_GAP:
        eye.set_state("open", weight=UNREAD_WEIGHT)
    elif gap >= NOT_SHUT_GAP:
        eye.set_state("open", "lowered", weight=UNREAD_WEIGHT)
    elif gap <= SURELY_SHUT_GAP:
        eye.set_state("shut", weight=UNREAD_WEIGHT)
    elif gap <= NOT_OPEN_GAP:
        eye.set_state("lowered", "shut", weight=UNREAD_WEIGHT)
