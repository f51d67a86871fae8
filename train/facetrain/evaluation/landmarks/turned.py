"""AFLW2000-3D: errors of points and head angles by yaw, through the true boxes and through a method's own detector.

NME here is the mean error of the found faces over sqrt(w h) of the box around the 68 true points (Zhu et al., Face
Alignment Across Large Poses, CVPR 2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.angles import rotation_from_deg
from facetrack.detector import Detector
from facetrack.geometry import box_iou, points_box
from facetrain.evaluation.landmarks.turned_methods import LEAST_IOU, Found, Method, matching
from facetrain.formats.turned_packs import MAX_TABLED_DEG
from facetrain.metrics.landmarks import box_size
from facetrain.reporting.report import Report, Table
from facetrain.sample import POSE_ANGLES, Sample

Array = NDArray[np.float64]
Progress = Callable[[Iterable[Sample]], Iterable[Sample]]

YAW_BINS_DEG = ((0.0, 30.0), (30.0, 60.0), (60.0, 90.0))
"""Upper ends included, as in the literature."""
LITERATURE = (
    "Literature on the whole set of 2000, not measured here: 3DDFA_V2 2.63 / 3.42 / 4.48, SynergyNet 2.65 / 3.30 / 4.27"
    " % by yaw (points); 6DRepNet 3.97 degrees mean absolute error of the three angles."
)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One method on N faces, in the samples' order.

    found: (N,) whether the face was found. error: (N, 68) px over the box's root, %, NaN where it was not.
    angles_off: (N, 3) degrees, NaN where unknown. yaw: (N,) |true yaw| in degrees. tabled: (N,) whether all true angles
    are within MAX_TABLED_DEG. shift_x: median over the faces of the points' mean shift to the right of the labels, %.
    by_source: angles_off of a network's points and rotation alone.
    """

    title: str
    found: NDArray[np.bool_]
    error: Array
    angles_off: Array
    yaw: Array
    tabled: NDArray[np.bool_]
    shift_x: float
    by_source: Mapping[str, Array] = field(default_factory=dict)

    def from_sources(self) -> list[Result]:
        """Return the results with each source's angles instead of the tracker's."""
        named = self.by_source.items()
        return [replace(self, title=f"{self.title}, {name}", angles_off=off, by_source={}) for name, off in named]


@dataclass(frozen=True, slots=True)
class YawRow:
    """name: the bin of |yaw|. faces, missed: counts. nme, nme_51: %, of the found ones."""

    name: str
    faces: int
    missed: int
    nme: float
    nme_51: float


def measure(title: str, method: Method, samples: Sequence[Sample], detected: bool, progress: Progress) -> Result:
    """Run one method over samples of `formats.turned_packs.read_aflw2000`.

    detected: through its own detector, where a face is found if the box of its points overlaps the true one by half.
    """
    truth = np.stack([sample.points for sample in samples]).astype(np.float64)
    size = box_size(truth)
    found: list[Found | None] = []
    for sample in progress(samples):
        box = points_box(sample.points)
        found.append(matching(method.detected(sample.image), box) if detected else method.through(sample.image, box))
    by_source: dict[str, Array] = {}
    error, off = np.full(truth.shape[:2], np.nan), np.full((len(samples), 3), np.nan)
    shift = np.full(len(samples), np.nan)
    angles = np.array([[float(sample.attributes[name]) for name in POSE_ANGLES] for sample in samples])
    for index, one in enumerate(found):
        if one is not None:
            error[index] = 100 * np.linalg.norm(one.points - truth[index], axis=1) / size[index]
            off[index] = _apart_deg(one.angles_deg, angles[index])
            for name, alone in one.angles_by_source.items():
                by_source.setdefault(name, np.full_like(off, np.nan))[index] = _apart_deg(alone, angles[index])
            shift[index] = 100 * float((one.points - truth[index])[:, 0].mean()) / size[index]
    return Result(
        title,
        np.array([one is not None for one in found]),
        error,
        off,
        np.abs(angles[:, 0]),
        (np.abs(angles) <= MAX_TABLED_DEG).all(axis=1),
        float(np.nanmedian(shift)) if np.isfinite(shift).any() else math.nan,
        by_source,
    )


def _apart_deg(angles_deg: Array, tabled: Array) -> Array:
    """(3,) angles of `types.Pose` minus (3,) of the labels, from -180 to 180."""
    return np.asarray((tabled_angles(angles_deg) - tabled + 180) % 360 - 180)


def tabled_angles(angles_deg: Array) -> Array:
    """Convert (3,) yaw, pitch, roll of `types.Pose` to the order of AFLW2000's labels; the signs stay.

    `types.Pose` has R = Ry(-yaw) Rx(-pitch) Rz(roll), the labels (3DDFA, Zhu et al., CVPR 2016) have
    Rx(-pitch) Ry(-yaw) Rz(roll). A head fitted to the labels' own points agrees with their angles to 1.2 / 2.8 / 1.6
    degrees in this order and to 2.1 / 4.8 / 7.2 in the other; beyond 60 degrees of yaw they differ by 18 and 25 degrees
    of pitch and roll.
    """
    if not np.isfinite(angles_deg).all():
        return np.full(3, np.nan)
    turn = rotation_from_deg(*(float(angle) for angle in angles_deg))
    yaw = -math.asin(max(-1.0, min(1.0, turn[0, 2])))
    pitch, roll = math.atan2(turn[1, 2], turn[2, 2]), math.atan2(-turn[0, 1], turn[0, 0])
    return np.degrees(np.array([yaw, pitch, roll]))


