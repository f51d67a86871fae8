"""Thresholds of the events of the lids by their gap."""

from __future__ import annotations

from dataclasses import dataclass, field

from facetrack.signals.eyes.lids import LidOptions
from facetrack.signals.eyes.lowered import LoweredOptions


@dataclass(frozen=True, slots=True)
class LidEventOptions:
    """Thresholds of closures, in openness and shares of its level just before.

    closed_below: share of the level under which lids are closing. deep: closed, 80 % (`LidOptions`).
    fast_s: largest `Measures.fall_s` of lids that close: a look down takes longer.
    completeness: the least of a blink. incomplete: under this it is an incomplete one, which counts only as short as
        incomplete_s and as quick as incomplete_fall_s, so that a squint is none.
    min_s: a shorter dip is a frame's error: one frame at 60 per second, none at 30, where a whole blink may be one
        frame long. min_amplitude: less is noise of eyes that are nearly shut.
    long_s, microsleep_s: as in `BlinkOptions`.
    shut: where lids rest that are shut for long, noise taken off.
    head_follows_deg: a head that goes down by so much with the lids looks down. head_looks_deg, head_deep: by so
        much, unless half of the frames show the lids as deep as this: over a telephone a tenth of their gap is left.
    lowered_fall, lowered_deep: lowered lids are shut only when they fall so far, and rest as deep as this.
    wink_s, min_wink_s, wink_fall_s: longest and shortest wink, and its slowest fall. wink_amplitude: its least
        completeness. other_fall: the other eye falls less than so much of the winking one's way (it squeezes along).
    """

    lids: LidOptions = field(default_factory=lambda: LidOptions(slit=0.28))
    lowered: LoweredOptions = field(default_factory=LoweredOptions)
    closed_below: float = 0.6
    fast_s: float = 0.4
    completeness: float = 0.4
    incomplete: float = 0.75
    incomplete_s: float = 0.35
    incomplete_fall_s: float = 0.15
    min_s: float = 0.025
    min_amplitude: float = 0.2
    long_s: float = 0.5
    microsleep_s: float = 1.0
    shut: float = 0.16
    head_follows_deg: float = 5.0
    head_looks_deg: float = 10.0
    head_deep: float = 0.03
    lowered_fall: float = 0.2
    lowered_deep: float = 0.06
    wink_s: float = 3.0
    min_wink_s: float = 0.1
    wink_fall_s: float = 0.2
    wink_amplitude: float = 0.6
    other_fall: float = 0.65
