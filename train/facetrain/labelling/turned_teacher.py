"""The ensemble teacher as commands use it: fitted from gold packs into one file, and run over a pack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.errors import DataError
from facetrack.types import Floats
from facetrain.formats.label_tables import LabelTable
from facetrain.formats.packs import load_labels, read_landmark_pack, read_pack
from facetrain.formats.turned_packs import read_aflw21, read_pointing04
from facetrain.labelling.ensemble import combine
from facetrain.labelling.head_fit import HeadBasis, fit_heads, head_basis
from facetrain.labelling.jaw import fit_gold, jaw_offset, lobe_behind_cm
from facetrain.labelling.mesh_map import Mesh, MeshMap, fit_mesh_map, mesh_of
from facetrain.labelling.self_label import PseudoLabel, SelfTeacher, face_frame, scheme_offset
from facetrain.labelling.self_occlusion import visibility_table
from facetrain.labelling.turned_heads import SOURCE as RENDERED
from facetrain.labelling.turned_heads import of_heads
from facetrain.labelling.turned_labels import TurnedTeacher, aflw_combinations, label_shift, of_angles
from facetrain.sample import Sample
from facetrain.samples.turned.held_out import held_out
from facetrain.synth.rendering.head_model import HeadModel

Array = NDArray[np.float64]
Progress = Callable[[Iterable[Sample]], Iterable[Sample]]

GOLD = ("helen_train", "lfpw_train")
BLENDED, MESH_LABELLED, HAND_LABELLED, ANGLES_ONLY = "ytfaces_train", "expressions", "aflw21", "pointing04"
KNOWN = (*GOLD, BLENDED, MESH_LABELLED, HAND_LABELLED, ANGLES_ONLY, RENDERED)
EVERY_LOBE = 4
"""Every fourth face of aflw21 is enough to place the ear lobes."""


@dataclass(frozen=True, slots=True, eq=False)
class TeacherFile:
    """mesh_map; jaw_offset (17, 3) cm, see `labelling.jaw`; shift: by gold pack, see `label_shift`."""

    mesh_map: MeshMap
    jaw_offset: Array
    shift: dict[str, float]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            names=np.array(list(self.shift)),
            shift=np.array(list(self.shift.values())),
            mean=self.mesh_map.mean,
            weights=self.mesh_map.weights,
            jaw_offset=self.jaw_offset,
        )

    @classmethod
    def load(cls, path: Path) -> TeacherFile:
        """Read what `save` wrote; raises DataError for another file."""
        arrays = load_labels(path, "weights")
        if missing := {"mean", "jaw_offset", "shift"} - set(arrays):
            raise DataError(f"{path} lacks {', '.join(sorted(missing))}; fit one with `facetrack data teacher`")
        shift = dict(zip(arrays["names"].tolist(), arrays["shift"].tolist(), strict=True))
        return cls(MeshMap(arrays["mean"], arrays["weights"]), arrays["jaw_offset"], shift)

    def teacher(self, model: HeadModel) -> TurnedTeacher:
        basis = head_basis(model, self.jaw_offset)
        return TurnedTeacher(basis, visibility_table(model, basis), self.shift)


def fit_teacher(packs: Path, mesh: Mesh, model: HeadModel, progress: Progress = lambda items: items) -> TeacherFile:
    """Fit the mesh map and the head's jaw on the training parts of GOLD and the ear lobes of aflw21."""
    samples = [s for name in GOLD for s in _training_part(read_landmark_pack(packs, name, trim=False), name)]
    points = np.stack([sample.points for sample in samples])
    found = [mesh_of(sample, mesh) for sample in progress(samples)]
    plain, mirrored = (np.stack([pair[i] for pair in found]).astype(np.float64) for i in (0, 1))
    mesh_map, used = fit_mesh_map(plain, mirrored, points.astype(np.float64))
    predicted = mesh_map.both(plain[used], mirrored[used])
    source = np.array([sample.source for sample in samples])[used]
    shift = {name: label_shift(predicted[source == name], points[used][source == name]) for name in GOLD}
    basis = head_basis(model)
    gold = fit_gold(basis, points)
    offset = jaw_offset(gold, points, 0.0)  # first without the depth, which the lobes then give
    lobe = _lobe_depth(head_basis(model, offset), packs)
    return TeacherFile(mesh_map, jaw_offset(gold, points, lobe), shift)


