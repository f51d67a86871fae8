"""Lids and irises in pictures: the landmark network first, the eye network from its points, beside MediaPipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from facetrack import topology
from facetrack.eyes import EyeReader
from facetrack.geometry import points_box
from facetrack.topology_maps import MESH_IRISES
from facetrack.tracking.eyes import fused
from facetrack.types import EyesReading, Floats, Image, Landmarks
from facetrain.evaluation.landmarks.turned_methods import Network, matching
from facetrain.metrics.landmarks import as_300w, nme_per_point
from facetrain.sample import Sample

Progress = Callable[[Iterable[Sample]], Iterable[Sample]]
EYES = (*topology.RIGHT_EYE, *topology.LEFT_EYE)
PARTS = {"eyes": EYES, "inner 51": topology.INNER_51, "68": tuple(range(topology.N_POINTS))}
ENLARGED_PX = 400
"""Longer side to which pictures of eyes alone are enlarged for MediaPipe, whose detector expects a face."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """(N, 68, 2) px: the landmark network's points, those with the eyes' replaced, the two fused; labels; readings."""

    first: Floats
    second: Floats
    fused: Floats
    truth: Floats
    readings: list[EyesReading]
    missed: int

    def figures(self) -> dict[str, float]:
        """Return the NME, % of the outer eye corners, by the parts of the 68, by each of the three.

        Of the points as they are, and of those moved to where 300-W's labels lie (`metrics.landmarks.as_300w`).
        """
        out: dict[str, float] = {}
        for name, points in (("first", self.first), ("second", self.second), ("fused", self.fused)):
            for convention, placed in (("", points), (", 300-W", as_300w(points, self.truth))):
                error = nme_per_point(placed, self.truth)
                for part, chosen in PARTS.items():
                    out[f"{name} {part}{convention}"] = float(error[:, list(chosen)].mean())
        return out | {"within 1 sigma": self._within(1), "within 2 sigma": self._within(2)}

    def _within(self, sigmas: float) -> float:
        sigma = np.stack([reading.contour_sigma for reading in self.readings]).reshape(-1, len(EYES))
        error = np.abs(self.second[:, list(EYES)] - self.truth[:, list(EYES)])
        return float((error <= sigmas * sigma[..., None]).mean())


def read_points(network: Network, reader: EyeReader, samples: Sequence[Sample], progress: Progress) -> Points:
    """Find the points of hand-labelled faces through the detector, then read the eyes once more."""
    first, second, both, truth, readings = [], [], [], [], []
    for sample in progress(samples):
        found = matching(network.detected(sample.image), points_box(sample.points))
        reading = None if found is None else reader(sample.image, [found.points])[0]
        if found is None or reading is None:
            continue
        first.append(found.points)
        second.append(with_eyes(found.points, reading))
        assert found.sigma is not None  # of a network
        both.append(fused(Landmarks(found.points, found.sigma), reading).points)
        truth.append(sample.points)
        readings.append(reading)
    missed = len(samples) - len(first)
    return Points(np.stack(first), np.stack(second), np.stack(both), np.stack(truth), readings, missed)


def with_eyes(points: Floats, reading: EyesReading) -> Floats:
    """Return (68, 2) points with the eyes' twelve replaced by the reading's."""
    out = points.copy()
    out[list(topology.RIGHT_EYE)], out[list(topology.LEFT_EYE)] = reading.contour
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Irises:
    """(N, 2) errors of iris centres over the eye's width, % ; NaN where a method finds no face. sigma: (N, 2), too."""

    ours: Floats
    mediapipe: Floats
    sigma: Floats


def read_irises(
    network: Network, reader: EyeReader, mesh: Callable[[Image], Floats] | None,
    pictures: Iterable[tuple[Image, Floats, Floats]],
) -> Irises:  # fmt: skip
    """Compare iris centres with pupils labelled by hand. pictures: image, (2, 2) pupils, (2,) eye widths, px each.

    Both methods find the face themselves; MediaPipe in the picture enlarged to ENLARGED_PX.
    """
    ours, theirs, sigmas = [], [], []
    for image, pupils, width in pictures:
        nothing = np.full(2, np.nan)
        found = network.detected(image)
        reading = reader(image, [found[0].points])[0] if found else None
        ours.append(nothing if reading is None else np.linalg.norm(reading.iris - pupils, axis=1) / width)
        sigmas.append(nothing if reading is None else reading.iris_sigma / width)
        meshes: Sequence[Floats] | Floats = [] if mesh is None else _enlarged(mesh, image)
        centres = None if not len(meshes) else meshes[0][[centre for centre, _ in MESH_IRISES]]
        theirs.append(nothing if centres is None else np.linalg.norm(centres - pupils, axis=1) / width)
    return Irises(*(100 * np.array(rows, np.float32) for rows in (ours, theirs, sigmas)))


def _enlarged(mesh: Callable[[Image], Floats], image: Image) -> Floats:
    """Return the meshes in a picture, found in an enlarged copy."""
    import cv2

    factor = ENLARGED_PX / max(image.shape[:2])
    larger = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.asarray((mesh(np.asarray(larger, np.uint8)) + 0.5) / factor - 0.5, np.float32)
