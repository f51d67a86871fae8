"""Fatigue: a sum of parts, with the contribution of each."""

from __future__ import annotations

import tomllib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from facetrack.errors import SettingsError
from facetrack.types import Event
from facetrack.types.signals import FATIGUE_LEVELS as LEVELS
from facetrack.types.signals import FATIGUE_PARTS as PARTS
from facetrack.types.signals import FatigueSignals

KINDS = {
    "microsleeps": ("microsleep",), "long_blinks": ("blink", "long_closure"), "yawns": ("yawn",), "nods": ("nod_off",)
}  # fmt: skip
"""Parts that are made of events, and of which kinds."""


@dataclass(frozen=True, slots=True)
class Part:
    """Weighting of one part of fatigue.

    weight: the most it adds to fatigue.
    none, full: values that add nothing, and the whole weight.
    window_s: over which its events are taken, 0 for a part that has its own.
    """

    weight: float
    none: float
    full: float
    window_s: float = 0.0

    def adds(self, value: float) -> float:
        """Return the share of fatigue, 0..weight, of a value."""
        return self.weight * min(1.0, max(0.0, (value - self.none) / (self.full - self.none)))


@dataclass(frozen=True, slots=True)
class Level:
    """from_: fatigue at which a level is entered. until: below which it is left."""

    from_: float
    until: float


@dataclass(frozen=True, slots=True)
class FatigueWeights:
    """Weights of fatigue as the file has them. parts: by the names of PARTS."""

    parts: Mapping[str, Part]
    tired: Level
    drowsy: Level

    @classmethod
    def load(cls, path: str | Path | None = None) -> FatigueWeights:
        """Read a TOML file laid out like _assets/fatigue.toml, which is taken if path is None. Raises SettingsError."""
        name = "fatigue.toml" if path is None else str(path)
        try:
            if path is None:
                text = (resources.files("facetrack") / "_assets" / name).read_text(encoding="utf-8")
            else:
                text = Path(path).read_text(encoding="utf-8")
            found = tomllib.loads(text)
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{name}: expected weights of fatigue in TOML, got {error}; copy the default"
            ) from error
        _must_hold(name, found, (*PARTS, "levels"))
        parts = {part: _part(f"{name} [{part}]", part, found[part]) for part in PARTS}
        _must_hold(f"{name} [levels]", found["levels"], LEVELS[1:])
        tired, drowsy = (_level(f"{name} [levels] {level}", found["levels"][level]) for level in LEVELS[1:])
        if not (tired.from_ <= drowsy.from_ and tired.until <= drowsy.until):
            raise SettingsError(f"{name} [levels]: tired lies above drowsy; expected it below; swap the numbers")
        return cls(parts, tired, drowsy)


UNKNOWN = FatigueSignals()


class Fatigue:
    """Score, level and parts of fatigue; all None until PERCLOS is known, and while it is not.

    Where the parts sum to more than 1 each is cut by the same ratio. Delay: that of the events and windows it is made
    of, so up to minutes.
    """

    def __init__(self, weights: FatigueWeights) -> None:
        self._weights = weights
        self._counts = {
            name: _Recent(KINDS[name], part.window_s) for name, part in weights.parts.items() if name in KINDS
        }
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        for recent in self._counts.values():
            recent.events.clear()
        self._level = 0

    def update(self, time_s: float, perclos: float | None, events: Iterable[Event]) -> FatigueSignals:
        """Follow the next frame.

        perclos: P80, 0..1 or None. events: of the face, all kinds; those that are over count.
        """
        ended = _counted(events)
        for recent in self._counts.values():
            recent.update(time_s, ended)
        if perclos is None:
            self._level = 0
            return UNKNOWN
        adds = {
            name: part.adds(perclos if name == "perclos" else self._value(name))
            for name, part in self._weights.parts.items()
        }
        total = sum(adds.values())
        parts = {name: share / max(1.0, total) for name, share in adds.items()}
        value = min(1.0, total)
        self._level = self._next_level(value)
        return FatigueSignals(value, LEVELS[self._level], parts)

    def _value(self, name: str) -> float:
        events = self._counts[name].events
        if name != "long_blinks":
            return float(len(events))
        return sum(length_s for _, length_s in events) / len(events) if events else 0.0

    def _next_level(self, value: float) -> int:
        weights = self._weights
        drowsy = value >= (weights.drowsy.until if self._level == 2 else weights.drowsy.from_)
        tired = value >= (weights.tired.until if self._level >= 1 else weights.tired.from_)
        return 2 if drowsy else 1 if tired else 0


class _Recent:
    """The events of some kinds that ended within the last window_s."""

    def __init__(self, kinds: tuple[str, ...], window_s: float) -> None:
        self._kinds, self._window_s = kinds, window_s
        self.events: deque[tuple[float, float]] = deque()  # end, duration, s

    def update(self, time_s: float, ended: tuple[Event, ...]) -> None:
        for event in ended:
            if event.kind in self._kinds and event.end_s is not None:
                self.events.append((event.end_s, event.duration_s))
        while self.events and self.events[0][0] <= time_s - self._window_s:
            self.events.popleft()


def _counted(events: Iterable[Event]) -> tuple[Event, ...]:
    """Select the events that are over; of a microsleep, which is a long closure as well, the microsleep alone."""
    ended = tuple(event for event in events if event.is_over)
    slept = {event.start_s for event in ended if event.kind == "microsleep"}
    return tuple(event for event in ended if event.kind != "long_closure" or event.start_s not in slept)


def _must_hold(where: str, found: object, names: Iterable[str]) -> None:
    names = tuple(names)
    if not isinstance(found, dict) or set(found) != set(names):
        got = ", ".join(sorted(found)) if isinstance(found, dict) else repr(found)
        raise SettingsError(f"{where}: got {got or 'nothing'}; expected {', '.join(names)}; see the default file")


def _numbers(where: str, found: Any, names: tuple[str, ...]) -> list[float]:
    _must_hold(where, found, names)
    for name in names:
        value = found[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < float("inf"):
            raise SettingsError(f"{where}: {name} is {value!r}; expected a number from 0 on")
    return [float(found[name]) for name in names]


def _part(where: str, name: str, found: Any) -> Part:
    names = ("weight", "none", "full") if name == "perclos" else ("weight", "none", "full", "window_s")
    part = Part(*_numbers(where, found, names))
    if part.weight > 1.0:
        raise SettingsError(f"{where}: weight is {part.weight}; expected one from 0 to 1")
    if part.full <= part.none:
        raise SettingsError(f"{where}: full is {part.full} and none {part.none}; expected full to be the larger")
    return part


def _level(where: str, found: Any) -> Level:
    level = Level(*_numbers(where, found, ("from", "until")))
    if level.until > level.from_:
        raise SettingsError(f"{where}: until is {level.until} and from {level.from_}; expected until to be the smaller")
    return level
