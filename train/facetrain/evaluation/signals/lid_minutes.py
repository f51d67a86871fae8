"""False alarms of simulated people who are awake, alarms of those who fall asleep, and blinks at every frame rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from facetrack.signals import FaceSignals, SignalOptions
from facetrack.signals.head.attention import ZONES
from facetrack.types import Event
from facetrain.reporting.progress import with_progress
from facetrain.synth.lids.behaviour import ASLEEP, AWAKE, Closure, Rng, Script, script_of
from facetrain.synth.lids.observed import observations

Behaviour = Callable[[Script, Rng], None]
MINUTES = 10.0
"""Length of one simulated person's script: levels are learnt anew in each."""
RATES = (10.0, 15.0, 30.0, 60.0, 120.0)
ALARMS = ("microsleep", "long_closure")
NEAR_S = 0.15
"""Tolerance within which an event and a closure overlap."""


@dataclass(slots=True)
class Minutes:
    """What was reported of one kind of behaviour.

    events: how many of each kind ended. perclos: highest P80 of 60 s. entered: how often each level was entered.
    tired_s: longest time at a level other than alert. down_share: of the frames, lids lowered. blinks, found, sleeps,
    reported: true ones and those that were reported; reported_long: sleeps reported as a long closure or a microsleep,
    reported_down: as eyes_down. false_blinks: blinks that are none.
    """

    hours: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    perclos: float = 0.0
    entered: Counter[str] = field(default_factory=Counter)
    tired_s: float = 0.0
    down_share: float = 0.0
    unknown_share: float = 0.0
    blinks: int = 0
    found: int = 0
    false_blinks: int = 0
    sleeps: int = 0
    reported: int = 0
    reported_long: int = 0
    reported_down: int = 0

    @property
    def f1(self) -> float:
        whole = self.blinks + self.found + self.false_blinks
        return 2 * self.found / whole if whole else float("nan")


def minutes_of(behaviour: Behaviour, scripts: int, fps: float, zone: str = "screen", dropped: float = 0.0) -> Minutes:
    """Follow so many scripts of one behaviour, each by another person."""
    found = Minutes()
    for seed in range(scripts):
        _follow(found, script_of(behaviour, 60.0 * MINUTES, seed), fps, seed, zone, dropped)
    return found


def _follow(found: Minutes, script: Script, fps: float, seed: int, zone: str, dropped: float) -> None:
    signals = FaceSignals(SignalOptions(attention=ZONES[zone]))
    ended: list[Event] = []
    level, since_s, frames, down, unknown = "alert", 0.0, 0, 0, 0.0
    for observation in observations(script, fps, seed, dropped):
        seen, events = signals.update(observation)
        ended += [event for event in events if event.is_over]
        frames += 1
        down += seen.eyes.lids == "lowered"
        unknown += seen.perclos_unknown_60s or 0.0
        found.perclos = max(found.perclos, seen.perclos_p80_60s or 0.0)
        now = seen.fatigue.level or "alert"
        if now != "alert" and level == "alert":
            since_s = observation.time_s
        if now != level:
            found.entered[now] += 1
        if now != "alert":
            found.tired_s = max(found.tired_s, observation.time_s - since_s)
        level = now
    ended += signals.interrupt()
    hours = script.seconds / 3600.0
    for name, value in (("down_share", down / frames), ("unknown_share", unknown / frames)):
        total = getattr(found, name) * found.hours + value * hours
        setattr(found, name, total / (found.hours + hours))
    found.hours += hours
    found.events.update(event.kind for event in ended)
    _match(found, script, ended)


