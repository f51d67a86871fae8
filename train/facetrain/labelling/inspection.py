"""Statistics of a labelled set: counts, missing points, face sizes, head angles, and a sheet of samples."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.errors import MissingExtraError
from facetrack.geometry import CropBox, crop_matrix, cut, transform
from facetrack.pose import head_pose
from facetrack.types import Image
from facetrain.reporting import sheets
from facetrain.sample import Sample, face_extent

SHEET_CELLS = 48
CELL_PX = 160
SHEET_MARGIN = 1.8
"""Side of a cell's crop over the face's extent, with some context around the face."""
MANY_VALUES = 12
"""An attribute with more distinct values than this is continuous and reported by its range."""


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """Statistics of a labelled set.

    samples, groups: number of samples and of groups
    sources, schemes: number of samples by name
    missing: scheme -> (K,) number of samples that lack each point
    outside: number of samples with a point outside the image
    attributes: name -> value -> count, or {"least", "median", "most"}
    sizes_px: (N,) longer side of each face's points
    angles_deg: (M, 3) yaw, pitch, roll of the faces with all 68 points
    """

    samples: int
    groups: int
    sources: dict[str, int]
    schemes: dict[str, int]
    missing: dict[str, NDArray[np.int64]]
    outside: int
    attributes: dict[str, dict[str, float]]
    sizes_px: NDArray[np.float64]
    angles_deg: NDArray[np.float64]


def inspect(samples: Sequence[Sample], sizes_px: Sequence[float] = ()) -> Inspection:
    """Compute the statistics over all samples.

    sizes_px: of the faces in the original files, if the images have been trimmed; else from the points
    """
    labelled = [sample for sample in samples if np.isfinite(sample.points).any()]
    schemes = Counter(sample.scheme or "no points" for sample in samples)
    sizes = np.array(sizes_px or [face_extent(sample.points) for sample in labelled], np.float64)
    angles = [angle for angle in map(_angles, labelled) if angle is not None]
    return Inspection(
        samples=len(samples),
        groups=len({sample.group for sample in samples}),
        sources=dict(Counter(sample.source for sample in samples)),
        schemes=dict(schemes),
        missing={scheme: _missing(samples, scheme) for scheme in schemes if scheme != "no points"},
        outside=sum(_has_points_outside(sample) for sample in labelled),
        attributes=_attributes(samples),
        sizes_px=sizes[np.isfinite(sizes)],
        angles_deg=np.array(angles, np.float64).reshape(-1, 3),
    )


def _missing(samples: Sequence[Sample], scheme: str) -> NDArray[np.int64]:
    missing = np.stack([np.isnan(sample.points).any(axis=1) for sample in samples if sample.scheme == scheme])
    return missing.sum(axis=0)


def _has_points_outside(sample: Sample) -> bool:
    height, width = sample.image.shape[:2]
    points = sample.points[np.isfinite(sample.points).all(axis=1)]
    return bool(((points < -0.5) | (points > np.array([width, height]) - 0.5)).any())


def _angles(sample: Sample) -> tuple[float, float, float] | None:
    """Estimate yaw, pitch and roll; None without all 68 points or if the head model cannot be fitted.

    The principal point is assumed at the image's centre, which is wrong for an image cropped from a larger one.
    """
    if sample.scheme != topology.SCHEME or not np.isfinite(sample.points).all():
        return None
    pose = head_pose(sample.points, (sample.image.shape[1], sample.image.shape[0]))
    return None if pose is None else (pose.yaw_deg, pose.pitch_deg, pose.roll_deg)


def _attributes(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    values: dict[str, list[float | str]] = {}
    for sample in samples:
        for name, value in sample.attributes.items():
            values.setdefault(name, []).append(value)
    return {name: _summary(column) for name, column in sorted(values.items())}


def _summary(values: list[float | str]) -> dict[str, float]:
    counts = Counter(value if isinstance(value, str) else f"{value:g}" for value in values)
    numbers = [value for value in values if not isinstance(value, str)]
    if len(counts) > MANY_VALUES and len(numbers) == len(values):
        return {"least": min(numbers), "median": float(np.median(numbers)), "most": max(numbers)}
    return {value: float(count) for value, count in counts.most_common(MANY_VALUES)}


def save(found: Inspection, samples: Sequence[Sample], problems: Sequence[str], out: Path) -> None:
    """Write inspection.json, sheet.png, histograms.png and problems.txt into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "problems.txt").write_text("".join(f"{problem}\n" for problem in problems), encoding="utf-8")
    (out / "inspection.json").write_text(json.dumps(_as_json(found, len(problems)), indent=2) + "\n")
    sheets.save_sheet(sheet_cells(samples), out / "sheet.png", columns=8)
    _save_histograms(found, out / "histograms.png")


