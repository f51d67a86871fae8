"""Attributes of a package that are imported on first access (PEP 562), so that the package itself stays light."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module


def lazy_attributes(
    package: str, modules: Mapping[str, str], public: Iterable[str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`.

    modules: name -> the module that has it. public: all names of the package, for completion and help,
    beside those that it has already, as its submodules.
    """

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(modules[name]), name)

    return get, lambda: sorted({*public, *vars(sys.modules[package])})
