"""How often a live loop looks for newcomers: as often as the machine can afford."""

from __future__ import annotations


class SearchPacer:
    """Looking takes a fixed share of the time: often on a fast machine, seldom on a slow or busy one.

    Feed it what each search took; a change counts by half after three searches.
    """

    SHARE = 0.05
    """Of one core."""
    MIN_INTERVAL_S, MAX_INTERVAL_S = 0.1, 1.0
    WEIGHT_OF_NEWEST = 0.2
    """Weight of the newest search in the mean."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._cost_s: float | None = None

    def add_duration(self, cost_s: float) -> None:
        """cost_s: of the last search, by the clock."""
        self._cost_s = (
            cost_s
            if self._cost_s is None
            else self.WEIGHT_OF_NEWEST * cost_s + (1 - self.WEIGHT_OF_NEWEST) * self._cost_s
        )

    @property
    def interval_s(self) -> float:
        """From one search to the next."""
        if self._cost_s is None:
            return self.MIN_INTERVAL_S
        return min(max(self._cost_s / self.SHARE, self.MIN_INTERVAL_S), self.MAX_INTERVAL_S)
