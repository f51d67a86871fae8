"""Recipes: the configuration of a training as a TOML file, read into frozen dataclasses and saved with the run."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from facetrack.errors import DataError

R = TypeVar("R")

FOLDER = Path(__file__).parents[1] / "recipes"
NOT_SETTINGS = ("task", "run")
"""Read by `tasks.catalogue`, and what a run's recipe.toml says of the run (`training.run_folder`)."""


def load(kind: type[R], path: Path, overrides: Sequence[str] = (), quick: bool = False) -> R:
    """Read `path` as a recipe of the dataclass `kind`.

    A table [quick] in the file holds changes for a run of a few minutes; it is applied only if `quick` is set.
    overrides: "section.key=value", value in TOML, such as "fit.epochs=3". Raises DataError for an unreadable file, an
    unknown key, or a value of the wrong type, and names it.
    """
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a recipe ({error}); expected a TOML file") from error
    for name in NOT_SETTINGS:
        values.pop(name, None)
    quick_changes = values.pop("quick", {})
    if quick:
        _merge(values, quick_changes)
    for override in overrides:
        _override(values, override)
    return build(kind, values, path.name)


def _merge(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, Mapping) and isinstance(values.get(name), dict):
            _merge(values[name], value)
        else:
            values[name] = value


def _override(values: dict[str, Any], text: str) -> None:
    key, sep, value = text.partition("=")
    if not sep:
        raise DataError(f"got the override '{text}'; expected section.key=value, such as fit.epochs=3")
    *sections, name = key.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
    if name == "preset":
        values.clear()  # a preset given as override replaces the file's section
    try:
        values[name] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        values[name] = value.strip()


def build(kind: type[R], values: Mapping[str, Any], where: str, base: R | None = None) -> R:
    """Build a dataclass, whose fields all have defaults, from nested mappings; lists become tuples for tuple fields.

    A section keeps the defaults of the dataclass that holds it: where a recipe's `fit` defaults to 24 epochs and
    batches of 32, setting one leaves the other. For a dataclass with a class method `preset`, the key `preset` selects
    the section's defaults instead. A section that may be None, where it is left out, starts from its own defaults.
    where: file and section for error messages
    base: values of the fields that `values` lacks; None for the dataclass's defaults
    """
    values = dict(values)
    preset = getattr(kind, "preset", None)
    if preset is not None and "preset" in values:
        base = preset(str(values.pop("preset")))
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise DataError(f"{where}: unknown key {unknown[0]}; expected one of {', '.join(hints)}")
    base = kind() if base is None else base
    changes = {
        name: _convert(hints[name], value, f"{where}: {name}", getattr(base, name)) for name, value in values.items()
    }
    return dataclasses.replace(base, **changes)  # type: ignore[type-var]


def _convert(hint: Any, value: Any, where: str, base: Any = None) -> Any:
    if typing.get_origin(hint) is types.UnionType:
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise DataError(f"{where} is {value!r}; expected a section")
        return build(typing.cast("type[Any]", hint), value, where, base)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, list) or (Ellipsis not in args and len(value) != len(args)):
            raise DataError(f"{where} is {value!r}; expected a list of {len(args)} values")
        return tuple(_convert(args[0], item, where) for item in value)
    if origin is dict:
        return {name: _convert(args[1], item, f"{where}.{name}") for name, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (hint is int and isinstance(value, bool))):
        raise DataError(f"{where} is {value!r}; expected {hint.__name__}")
    return value


def dump(recipe: Any) -> str:
    """Return the whole recipe as TOML, defaults included."""
    return "\n".join(_lines(dataclasses.asdict(recipe), ())) + "\n"


def dump_table(name: str, values: Mapping[str, Any]) -> str:
    """Return one table of TOML."""
    return "\n".join(_lines(values, (name,))) + "\n"


def run_of(path: Path) -> dict[str, str]:
    """Return what a run's recipe.toml says of the run: data, command, version, hash of the initial weights."""
    return {name: str(value) for name, value in tomllib.loads(path.read_text()).get("run", {}).items()}


def _lines(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain = {name: value for name, value in values.items() if not isinstance(value, Mapping) and value is not None}
    nested = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    lines = [f"[{'.'.join(path)}]"] if path and (plain or not nested) else []
    lines += [f"{name} = {_toml(value)}" for name, value in plain.items()]
    for name, value in nested.items():
        lines += ["", *_lines(value, (*path, name))]
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)