def _as_json(found: Inspection, n_problems: int) -> dict[str, object]:
    named = {
        scheme: dict(zip(names_of(scheme, len(counts)), counts.tolist(), strict=True))
        for scheme, counts in found.missing.items()
    }
    return {
        "samples": found.samples, "groups": found.groups, "sources": found.sources, "schemes": found.schemes,
        "missing": named, "points_outside": found.outside, "attributes": found.attributes, "problems": n_problems,
        "size_px": _quartiles(found.sizes_px),
        "angles_deg": {
            name: _quartiles(found.angles_deg[:, axis]) for axis, name in enumerate(("yaw", "pitch", "roll"))
        },
    }  # fmt: skip


def names_of(scheme: str, count: int) -> tuple[str, ...]:
    """Return the names of a scheme's `count` points, their indices if they have none."""
    return topology_maps.point_names(scheme) or tuple(str(index) for index in range(count))


def _quartiles(values: NDArray[np.float64]) -> dict[str, float]:
    """Return five quantiles by name; empty without values."""
    if not len(values):
        return {}
    names = ("least", "5 %", "median", "95 %", "most")
    return dict(zip(names, np.round(np.percentile(values, [0, 5, 50, 95, 100]), 2).tolist(), strict=True))


def sheet_cells(samples: Sequence[Sample], count: int = SHEET_CELLS) -> list[Image]:
    """Draw `count` evenly spaced samples, cropped around the face, with their points and first attributes."""
    chosen = [samples[int(index)] for index in np.linspace(0, len(samples) - 1, min(count, len(samples)))]
    return [_cell(sample) for sample in chosen]


def _cell(sample: Sample) -> Image:
    known = np.isfinite(sample.points).all(axis=1)
    height, width = sample.image.shape[:2]
    crop = CropBox((width - 1) / 2, (height - 1) / 2, float(max(height, width)))
    if known.any():
        low, high = np.nanmin(sample.points, axis=0), np.nanmax(sample.points, axis=0)
        middle = (low + high) / 2
        crop = CropBox(float(middle[0]), float(middle[1]), SHEET_MARGIN * max(float((high - low).max()), 8.0))
    image = cut(sample.image, crop, CELL_PX)
    points = transform(sample.points[known], crop_matrix(crop, CELL_PX))
    title = " ".join(f"{name}={_short(value)}" for name, value in list(sample.attributes.items())[:2])
    cell = cv2.resize(image, (CELL_PX, CELL_PX))
    return sheets.drawn(np.asarray(cell, dtype=np.uint8), points, None, CELL_PX, title)


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


def _save_histograms(found: Inspection, path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "histograms need matplotlib; install the extra: python -m pip install 'facetrack[train]'"
        ) from error
    figure = Figure(figsize=(12, 3), layout="constrained")
    axes = figure.subplots(1, 4)
    columns = [("face size, px", found.sizes_px)]
    columns += [(f"{name}, degrees", found.angles_deg[:, axis]) for axis, name in enumerate(("yaw", "pitch", "roll"))]
    for axis, (title, values) in zip(axes, columns, strict=True):
        if len(values):
            axis.hist(values, bins=40, color="#3b6ea5")
        axis.set_title(f"{title} ({len(values)})")
    figure.savefig(path, dpi=90)
