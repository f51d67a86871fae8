"""Fatigue: a sum of parts that fade, less for signs of being awake, with the contribution of each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from facetrack.errors import SettingsError
from facetrack.types import Event
from facetrack.types.signals import FATIGUE_LEVELS as LEVELS
from facetrack.types.signals import FATIGUE_PARTS as PARTS
from facetrack.types.signals import FatigueSignals

KINDS: Mapping[str, Mapping[str, float]] = {
    "microsleeps": {"microsleep": 1.0},
    "long_blinks": {"blink": 1.0, "long_closure": 1.0},
    "yawns": {"yawn": 1.0},
    "nods": {"nod_off": 1.0},
    "awake": {"blink": 0.25, "speech": 1.0, "smile": 1.0, "glance_away": 1.0, "nod": 1.0, "shake": 1.0},
}
"""Parts that are made of events: of which kinds, and what one of each counts. A sleepy person blinks, too."""
WHEN_BEGUN = ("speech", "smile")
"""Signs of being awake that count when they begin as well: they may last."""
NORMAL_BLINK_S = 0.25
"""A longer blink is no sign of being awake."""
LONGEST_S = 1.0
"""Longer closures count as this much in the mean duration: one of them is no statement about all."""
PRIOR_BLINKS = 3.0
"""The mean duration begins as if so many blinks had lasted as long as adds nothing."""
CONFIRMED = 2
"""Fewer slow closures than this are one event, whose PERCLOS counts SINGLE_SHARE."""
SINGLE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """Weighting of one part of fatigue.

    weight: the most it adds to fatigue; of `awake`, the largest share by which it lowers what is not confirmed.
    none, full: values that add nothing, and the whole weight.
    half_life_s: after which an event counts half, and after twice that a quarter; 0 for PERCLOS, which has its window.
    """

    weight: float
    none: float
    full: float
    half_life_s: float = 0.0

    def adds(self, value: float) -> float:
        """Return the share of fatigue, 0..weight, of a value."""
        share = (value - self.none) / (self.full - self.none)
        return self.weight * (min(1.0, share) if share > 0.0 else 0.0)


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

    Events fade with their part's half-life, so that one microsleep alone holds a level for about a minute and repeated
    ones add up. PERCLOS of a single slow closure counts half. Signs of being awake (short blinks, speech, smiles,
    glances, nods that say yes) lower everything but the PERCLOS of two closures and more by up to the weight of
    `awake`, whose part is negative, so that the parts sum to the score. Where the others sum to more than 1 each is cut
    by the same ratio. Delay: that of the events and windows it is made of, so up to minutes.
    """

    def __init__(self, weights: FatigueWeights) -> None:
        self._weights = weights
        self._fading = {
            name: _Fading(KINDS[name], part.half_life_s) for name, part in weights.parts.items() if name in KINDS
        }
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        for fading in self._fading.values():
            fading.reset()
        self._level = 0

    def update(
        self, time_s: float, perclos: float | None, events: Sequence[Event], slow_closures: int = CONFIRMED
    ) -> FatigueSignals:
        """Follow the next frame.

        perclos: P80, 0..1 or None. events: of the face, all kinds. slow_closures: how many made the PERCLOS.
        """
        for fading in self._fading.values():
            fading.advance(time_s)
        if events:
            ended, awake = _counted(events), _awake(events)
            for name, fading in self._fading.items():
                fading.add(time_s, awake if name == "awake" else ended)
        if perclos is None:
            self._level = 0
            return UNKNOWN
        parts = self._parts(perclos, slow_closures >= CONFIRMED)
        value = max(0.0, sum(parts.values()))
        self._level = self._next_level(value)
        return FatigueSignals(value, LEVELS[self._level], parts)

    def _parts(self, perclos: float, confirmed: bool) -> dict[str, float]:
        weights = self._weights.parts
        values = {name: fading.value for name, fading in self._fading.items()}
        values["perclos"] = perclos
        values["long_blinks"] = self._fading["long_blinks"].mean_s(weights["long_blinks"].none)
        parts = {name: part.adds(values[name]) for name, part in weights.items()}
        if not confirmed:
            parts["perclos"] *= SINGLE_SHARE
        awake = parts.pop("awake")
        total = sum(parts.values())
        if total > 1.0:
            parts = {name: share / total for name, share in parts.items()}
            total = sum(parts.values())
        parts["awake"] = -awake * (total - (parts["perclos"] if confirmed else 0.0))
        return parts

    def _next_level(self, value: float) -> int:
        weights = self._weights
        drowsy = value >= (weights.drowsy.until if self._level == 2 else weights.drowsy.from_)
        tired = value >= (weights.tired.until if self._level >= 1 else weights.tired.from_)
        return 2 if drowsy else 1 if tired else 0


class _Fading:
    """Sum and mean duration of the events of some kinds, each halved with every half-life since it ended."""

    def __init__(self, counts: Mapping[str, float], half_life_s: float) -> None:
        self._counts, self._half_life_s = counts, half_life_s
        self.reset()

    def reset(self) -> None:
        self.value = 0.0
        self._durations_s = 0.0
        self._last_s: float | None = None

    def advance(self, time_s: float) -> None:
        if self.value > 0.0 and self._last_s is not None:
            left = self._left_of(time_s - self._last_s)
            self.value *= left
            self._durations_s *= left
        self._last_s = time_s

    def add(self, time_s: float, events: Iterable[Event]) -> None:
        """Add those that were reported at this time."""
        for event in events:
            count = self._counts.get(event.kind, 0.0)
            if count > 0.0:  # reported some time after its end
                count *= self._left_of(max(0.0, time_s - event.until_s))
                self.value += count
                self._durations_s += count * min(LONGEST_S, event.duration_s)

    def mean_s(self, prior_s: float) -> float:
        """Return the mean duration, with PRIOR_BLINKS of prior_s."""
        return (self._durations_s + PRIOR_BLINKS * prior_s) / (self.value + PRIOR_BLINKS)

    def _left_of(self, age_s: float) -> float:
        return float(0.5 ** (age_s / self._half_life_s))


def _awake(events: Iterable[Event]) -> tuple[Event, ...]:
    """Select the signs of being awake."""
    return tuple(
        event
        for event in events
        if (event.is_over or event.kind in WHEN_BEGUN) and (event.kind != "blink" or event.duration_s <= NORMAL_BLINK_S)
    )


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
    names = ("weight", "none", "full") if name == "perclos" else ("weight", "none", "full", "half_life_s")
    part = Part(*_numbers(where, found, names))
    if part.weight > 1.0:
        raise SettingsError(f"{where}: weight is {part.weight}; expected one from 0 to 1")
    if name != "perclos" and part.half_life_s <= 0.0:
        raise SettingsError(f"{where}: half_life_s is {part.half_life_s}; expected seconds above 0")
    if part.full <= part.none:
        raise SettingsError(f"{where}: full is {part.full} and none {part.none}; expected full to be the larger")
    return part


def _level(where: str, found: Any) -> Level:
    level = Level(*_numbers(where, found, ("from", "until")))
    if level.until > level.from_:
        raise SettingsError(f"{where}: until is {level.until} and from {level.from_}; expected until to be the smaller")
    return level
