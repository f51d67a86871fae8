"""Markers that follow from where a test lies: `train` for the training package, `fast` for what needs no network."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SLOWER = ("net", "slow", "data", "gpu", "camera")
"""Markers of which one alone keeps a test out of the fast subset."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        part = item.path.relative_to(TESTS).parts[0]
        if part == "facetrain":
            item.add_marker(pytest.mark.train)
        elif not any(item.get_closest_marker(name) for name in SLOWER):
            item.add_marker(pytest.mark.fast)
