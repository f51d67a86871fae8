"""Format detection: chooses the reader for a path by file names and first lines."""

from __future__ import annotations

from pathlib import Path

from facetrack import topology, topology_maps
from facetrack.capture.images import is_image_file
from facetrack.errors import DataError, first_line
from facetrain.formats.pack_tables import read_table, read_table_pack
from facetrain.formats.packs import read_pack
from facetrain.formats.public.coco import read_coco
from facetrain.formats.public.cofw import read_cofw
from facetrain.formats.public.dlib_xml import read_dlib
from facetrain.formats.public.folders import read_class_folders
from facetrain.formats.public.kaggle import COLUMNS, read_kaggle
from facetrain.formats.public.mtfl import read_mtfl_pack, read_mtfl_text
from facetrain.formats.public.pts import read_pts_folder
from facetrain.formats.public.tfrecord import PATTERN as TFRECORDS
from facetrain.formats.public.tfrecord import read_tfrecord
from facetrain.formats.public.w300vw import VIDEO, read_300vw
from facetrain.formats.public.wflw import LONG, SHORT, read_wflw
from facetrain.formats.reading import DAMAGE, ReadResult, read_lines
from facetrain.sample import Sample, as_scheme
from facetrain.synth.drawn_heads import read_synthetic

SYNTHETIC = "synthetic"
SYNTHETIC_COUNT = 1000
FORMATS = (
    "a pack (NAME.npz or NAME.csv with NAME.zip), Kaggle's training.csv, a folder of .pts with images, dlib's .xml, "
    "WFLW's or MTFL's .txt, COFW's .mat, a folder of 300-VW clips, COCO's .json, .tfrecord shards, folders of classes, "
    "or synthetic:COUNT"
)


def read_any(path: Path, trim: bool = True) -> ReadResult:
    """Read the data set at `path`, its format inferred from names and first lines.

    path: `synthetic` or `synthetic:200` renders that many drawn faces.
    trim: keep only the region around each face. Raises DataError where no known format is found, or it is damaged.
    """
    try:
        return _read_any(path, trim)
    except (OSError, *DAMAGE) as error:
        raise DataError(
            f"{path} is damaged or not what its name says ({type(error).__name__}: {first_line(error)}); expected "
            f"{FORMATS}"
        ) from error


def _read_any(path: Path, trim: bool) -> ReadResult:
    name, _, count = str(path).partition(":")
    if name == SYNTHETIC and not path.exists():
        return _synthetic(path, count)
    stem = path.with_name(f"{path.name}.npz")
    if path.is_dir():
        return _read_folder(path, trim)
    if path.is_file():
        return _read_file(path, trim)
    if stem.is_file():
        return read_pack(path, trim)
    if path.with_name(f"{path.name}.csv").is_file():
        return _read_csv(path.with_name(f"{path.name}.csv"), trim)
    raise DataError(f"{path} does not exist; expected {FORMATS}")


def _synthetic(path: Path, count: str) -> ReadResult:
    if count and not (count.isdecimal() and int(count)):
        raise DataError(f"'{path}': expected synthetic:COUNT with a whole number, such as synthetic:500")
    return ReadResult(read_synthetic(int(count or SYNTHETIC_COUNT), seed=0), [])


def _read_file(path: Path, trim: bool) -> ReadResult:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _read_csv(path, trim)
    if suffix in (".npz", ".zip"):
        table = path.with_suffix(".csv")
        return read_pack(path, trim) if path.with_suffix(".npz").is_file() or not table.is_file() else _read_csv(table)
    if suffix == ".xml":
        return read_dlib(path, trim)
    if suffix == ".json":
        return read_coco(path, trim=trim)
    if suffix == ".mat":
        return read_cofw(path, trim=trim)
    if path.match(TFRECORDS):
        return read_tfrecord(path, trim)
    if suffix == ".txt":
        return _read_text(path, trim)
    raise DataError(f"{path} has no known format; expected {FORMATS}")


def _read_csv(path: Path, trim: bool = True) -> ReadResult:
    columns, _ = read_table(path) if path.stat().st_size < 2**16 else (_header(path), None)
    if "pts_ok" in columns:
        return read_mtfl_pack(path, trim)
    if "file" in columns and ("label" in columns or "smile" in columns):
        return read_table_pack(path)
    if "x0" in columns:
        raise DataError(f"{path} is a table of boxes without points; only the detector's training uses it")
    if "Image" in columns or set(columns) & set(COLUMNS):
        return read_kaggle(path)
    raise DataError(f"{path} is a table of no known format (its columns: {', '.join(columns[:8])}); expected {FORMATS}")


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        return [cell.strip().strip('"') for cell in lines.readline().split(",")]


def _read_text(path: Path, trim: bool) -> ReadResult:
    first = next((line.split() for line in read_lines(path) if line.strip()), [])
    if len(first) in (LONG, SHORT):
        return read_wflw(path, trim=trim)
    if len(first) == 15:
        return read_mtfl_text(path, trim=trim)
    raise DataError(f"{path}: its first line has {len(first)} fields; expected {LONG} or {SHORT} (WFLW) or 15 (MTFL)")


def _read_folder(path: Path, trim: bool) -> ReadResult:
    """Read a folder by the first layout that matches, the most specific first."""
    if not any(path.iterdir()):
        raise DataError(f"{path} is an empty folder; expected {FORMATS}")
    if (path / "training.csv").is_file():
        return read_kaggle(path)
    if any((file.parent / "annot").is_dir() for pattern in (VIDEO, f"*/{VIDEO}") for file in path.glob(pattern)):
        return read_300vw(path, trim=trim)
    if next(path.rglob("*.pts"), None):
        return read_pts_folder(path, trim)
    if next(path.rglob(TFRECORDS), None):
        return read_tfrecord(path, trim)
    return _read_single_file(path, trim)


def _read_single_file(path: Path, trim: bool) -> ReadResult:
    """Read a folder that holds one label file, or class folders."""
    labels = sorted(
        file for pattern in ("*.npz", "*.csv", "*.xml", "*.json", "*.mat", "*.txt") for file in path.glob(pattern)
    )
    if len(labels) == 1:
        return _read_file(labels[0], trim)
    if labels:
        names = ", ".join(file.name for file in labels[:6])
        raise DataError(f"{path} holds several label files ({names}); give the path of one")
    if any(is_image_file(file) for folder in path.iterdir() if folder.is_dir() for file in folder.rglob("*")):
        return read_class_folders(path, trim=trim)
    raise DataError(f"{path} holds no known format; expected {FORMATS}")


def read_labelled(path: Path) -> ReadResult:
    """Read a test set of labelled faces, converted to the 68-point scheme where a mapping exists.

    Packs keep whole images, in which the detector must find the face; other formats are trimmed to the region around
    the face, because a test set of full photographs would not fit in memory. Raises DataError where no known format is
    found.
    """
    pack = path.suffix in (".npz", ".zip") or path.with_name(f"{path.name}.npz").is_file()
    result = read_any(path, trim=not pack)
    return ReadResult([_to_68_points(sample) for sample in result.samples], result.problems)


def _to_68_points(sample: Sample) -> Sample:
    maps = topology_maps.groups(sample.scheme, topology.SCHEME) is not None
    return as_scheme(sample, topology.SCHEME) if maps else sample
