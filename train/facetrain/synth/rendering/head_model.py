"""USC's ICT morphable head model (Li et al., CVPR 2020; MIT licence): mean head, identity and expression offsets.

The user provides the file: vertices (V, 3) in cm with y up, triangles (T, 3) with a material each, offsets for identity
and for ARKit's expressions, and the vertex of each of the 68 points. Eyeballs are rotated here: the model's eyeLook
expressions move the lids only.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.angles import rotation_from_deg
from facetrack.errors import DataError
from facetrack.types import Floats
from facetrain.synth.rendering.camera import MODEL_TO_CAMERA

Ints = NDArray[np.int64]
Array = NDArray[np.float64]

ARRAYS = {
    "vertices": 2, "triangles": 2, "triangle_material": 1, "materials": 1, "identity": 3, "expression": 3,
    "expression_names": 1, "landmarks68": 1,
}  # fmt: skip
"""Arrays of the file, and their numbers of axes."""
EYEBALL_MATERIALS = {"right": ("M_ScleraRight", "M_IrisRight"), "left": ("M_ScleraLeft", "M_IrisLeft")}
IRIS_TURN_CM = 1.04
"""From the centre about which a person's eye turns to its iris as it is seen (see `facetrack.gaze.eyeball`)."""
LIMBUS_CM = (0.5, 0.66)
"""Distance from an eyeball's axis at which the edge of the iris is painted (`materials.IRIS_CM`), +- its vertices."""
LANDMARK_SHIFTS = {
    49: (50, 0.16), 50: (51, 0.16), 59: (58, 0.31), 58: (57, 0.38), 61: (62, 0.37), 67: (66, 0.41),
    37: (38, 0.23), 41: (40, 0.13),
}  # fmt: skip
"""Landmarks of the right half that annotators place nearer to a neighbour on the lip's or lid's edge than the model's
vertices are: point -> (neighbour, share of the distance).

From the median position along the mouth and along the line of the eye's corners over frontal faces with shut mouths in
HELEN's training part (214 labelled photographs), against 200 random heads of the model. The left half mirrors them."""
FULL_GAZE_DEG = 30.0
"""Gaze angle at which the lids' eyeLook expressions are 1."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadModel:
    """Morphable head model.

    vertices: (V, 3) float32 cm.
    triangles: (T, 3) vertex indices.
    triangle_material: (T,) index into materials.
    identity, expression: (I, V, 3) and (E, V, 3) offsets in cm.
    landmarks: (68,) vertex indices.
    """

    vertices: Floats
    triangles: Ints
    triangle_material: Ints
    materials: tuple[str, ...]
    identity: Floats
    expression: Floats
    expression_names: tuple[str, ...]
    landmarks: Ints

    def of_material(self, *names: str) -> NDArray[np.bool_]:
        """Return the (T,) mask of triangles with one of these materials; unknown materials have no triangles."""
        wanted = [index for index, name in enumerate(self.materials) if name in names]
        return np.isin(self.triangle_material, wanted)

    def vertices_of(self, *names: str) -> Ints:
        """Return the indices of the vertices of these materials."""
        return np.unique(self.triangles[self.of_material(*names)])

    def points68(self, shaped: NDArray[np.floating]) -> Array:
        """Return the (68, 3) landmarks of 300-W as fixed surface points of a (V, 3) head, in the same axes.

        The jaw's points are the model's vertices; see `outline` for the visible jaw line.
        """
        points = shaped[self.landmarks].astype(np.float64)
        moved = points.copy()
        for point, (neighbour, share) in LANDMARK_SHIFTS.items():
            for a, b in ((point, neighbour), (topology.FLIP[point], topology.FLIP[neighbour])):
                moved[a] += share * (points[b] - points[a])
        return moved

    @property
    def origin(self) -> Array:
        """Centre (3,) cm of the mean head's four eye corners, which is also the origin of `facetrack.pose`'s head."""
        corners = [topology.RIGHT_EYE[0], topology.RIGHT_EYE[3], topology.LEFT_EYE[0], topology.LEFT_EYE[3]]
        return np.asarray(self.vertices[self.landmarks[corners]].mean(axis=0), dtype=np.float64)

    def shaped(
        self, identity: NDArray[np.floating], expression: Mapping[str, float], gaze_deg: tuple[float, float] = (0, 0)
    ) -> Floats:
        """Return the (V, 3) cm vertices of a head.

        identity: (<= I,) coefficients, standard normal over people; missing ones are 0.
        expression: ARKit's names to coefficients 0..1.
        gaze_deg: (yaw, pitch) of both eyes in the head, signs as of the head's angles; the lids follow as far as they
            are open. The model's eyeballs are too large (15 mm in radius, an iris 16 mm before the centre): they turn
            by less, so that the iris moves across the head as far as a person's does.
        Raises DataError for an unknown expression or too many coefficients.
        """
        if len(identity) > len(self.identity):
            raise DataError(f"{len(identity)} identity coefficients given; the model has {len(self.identity)}")
        out = self.vertices + np.tensordot(np.asarray(identity, np.float32), self.identity[: len(identity)], axes=1)
        centres = {side: _centre(out[self.vertices_of(names[0])]) for side, names in EYEBALL_MATERIALS.items()}
        weights = self._weights(expression) + self._weights(_lid_expressions(expression, *gaze_deg))
        used = np.flatnonzero(weights)
        out += np.tensordot(weights[used], self.expression[used], axes=1)
        if any(gaze_deg):
            # The gaze's signs refer to the camera's axes; the model's y and z axes are opposite.
            for side, names in EYEBALL_MATERIALS.items():
                ball = self.vertices_of(*names)
                share = IRIS_TURN_CM / float((out[self._limbus(names[0])].mean(axis=0) - centres[side])[2])
                turn = _turn(gaze_deg, share)
                out[ball] = (out[ball] - centres[side]) @ turn.T + centres[side]
        return np.asarray(out, dtype=np.float32)

    def irises(self, shaped: NDArray[np.floating]) -> Array:
        """Return the (2, 3) centres of the right and the left iris of a (V, 3) head, in the same axes."""
        limbi = [self._limbus(names[0]) for names in EYEBALL_MATERIALS.values()]
        return np.array([shaped[limbus].mean(axis=0) for limbus in limbi], np.float64)

    def _limbus(self, sclera: str) -> Ints:
        """Return the indices of the vertices around the edge of the iris, which is painted on this outer ball."""
        ball = self.vertices_of(sclera)
        at = self.vertices[ball]
        off = np.linalg.norm(at[:, :2] - (at[:, :2].min(axis=0) + at[:, :2].max(axis=0)) / 2, axis=1)
        in_front = at[:, 2] > at[:, 2].mean()
        return ball[in_front & (off >= LIMBUS_CM[0]) & (off <= LIMBUS_CM[1])]

    def _weights(self, expression: Mapping[str, float]) -> Floats:
        weights = np.zeros(len(self.expression_names), np.float32)
        for name, value in expression.items():
            if name not in self.expression_names:
                raise DataError(f"no expression is called '{name}'; the model has {', '.join(self.expression_names)}")
            weights[self.expression_names.index(name)] = value
        return weights


def _centre(ball: Floats) -> Floats:
    """Return the (3,) centre of an eyeball: its back half is a sphere, the cornea protrudes in front."""
    low, high = ball.min(axis=0), ball.max(axis=0)
    radius = (high[0] - low[0]) / 2
    return np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2] + radius], np.float32)


def _turn(gaze_deg: tuple[float, float], share: float) -> Floats:
    """Return the (3, 3) rotation, in the model's axes, that moves an iris by this share of its way across the head."""
    # The gaze's signs refer to the camera's axes; the model's y and z axes are opposite.
    across = rotation_from_deg(*gaze_deg, 0.0)[:2, 2] * share
    yaw_deg = np.degrees(np.arctan2(-across[0], np.sqrt(1.0 - across @ across)))
    turn = MODEL_TO_CAMERA @ rotation_from_deg(float(yaw_deg), float(np.degrees(np.arcsin(across[1]))), 0.0)
    return np.asarray(turn @ MODEL_TO_CAMERA, np.float32)