def _match(found: Minutes, script: Script, ended: Sequence[Event]) -> None:
    blinks = [event for event in ended if event.kind == "blink"]
    matched = _pairs(script.blinks, blinks)
    found.blinks += len(script.blinks)
    found.found += len(matched)
    # A blink that falls into another closure (a laugh's, a sleep's) counts neither way.
    found.false_blinks += sum(
        i not in set(matched.values()) and not any(_overlap(s, e) for s in script.sleeps) for i, e in enumerate(blinks)
    )
    found.sleeps += len(script.sleeps)
    for kinds, name in ((("microsleep",), "reported"), (ALARMS, "reported_long"), (("eyes_down",), "reported_down")):
        events = [event for event in ended if event.kind in kinds]
        reported = sum(any(_overlap(sleep, event) for event in events) for sleep in script.sleeps)
        setattr(found, name, getattr(found, name) + reported)


def _overlap(closure: Closure, event: Event) -> bool:
    start_s, end_s = closure.half_s
    return min(end_s, event.until_s) - max(start_s, event.start_s) > -NEAR_S


def _pairs(true: Sequence[Closure], reported: Sequence[Event]) -> dict[int, int]:
    """Match closures and events one to one in order of time; both are sorted and none overlaps another of its kind."""
    found: dict[int, int] = {}
    order = sorted(range(len(true)), key=lambda i: true[i].start_s)
    j = 0
    for i in order:
        while j < len(reported) and reported[j].until_s < true[i].half_s[0] - NEAR_S:
            j += 1
        if j < len(reported) and _overlap(true[i], reported[j]):
            found[i] = j
            j += 1
    return found


@dataclass(frozen=True, slots=True, eq=False)
class RateScore:
    """Blinks at one frame rate: duration and completeness, reported minus true, of each that was found."""

    fps: float
    minutes: Minutes
    duration_s: np.ndarray
    completeness: np.ndarray


def rate_score(fps: float, scripts: int, dropped: float = 0.0) -> RateScore:
    """Follow people who look ahead and blink."""
    found, durations, complete = Minutes(), [], []
    for seed in range(scripts):
        script = Script(120.0)
        script.add_blinks(np.random.default_rng(seed), 25)
        script.blinks = [blink for blink in script.blinks if blink.start_s > 3.0]
        signals, ended = FaceSignals(), []
        for observation in observations(script, fps, seed, dropped):
            ended += [event for event in signals.update(observation)[1] if event.is_over]
        found.hours += script.seconds / 3600.0
        found.events.update(event.kind for event in ended)
        _match(found, script, ended)
        blinks = [event for event in ended if event.kind == "blink"]
        for i, j in _pairs(script.blinks, blinks).items():
            half_s = script.blinks[i].half_s
            durations.append(blinks[j].duration_s - (half_s[1] - half_s[0]))
            complete.append(blinks[j].evidence["completeness"] - script.blinks[i].depth)
    return RateScore(fps, found, np.array(durations), np.array(complete))


@dataclass(frozen=True, slots=True)
class LidResult:
    """awake, asleep: by behaviour. zones: reading and phone by zone. rates, dropped: blinks at each rate."""

    awake: dict[str, Minutes]
    asleep: dict[str, Minutes]
    zones: dict[tuple[str, str], Minutes]
    rates: list[RateScore]
    dropped: list[RateScore]


def measure(hours: float, fps: float) -> LidResult:
    """Simulate so many hours of each behaviour. fps: frames per second; blinks are followed at all RATES as well."""
    scripts = max(1, round(hours * 60.0 / MINUTES))
    awake = {name: minutes_of(kind, scripts, fps) for name, kind in with_progress(list(AWAKE.items()), "awake")}
    asleep = {name: minutes_of(kind, scripts, fps) for name, kind in with_progress(list(ASLEEP.items()), "asleep")}
    zones = {
        (name, zone): minutes_of(AWAKE[name], 1, fps, zone) for name in ("reading", "phone") for zone in ZONES
    }  # fmt: skip
    rates = [rate_score(rate, 4) for rate in with_progress(RATES, "rates")]
    dropped = [rate_score(rate, 4, 0.1) for rate in (15.0, 30.0)]
    return LidResult(awake, asleep, zones, rates, dropped)
