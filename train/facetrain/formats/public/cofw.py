"""Reader of COFW (Burgos-Artizzu et al., ICCV 2013) and COFW-68 (Ghiasi and Fowlkes, 2014).

COFW_train_color.mat and COFW_test_color.mat have 29 points with visibility; COFW-68 has 68 points for the test part.
Coordinates are 1-based as in Matlab, so 1 is subtracted here. Images are RGB or grey in the file, BGR here.
IsTr/IsT hold the images; phisTr/phisT are (N, 87): 29 x, 29 y, then 29 flags that are 1 where the point is occluded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.errors import DataError, MissingExtraError
from facetrack.types import Floats, Image
from facetrain.formats.reading import Reading, ReadResult
from facetrain.sample import Sample

FIRST_PX = np.float32(1)
N = topology_maps.N_POINTS[topology_maps.COFW_29]
PARTS = (("IsTr", "phisTr"), ("IsT", "phisT"))
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_HDF5_OFFSET = 512
"""Length of the Matlab 7.3 header that precedes the HDF5 signature."""


def read_cofw(path: Path, points68: Path | None = None, trim: bool = True) -> ReadResult:
    """Read one of COFW's .mat files.

    points68: the folder test_annotations of COFW-68 (1_points.mat ...), whose 68 points then replace the 29.
    Occluded points keep their position and weight (they were labelled) and have visible False. Raises MissingExtraError
    where the package that reads this .mat version is missing.
    """
    images, shapes = _load(path)
    reading = Reading(path, trim)
    if len(images) != len(shapes):
        raise DataError(f"{path}: has {len(images)} images but {len(shapes)} rows of points")
    for number, (image, shape) in enumerate(zip(images, shapes, strict=True), 1):
        with reading.row():
            where = f"{path}: face {number}"
            points, occluded = _points(where, shape) if points68 is None else _points68(points68, number)
            scheme = topology_maps.scheme_of_count(len(points))
            weight = np.ones(len(points), np.float32)
            name = f"{path.stem}/{number}.png"
            reading.add(where, Sample(name, name, "cofw", _bgr(where, image), points, weight, scheme, ~occluded))
    return reading.result()


def _points(where: str, row: NDArray[Any]) -> tuple[Floats, NDArray[np.bool_]]:
    """Split a (87,) row into (29, 2) points and a (29,) occlusion mask."""
    if row.size != 3 * N:
        raise DataError(f"{where}: has {row.size} numbers; expected {3 * N} (x, y and occlusion of {N} points)")
    x, y, occluded = row.astype(np.float32).reshape(3, N)
    return np.stack([x, y], axis=1) - FIRST_PX, occluded > 0.5


def _points68(folder: Path, number: int) -> tuple[Floats, NDArray[np.bool_]]:
    file = folder / f"{number}_points.mat"
    values = _load_mat5(file)
    if "Points" not in values or values["Points"].shape != (topology.N_POINTS, 2):
        raise DataError(f"{file}: expected the array Points (68, 2), got {sorted(values)}")
    occluded = np.asarray(values.get("Occ", np.zeros(topology.N_POINTS))).ravel().astype(bool)
    return values["Points"].astype(np.float32) - FIRST_PX, occluded


def _bgr(where: str, image: NDArray[Any]) -> Image:
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise DataError(f"{where}: its image is {image.dtype} {image.shape}; expected uint8 (H, W) or (H, W, 3)")
    return np.ascontiguousarray(image[..., ::-1])


def _load(path: Path) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """Return (images, (N, 87) shapes) of a .mat before or of version 7.3."""
    try:
        with path.open("rb") as file:
            start = file.read(_HDF5_OFFSET + len(HDF5_MAGIC))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path") from error
    if HDF5_MAGIC in (start[: len(HDF5_MAGIC)], start[_HDF5_OFFSET:]):
        return _load_hdf5(path)
    values = _load_mat5(path)
    images, shapes = _array_names(path, set(values))
    return [np.asarray(cell) for cell in values[images].ravel()], np.asarray(values[shapes])


def _array_names(path: Path, names: set[str]) -> tuple[str, str]:
    for part in PARTS:
        if names.issuperset(part):
            return part
    raise DataError(f"{path}: has {sorted(names) or 'nothing'}; expected IsTr and phisTr, or IsT and phisT")


def _load_mat5(path: Path) -> dict[str, Any]:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise MissingExtraError(
            "reading .mat files needs the package scipy; install the extra: python -m pip install 'facetrack[mat]'"
        ) from error
    try:
        return {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    except (OSError, ValueError, TypeError, LookupError, NotImplementedError, MatReadError) as error:
        raise DataError(f"{path} is no .mat file that can be read ({error}); copy it again") from error


def _load_hdf5(path: Path) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """Return (images, (N, 87) shapes) of a .mat of version 7.3, which stores axes reversed and cells as references."""
    try:
        import h5py  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise MissingExtraError(
            f"{path.name} is a .mat of version 7.3, which needs the package h5py; install the extra: "
            "python -m pip install 'facetrack[mat]'"
        ) from error
    try:
        with h5py.File(path, "r") as file:
            images, shapes = _array_names(path, set(file))
            return list(_cells(file, images)), np.asarray(file[shapes]).T
    except OSError as error:
        raise DataError(f"{path} is truncated or damaged ({error}); copy it again") from error


def _cells(file: Any, name: str) -> Iterator[NDArray[Any]]:
    for reference in np.asarray(file[name]).ravel():
        yield np.asarray(file[reference]).T
