"""Constructors of frozen dataclasses, of which each frame of each face makes some thirty."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature
from typing import Any, TypeVar

from facetrack import compiled

Kind = TypeVar("Kind")


def quickly_built(kind: type[Kind]) -> type[Kind]:
    """Give a frozen dataclass a compiled constructor, where there is one: a decorator above `dataclass`.

    What it builds is the same. With every field given by its place it takes a third of the time: the constructor that
    `dataclass` writes calls `object.__setattr__` for each of them. Any other call is passed on to that one.
    Raises TypeError for a class whose constructor does more or less than setting each field by its place.
    """
    cls: Any = kind
    if hasattr(cls, "__post_init__") or tuple(field.name for field in fields(cls)) != cls.__match_args__:
        raise TypeError(f"the constructor of {cls.__name__} does more or less than setting each field by its place")
    if compiled.kernels is not None:
        cls.__signature__, cls._written_init = signature(cls), cls.__init__
        cls.__init__ = compiled.kernels.frozen_init(cls)
    return kind
