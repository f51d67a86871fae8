"""Result type of the readers, and validation of every labelled row."""

from __future__ import annotations

import lzma
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from facetrack.errors import DataError, SourceError, first_line
from facetrack.types import Floats
from facetrain.sample import Sample, face_extent, trimmed

OUTSIDE_SHARE = 0.5
"""Share of the image's longer side by which a point may lie outside (a chin below the edge): beyond it the label is
broken or belongs to another image."""
NO_POINTS = np.zeros((0, 2), np.float32)
"""Points of a sample with attributes only; its weight is `NO_WEIGHT` and its scheme ""."""
SHOWN_PROBLEMS = 5
DAMAGE = (
    ArithmeticError, EOFError, LookupError, MemoryError, RecursionError, TypeError, ValueError, cv2.error,
    lzma.LZMAError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What a damaged file raises in code that no check foresaw; readers turn it into a sentence."""
NO_WEIGHT = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ReadResult:
    """Samples of one data set and the problems of its rows.

    samples: in file order.
    problems: one sentence per row that was skipped or corrected, naming file and line.
    sizes_px: extent of each sample's face in the file, before trimming; NaN without points. Empty where the reader
        does not record it.
    """

    samples: list[Sample]
    problems: list[str]
    sizes_px: list[float] = field(default_factory=list)


def print_skipped(problems: list[str]) -> None:
    """Print the first few problems on stderr, and their number."""
    for problem in problems[:SHOWN_PROBLEMS]:
        print(f"skipped: {problem}", file=sys.stderr)
    if len(problems) > SHOWN_PROBLEMS:
        print(f"skipped: {len(problems)} rows in all; `facetrack data inspect` lists them", file=sys.stderr)


class Reading:
    """Collector of samples and problems while a data set is read.

        reading = Reading(path)
        for number, line in enumerate(lines, 1):
            with reading.row():  # an error in here skips one row: recorded, not fatal
                reading.add(f"{path}:{number}", sample_of(line))
        return reading.result()

    trim: keep only the region around each face, which is all that training needs.
    """

    def __init__(self, path: Path, trim: bool = True) -> None:
        self.path = path
        self.trim = trim
        self.samples: list[Sample] = []
        self.problems: list[str] = []
        self.sizes_px: list[float] = []

    @contextmanager
    def row(self) -> Iterator[None]:
        """Record the error that one row raises as a problem, and continue."""
        try:
            yield
        except (DataError, SourceError) as error:
            self.problems.append(str(error))
        except DAMAGE as error:
            self.problems.append(f"{self.path}: a row cannot be read ({type(error).__name__}: {first_line(error)})")

    def add(self, where: str, sample: Sample, allow_missing: bool = False) -> None:
        """Validate and store one sample.

        where: file and line, for messages. allow_missing: the format marks unlabelled points by NaN, so they are no
        problem.
        """
        points, weight, problem = check_points(where, sample, allow_missing)
        if problem:
            self.problems.append(problem)
        sample = replace(sample, points=points, weight=weight)
        self.sizes_px.append(face_extent(points) if np.isfinite(points).any() else np.nan)
        self.samples.append(trimmed(sample) if self.trim else sample)

    def result(self) -> ReadResult:
        """Return the samples and problems. Raises DataError where no sample could be read."""
        if not self.samples:
            why = f"; the first of {len(self.problems)} problems: {self.problems[0]}" if self.problems else ""
            raise DataError(f"{self.path}: there is no usable sample in it{why}")
        return ReadResult(self.samples, self.problems, self.sizes_px)


def check_points(where: str, sample: Sample, allow_missing: bool) -> tuple[Floats, Floats, str]:
    """Return (points, weight, problem or ""); missing points are NaN in both coordinates and have weight 0.

    Raises DataError where the row is unusable: no point is known though some should be, or points lie far outside.
    """
    points, weight = sample.points.astype(np.float32), sample.weight.astype(np.float32)
    known = np.isfinite(points).all(axis=1)
    points[~known] = np.nan
    weight = np.where(known, weight, np.float32(0)).astype(np.float32)
    if len(points) and not known.any() and not allow_missing:
        raise DataError(f"{where}: not one of its {len(points)} points is a number")
    height, width = sample.image.shape[:2]
    reach = OUTSIDE_SHARE * max(height, width)
    outside = known & ((points < -reach) | (points > np.array([width, height]) - 1 + reach)).any(axis=1)
    if outside.any():
        x, y = points[outside][0]
        raise DataError(
            f"{where}: {int(outside.sum())} of its points lie far outside the {width}x{height} image, the first at "
            f"({x:.1f}, {y:.1f})"
        )
    missing = int((~known).sum())
    if missing and not allow_missing:
        return points, weight, f"{where}: {missing} of its points are not numbers; kept with these points missing"
    return points, weight, ""


def numbers(where: str, words: list[str], count: int) -> Floats:
    """Parse text fields as (count,) float32; "nan" is allowed. Raises DataError for other text or another count."""
    if len(words) != count:
        raise DataError(f"{where}: has {len(words)} numbers; expected {count}")
    try:
        return np.array([float(word) for word in words], np.float32)
    except ValueError as error:
        raise DataError(f"{where}: {error}; expected {count} numbers") from error


def read_lines(path: Path) -> list[str]:
    """Read a text file's lines. Raises DataError where the file cannot be read as text."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}; check the path") from error


def folder_files(path: Path, pattern: str) -> list[Path]:
    """Return the files below a folder that match, sorted. Raises DataError where it is no folder, or an empty one."""
    if not path.is_dir():
        raise DataError(f"{path} is not a folder; expected one that holds {pattern}")
    files = sorted(file for file in path.rglob(pattern) if file.is_file() and not file.name.startswith("."))
    if not files and not any(path.iterdir()):
        raise DataError(f"{path} is an empty folder; expected one that holds {pattern}")
    return files