def _training_part(samples: list[Sample], name: str) -> list[Sample]:
    return [s for s, out in zip(samples, held_out(name, samples), strict=True) if not out]


def _lobe_depth(basis: HeadBasis, packs: Path) -> float:
    samples = _training_part(read_aflw21(packs / HAND_LABELLED).samples, HAND_LABELLED)[::EVERY_LOBE]
    hand, yaw = np.stack([s.points for s in samples]), np.array([float(s.attributes["yaw_deg"]) for s in samples])
    combinations, weight, yaws = aflw_combinations(yaw)
    ears = list(topology_maps.AFLW_EARS)
    weight[ears] = 0
    return lobe_behind_cm(basis, fit_heads(basis, combinations, hand, weight, yaws), hand[:, ears])


def label_pack(
    path: Path, file: TeacherFile, model: HeadModel, large: SelfTeacher, progress: Progress = lambda items: items
) -> LabelTable:
    """Label one pack, by its path without ending; raises DataError for a pack that no rule is known for."""
    name = path.name
    if name not in KNOWN:
        raise DataError(
            f"the ensemble teacher has no rule for {name}; it labels {', '.join(KNOWN)}; use --teacher bundled"
        )
    if name == ANGLES_ONLY:
        return of_angles(read_pointing04(path.with_name(f"{name}.csv")).samples)
    if name == RENDERED:
        return of_heads(read_pack(path, trim=False).samples)
    teacher = file.teacher(model)
    if name in (*GOLD, HAND_LABELLED):
        labels = load_labels(path.with_name(f"{name}.npz"), "points")
        names, points = labels["names"].tolist(), labels["points"].astype(np.float32)
        if name == HAND_LABELLED:
            return teacher.of_aflw(names, points, -labels["yaw_deg"])
        return teacher.of_points(names, points, np.ones(points.shape[:2], np.float32), name)
    samples = read_pack(path, trim=False).samples
    views = [large(sample) for sample in progress(samples)]
    if name == BLENDED:
        points, weight = _blend(samples, views)
    else:
        meshes = load_labels(path.with_name(f"{name}.npz"), "mesh478")
        rows = {file_name: index for index, file_name in enumerate(meshes["names"].tolist())}
        order = [rows[sample.name] for sample in samples]
        points, weight = combine(file.mesh_map(meshes["mesh478"][order].astype(np.float64)), views)
    kept = np.asarray(np.isfinite(points).all(axis=(1, 2)))
    names = [sample.name for sample, keep in zip(samples, kept, strict=True) if keep]
    return teacher.of_points(names, points[kept], weight[kept], name)


def _blend(samples: list[Sample], views: list[PseudoLabel | str]) -> tuple[Floats, Floats]:
    """Average the samples' own points with the views: (N, 68, 2) and weights (N, 68), NaN where there is no view.

    The own points are first moved by the constant difference of the two ways of labelling. As `self_label.blended`, in
    the pack's px.
    """
    pairs = [(s.points, one.points) for s, one in zip(samples, views, strict=True) if not isinstance(one, str)]
    offset = scheme_offset(pairs)
    points = np.full((len(samples), topology.N_POINTS, 2), np.nan, np.float32)
    weight = np.zeros(points.shape[:2], np.float32)
    for index, (sample, view) in enumerate(_seen(samples, views)):
        if view is None:
            continue
        centre, frame = face_frame(sample.points)
        own = ((sample.points - centre) @ np.linalg.inv(frame) + offset) @ frame + centre
        total = sample.weight + view.weight
        points[index] = (own * sample.weight[:, None] + view.points * view.weight[:, None]) / total[:, None]
        weight[index] = np.minimum(total, 1)
    return points, weight


def _seen(samples: list[Sample], views: list[PseudoLabel | str]) -> Iterator[tuple[Sample, PseudoLabel | None]]:
    for sample, view in zip(samples, views, strict=True):
        yield sample, None if isinstance(view, str) else view
