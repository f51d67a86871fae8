"""Learning rates as functions of the step, so that a resumed run needs no state to go on as it would have."""

from __future__ import annotations

import math

SCHEDULES = ("one_cycle", "cosine", "step", "constant")


def learning_rate_factor(
    schedule: str, step: int, total: int, warm_up: float, milestones: tuple[float, ...] = (), drop: float = 0.1
) -> float:
    """Share of the peak learning rate at `step` of `total`.

    warm_up: share of the steps in which every schedule rises linearly. Then one_cycle (the second half of Smith & Topin
    2019) and cosine (Loshchilov & Hutter 2017) fall by half a cosine, to a thousandth and to zero; step multiplies by
    `drop` at each of `milestones` (shares of the run); constant stays.
    """
    rise = int(total * warm_up)
    if step < rise:
        return (step + 1) / rise
    done = min(1.0, (step - rise) / max(1, total - rise))
    falling = 0.5 * (1 + math.cos(math.pi * done))
    if schedule == "one_cycle":
        return 0.001 + 0.999 * falling
    if schedule == "cosine":
        return falling
    if schedule == "step":
        return drop ** sum(step >= share * total for share in milestones)
    return 1.0
