"""The levels of one person's eyes, learnt while they are watched: what the population has at first, then their own."""

from __future__ import annotations

from collections import deque
from statistics import median

from facetrack.signals.windows.fading_quantile import FadingQuantile, Level

EAR_OPEN = 0.30
"""Eye aspect ratio of the open eye (Soukupova and Cech 2016); .35 by this project's network, .18 if they squint."""
EAR_OPEN_RANGE = (0.15, 0.50)
"""No person's open eye is taken for less or more: .15 is what closed eyes have in the paper."""
CLOSED_SHARE = 0.5
"""Aspect ratio of the closed eye over the open one's: .15 / .30 in the paper; .63 in this project's network, .35 with
glasses (closed .11: irlume#377); each person's own after a few blinks."""
CLOSED_SHARE_RANGE = (0.2, 0.8)
"""Past .8 what is left between open and closed is the points' own noise."""

OPEN_QUANTILE = 0.8
"""An open eye's level: narrowed for up to half of the time, and shut for a tenth, it stays what it is."""
MEMORY_S = 180.0
"""Known time over which the past fades to 1/e: slow beside a tired quarter of an hour's first minutes, fast beside a
change of light or glasses."""
PRIOR_S = 0.5
"""The population's level weighs as much as so many seconds of the person."""
PROFILE_S = 120.0
"""And so much does a calibrated one."""
PRIOR_CLOSURES, PROFILE_CLOSURES = 3, 12
"""The same for the closed level, counted in closures; MAX_CLOSURES of the latest are kept."""
MAX_CLOSURES = 15
ESTABLISHED_S = 20.0
KEEPS = 0.8
"""Once ESTABLISHED_S are known an open level never falls under this share of its highest: eyes that droop for minutes
are tired, not a new way of being open."""


class OpenLevel:
    """The level of one measure of an open eye.

    level = (prior_s * prior + known_s * quantile) / (prior_s + known_s), known_s at most MEMORY_S, kept within limits.
    """

    def __init__(
        self, population: float, limits: tuple[float, float], profile: float | None, prior_s: float = PRIOR_S
    ) -> None:
        self._prior, self._prior_s = (population, prior_s) if profile is None else (profile, PROFILE_S)
        self._limits, self._profile = limits, profile
        self._seen = Level(FadingQuantile(0.0, max(limits), 100, MEMORY_S), OPEN_QUANTILE)
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._seen.reset()
        self._highest = 0.0 if self._profile is None else self._profile
        self.value = self._bounded(self._prior)

    @property
    def seen(self) -> float | None:
        """The person's own level, without the prior; None before anything was seen."""
        return self._seen.value

    def add(self, value: float, seconds: float) -> None:
        """Take what an eye that counts as open showed for so long."""
        if not self._seen.add(value, seconds) or (seen := self._seen.value) is None:
            return
        known_s = self._seen.known_s
        weight_s = min(known_s, MEMORY_S)
        self.value = self._bounded((self._prior_s * self._prior + weight_s * seen) / (self._prior_s + weight_s))
        if known_s >= ESTABLISHED_S:
            self._highest = max(self._highest, self.value)

    def _bounded(self, value: float) -> float:
        low, high = self._limits
        return max(low, KEEPS * self._highest, min(high, value))


class EyeLevels:
    """Levels of one eye, open and closed, in its aspect ratio."""

    def __init__(self, ear_open: float | None = None, ear_closed: float | None = None) -> None:
        """Start from a profile's levels; None for those that it does not have."""
        self._ear = OpenLevel(EAR_OPEN, EAR_OPEN_RANGE, ear_open)
        self._shares: deque[float] = deque(maxlen=MAX_CLOSURES)
        self._prior = [CLOSED_SHARE] * PRIOR_CLOSURES
        if ear_open is not None and ear_closed is not None:
            self._prior = [ear_closed / ear_open] * PROFILE_CLOSURES
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._ear.reset()
        self._shares.clear()
        self._closed_share = self._prior[0]

    @property
    def ear_open(self) -> float:
        return self._ear.value

    @property
    def ear_closed(self) -> float:
        return self._ear.value * self._closed_share

    def saw(self, ear: float, seconds: float) -> None:
        """Take an aspect ratio that lasted so long, the head held straight."""
        self._ear.add(ear, seconds)

    def closed(self, ear: float) -> None:
        """Take the least aspect ratio of a closure."""
        low, high = CLOSED_SHARE_RANGE
        self._shares.append(max(low, min(high, ear / self.ear_open)))
        self._closed_share = median([*self._prior, *self._shares])
