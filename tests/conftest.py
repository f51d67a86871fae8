"""Markers that follow from where a test lies: `train` for the training package, `fast` for what needs no network.

Tests of the marker `data` are skipped where the labelled faces and clips are not beside the repository.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

from places import DATA

TESTS = Path(__file__).parent
SLOWER = ("net", "slow", "data", "gpu", "camera")
"""Markers of which one alone keeps a test out of the fast subset."""
WITHOUT_DATA = pytest.mark.skipif(not DATA.is_dir(), reason="needs the labelled faces and clips of ../shared/data")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        part = item.path.relative_to(TESTS).parts[0]
        if part == "facetrain":
            item.add_marker(pytest.mark.train)
        elif not any(item.get_closest_marker(name) for name in SLOWER):
            item.add_marker(pytest.mark.fast)
        if item.get_closest_marker("data"):
            item.add_marker(WITHOUT_DATA)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave the training package's tests out where there is no torch, without which none of them can be imported."""
    return True if collection_path == TESTS / "facetrain" and find_spec("torch") is None else None


def pytest_report_header() -> str | None:
    """Say so."""
    return None if find_spec("torch") else "tests/facetrain is left out: it needs torch, of the extra train"