def recall_by_yaw(detector: Detector, samples: Sequence[Sample], progress: Progress) -> list[str]:
    """Share of the faces that a detector finds by itself, by |yaw|, as cells of the columns BINS.

    Found: one of its boxes, without the forehead, overlaps the true points' box by half.
    """
    yaw = np.abs([float(sample.attributes["yaw_deg"]) for sample in samples])
    found = []
    for sample in progress(samples):
        boxes = detector(sample.image).boxes
        overlap = box_iou(boxes, points_box(sample.points)[None])
        found.append(bool(len(boxes)) and float(overlap.max()) >= LEAST_IOU)
    parts = [_in_bin(yaw, low, high) for low, high in YAW_BINS_DEG]
    return [f"{np.array(found)[part].mean():.3f}" if part.any() else "none" for part in parts]


def _in_bin(yaw: Array, low: float, high: float) -> NDArray[np.bool_]:
    return np.asarray((yaw <= high) & ((yaw > low) if low else True))


def by_yaw(result: Result) -> list[YawRow]:
    """Figures by |yaw|; faces beyond the last bin are left out, as in the literature."""
    rows = []
    for low, high in YAW_BINS_DEG:
        part = _in_bin(result.yaw, low, high)
        kept = part & result.found
        inner = result.error[kept][:, list(topology.INNER_51)]
        nme = float(result.error[kept].mean()) if kept.any() else math.nan
        rows.append(
            YawRow(
                f"{low:g}-{high:g}",
                int(part.sum()),
                int((part & ~result.found).sum()),
                nme,
                float(inner.mean()) if kept.any() else math.nan,
            )
        )
    return rows


def angle_errors(result: Result) -> dict[str, float]:
    """Mean absolute errors in degrees over the found, tabled faces, and of yaw, pitch and roll together."""
    off = np.abs(result.angles_off[result.tabled & np.isfinite(result.angles_off).all(axis=1)])
    named = {
        name: float(column.mean()) if len(off) else math.nan for name, column in zip(POSE_ANGLES, off.T, strict=True)
    }
    return {**named, "mean_deg": float(off.mean()) if len(off) else math.nan, "faces": float(len(off))}


def angle_bias(result: Result) -> list[float]:
    """Median signed errors of yaw, pitch and roll in degrees: what another zero of the angles would take away."""
    off = result.angles_off[result.tabled & np.isfinite(result.angles_off).all(axis=1)]
    return [float(value) for value in np.median(off, axis=0)] if len(off) else [math.nan] * 3


def report(results: Sequence[Result], notes: Sequence[str], details: Sequence[Table] = ()) -> Report:
    """Build the report: NME and head angles by method. details: tables before them."""
    points, angles = [], []
    for result in results:
        cells = [f"{row.nme:.2f} / {row.nme_51:.2f} ({row.missed} of {row.faces} missed)" for row in by_yaw(result)]
        points.append([result.title, *cells, f"{result.shift_x:+.2f}"])
        angles += [_angle_row(one) for one in (result, *result.from_sources())]
    tables = [
        *details,
        Table("NME by yaw", ("method", *BINS, "shift to the right"), points),
        Table("head angles", ("method", "yaw", "pitch", "roll", "mean, degrees", "median signed error"), angles),
    ]
    figures = {
        result.title: {
            "by_yaw": {
                row.name: {"nme": row.nme, "nme_51": row.nme_51, "missed": row.missed} for row in by_yaw(result)
            },
            "angles_deg": angle_errors(result),
            "angles_deg_by_source": {one.title: angle_errors(one) for one in result.from_sources()},
            "shift_x": result.shift_x,
        }
        for result in results
    }
    return Report("Turned heads: AFLW2000-3D", tables, figures, [*notes, LITERATURE], MEANING)


def _angle_row(result: Result) -> list[str]:
    errors = angle_errors(result)
    bias = " / ".join(f"{value:+.1f}" for value in angle_bias(result))
    return [result.title, *(f"{errors[name]:.2f}" for name in (*POSE_ANGLES, "mean_deg")), bias]


BINS = tuple(f"yaw {low:g}-{high:g}" for low, high in YAW_BINS_DEG)
MEANING = {
    "NME by yaw": "68 points / inner 51, % of sqrt(w h) of the true points' box, means over the faces found",
    "shift to the right": "median over the faces of the points' mean shift along x, %",
    "head angles": f"mean absolute errors, without the faces with an angle beyond {MAX_TABLED_DEG:g} degrees",
}
