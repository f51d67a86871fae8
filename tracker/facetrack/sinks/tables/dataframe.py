"""Frames as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from facetrack.errors import MissingExtraError
from facetrack.sinks.csv import COLUMNS

if TYPE_CHECKING:
    import pandas


def need_pandas() -> None:
    """Raise MissingExtraError unless pandas is installed."""
    try:
        import pandas  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("to_dataframe needs pandas; install it: pip install pandas") from error


def dataframe(rows: Iterable[dict[str, Any]]) -> pandas.DataFrame:
    """Return one row per face and frame, with the columns of the CSV; unknown is NaN or None.

    rows: as by `sinks.csv.rows`. Raises MissingExtraError without pandas.
    """
    need_pandas()
    import pandas

    return pandas.DataFrame(list(rows), columns=list(COLUMNS)).astype({"frame": "int64", "id": "Int64"})