def _lid_expressions(expression: Mapping[str, float], yaw_deg: float, pitch_deg: float) -> dict[str, float]:
    """Return the eyeLook expressions of a gaze; closed lids do not follow."""
    yaw, pitch = yaw_deg / FULL_GAZE_DEG, pitch_deg / FULL_GAZE_DEG
    out: dict[str, float] = {}
    for side, outward in (("R", -yaw), ("L", yaw)):
        opened = 1 - min(1.0, expression.get(f"eyeBlink_{side}", 0.0))
        out[f"eyeLookOut_{side}"] = max(outward, 0.0) * opened
        out[f"eyeLookIn_{side}"] = max(-outward, 0.0) * opened
        out[f"eyeLookUp_{side}"] = max(pitch, 0.0) * opened
        out[f"eyeLookDown_{side}"] = max(-pitch, 0.0) * opened
    return out


def load_head_model(path: Path) -> HeadModel:
    """Load a head model. Raises DataError where the file cannot be read or is not such a model."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected a morphable head as .npz, got {error}; check the path") from error
    invalid = [name for name, axes in ARRAYS.items() if name not in arrays or arrays[name].ndim != axes]
    if invalid:
        raise DataError(f"{path}: lacks {', '.join(invalid)} of a morphable head; it has {sorted(arrays)}")
    count = len(arrays["vertices"])
    if {arrays["identity"].shape[1], arrays["expression"].shape[1]} != {count} or len(arrays["landmarks68"]) != 68:
        raise DataError(f"{path}: its offsets or landmarks do not belong to its {count} vertices; get the file again")
    return HeadModel(
        vertices=arrays["vertices"].astype(np.float32),
        triangles=arrays["triangles"].astype(np.int64),
        triangle_material=arrays["triangle_material"].astype(np.int64),
        materials=tuple(str(name) for name in arrays["materials"]),
        identity=arrays["identity"].astype(np.float32),
        expression=arrays["expression"].astype(np.float32),
        expression_names=tuple(str(name) for name in arrays["expression_names"]),
        landmarks=arrays["landmarks68"].astype(np.int64),
    )
