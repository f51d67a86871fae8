"""Scripts of what people do with their lids, eyes and heads: key frames, between which everything moves straight.

Every number is a choice of this project unless its source stands beside it. A look down lowers the lids to a plateau:
half of the open gap at 15 degrees, as in two of the project's clips. Lids follow the eyes within .1 to .4 s, or are let
down slowly in 1.1 to 1.6 s (what looks down took there).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

CHANNELS = {
    "lids": 1.0,
    "down_deg": 0.0,
    "pitch_deg": 0.0,
    "yaw_deg": 0.0,
    "smile": 0.05,
    "covered": 0.03,
    "noise": 1.0,
}
"""What a script sets, and where each begins. lids: openness 0..1. down_deg: eyes in the head, positive down. noise:
factor of the gap's error."""
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Closure:
    """Lids that fall, stay down and open again, on top of where they rest.

    start_s: they begin to fall. depth: share of the way from where they rest to shut.
    """

    start_s: float
    fall_s: float
    shut_s: float
    open_s: float
    depth: float = 1.0

    @property
    def half_s(self) -> tuple[float, float]:
        """Times at which the lids pass half of their own way, down and up."""
        down_s = self.start_s + self.fall_s
        return self.start_s + self.fall_s / 2, down_s + self.shut_s + self.open_s / 2

    @property
    def end_s(self) -> float:
        return self.start_s + self.fall_s + self.shut_s + self.open_s

    def at(self, times: np.ndarray) -> np.ndarray:
        """Return the share of the rest's openness that is left at these times."""
        down_s = self.start_s + self.fall_s
        keys = (self.start_s, down_s, down_s + self.shut_s, self.end_s)
        return np.interp(times, keys, (1.0, 1.0 - self.depth, 1.0 - self.depth, 1.0))


@dataclass(slots=True)
class Script:
    """Key frames of each channel, in order, and the closures on top."""

    seconds: float
    keys: dict[str, list[tuple[float, float]]] = field(
        default_factory=lambda: {name: [(0.0, value)] for name, value in CHANNELS.items()}
    )
    blinks: list[Closure] = field(default_factory=list)
    sleeps: list[Closure] = field(default_factory=list)

    def move(self, start_s: float, takes_s: float, **to: float) -> float:
        """Let channels go from where they are to new values within takes_s; returns when they are there."""
        for name, value in to.items():
            keys = self.keys[name]
            begin_s = max(start_s, keys[-1][0])
            keys += [(begin_s, keys[-1][1]), (begin_s + takes_s, value)]
        return start_s + takes_s

    def at(self, times: np.ndarray) -> dict[str, np.ndarray]:
        """Sample every channel, (N,) each."""
        found = {}
        for name, keys in self.keys.items():
            key_s, values = np.array(keys).T
            found[name] = np.interp(times, key_s, values)
        for closure in (*self.blinks, *self.sleeps):
            near = slice(*np.searchsorted(times, (closure.start_s, closure.end_s)))
            found["lids"][near] = found["lids"][near] * closure.at(times[near])
        return found

    def add_blinks(self, rng: Rng, per_min: float) -> None:
        """Add blinks at random times, none within .6 s of another or a sleep."""
        time_s = rng.exponential(60.0 / per_min)
        while time_s < self.seconds - 1.0:
            blink = random_blink(rng, time_s)
            if all(blink.end_s < s.start_s - 0.6 or blink.start_s > s.end_s + 0.6 for s in self.sleeps):
                self.blinks.append(blink)
            time_s = blink.end_s + 0.6 + rng.exponential(60.0 / per_min)


def random_blink(rng: Rng, start_s: float) -> Closure:
    """Return a blink: down in .05 to .1 s, up in .1 to .2 s; one in eight stops at .6 to .9 of its way."""
    depth = rng.uniform(0.6, 0.9) if rng.random() < 0.125 else 1.0
    return Closure(start_s, rng.uniform(0.05, 0.1), rng.uniform(0.0, 0.12), rng.uniform(0.1, 0.2), depth)


def _look_down(script: Script, rng: Rng, time_s: float, down_deg: float, pitch_deg: float) -> float:
    takes_s = rng.uniform(1.1, 1.6) if rng.random() < 0.3 else rng.uniform(0.1, 0.4)
    lids = float(np.clip(1.0 - down_deg / 30.0 + rng.normal(0.0, 0.06), 0.08, 0.9))
    script.move(time_s, rng.uniform(0.3, 1.0), pitch_deg=pitch_deg)
    return script.move(time_s, takes_s, lids=lids, down_deg=down_deg)


def _look_up(script: Script, rng: Rng, time_s: float) -> float:
    script.move(time_s, rng.uniform(0.3, 0.8), pitch_deg=rng.normal(0.0, 2.0), yaw_deg=rng.normal(0.0, 6.0))
    return script.move(time_s, rng.uniform(0.1, 0.25), lids=rng.uniform(0.9, 1.05), down_deg=rng.normal(0.0, 2.0))


def screen(script: Script, rng: Rng) -> None:
    """Look at a screen, with glances down to the keyboard."""
    time_s = rng.uniform(2, 5)
    while time_s < script.seconds:
        if rng.random() < 0.4:
            time_s = _look_down(script, rng, time_s, rng.uniform(8, 20), rng.normal(-4, 3)) + rng.uniform(0.4, 2.5)
        time_s = _look_up(script, rng, time_s) + rng.uniform(1.5, 8)
    script.add_blinks(rng, 15)


def reading(script: Script, rng: Rng) -> None:
    """Read a page on a desk, line by line, and look up now and then; fewer blinks than at rest."""
    time_s = rng.uniform(2, 4)
    while time_s < script.seconds:
        down_deg, pitch_deg = rng.uniform(12, 22), rng.normal(-10, 5)
        until_s = time_s + rng.uniform(8, 40)
        time_s = _look_down(script, rng, time_s, down_deg, pitch_deg)
        while time_s < until_s:  # the page's lines go down by some degrees, then back to its top
            time_s += rng.uniform(0.8, 2.0)
            down_deg = down_deg + 1.5 if down_deg < 26 else rng.uniform(12, 16)
            lids = float(np.clip(1.0 - down_deg / 30.0 + rng.normal(0.0, 0.03), 0.08, 0.9))
            time_s = script.move(time_s, rng.uniform(0.05, 0.15), lids=lids, down_deg=down_deg)
        time_s = _look_up(script, rng, time_s) + rng.uniform(1, 4)
    script.add_blinks(rng, 8)


def phone(script: Script, rng: Rng) -> None:
    """Look at a telephone held low: the head down by 10 to 25 degrees, the eyes further down than over a page."""
    time_s = rng.uniform(2, 4)
    while time_s < script.seconds:
        time_s = _look_down(script, rng, time_s, rng.uniform(14, 27), rng.uniform(-25, -10)) + rng.uniform(4, 25)
        time_s = _look_up(script, rng, time_s) + rng.uniform(1, 6)
    script.add_blinks(rng, 12)


def laughing(script: Script, rng: Rng) -> None:
    """Laugh in bouts: the lids narrow to slits with the smile, and are shut for up to 1.5 s in every fourth bout."""
    time_s = rng.uniform(2, 4)
    while time_s < script.seconds:
        script.move(time_s, rng.uniform(0.2, 0.5), smile=rng.uniform(0.8, 1.0), pitch_deg=rng.normal(2, 6))
        time_s += rng.uniform(0.0, 0.2)
        until_s = time_s + rng.uniform(1.5, 5.0)
        while time_s < until_s:
            time_s = script.move(time_s, rng.uniform(0.1, 0.4), lids=rng.uniform(0.2, 0.6)) + rng.uniform(0.1, 0.6)
        if rng.random() < 0.25:
            time_s = script.move(time_s, rng.uniform(0.1, 0.3), lids=0.02) + rng.uniform(0.3, 1.5)
        script.move(time_s + rng.uniform(0.0, 0.5), 0.6, smile=rng.uniform(0.1, 0.5))
        time_s = _look_up(script, rng, time_s) + rng.uniform(3, 12)
    script.add_blinks(rng, 16)


def squinting(script: Script, rng: Rng) -> None:
    """Narrow the eyes against light or to see better, wrinkling the nose: .35 to .6 of the open gap for 1 to 10 s."""
    time_s = rng.uniform(2, 4)
    while time_s < script.seconds:
        time_s = script.move(time_s, rng.uniform(0.1, 0.6), lids=rng.uniform(0.35, 0.6), down_deg=rng.normal(1.5, 1.5))
        time_s = _look_up(script, rng, time_s + rng.choice([rng.uniform(0.2, 0.6), rng.uniform(1, 10)]))
        time_s += rng.uniform(2, 10)
    script.add_blinks(rng, 16)


def dark_glasses(script: Script, rng: Rng) -> None:
    """Wear dark glasses: covered but for moments, in which what is read of the gap is a guess."""
    script.keys["covered"] = [(0.0, 0.9)]
    script.keys["noise"] = [(0.0, 6.0)]
    time_s = rng.uniform(1, 6)
    while time_s < script.seconds:
        time_s = script.move(time_s, 0.05, covered=rng.uniform(0.2, 0.45), lids=rng.uniform(0.2, 0.9))
        time_s = script.move(time_s + rng.uniform(0.1, 0.8), 0.05, covered=rng.uniform(0.7, 1.0)) + rng.uniform(1, 12)
    script.add_blinks(rng, 14)


def sun_flicker(script: Script, rng: Rng) -> None:
    """Drive along an avenue, light and shade changing at 1 to 6 Hz.

    The gap is read three times as badly, half of the flashes cover the eyes, and the eyes narrow meanwhile.
    """
    time_s = rng.uniform(1, 4)
    while time_s < script.seconds:
        until_s, period_s = time_s + rng.uniform(4, 20), rng.uniform(0.16, 1.0)
        script.move(time_s, 0.4, lids=rng.uniform(0.5, 0.8))
        while time_s < until_s:
            flash = rng.uniform(0.55, 1.0) if rng.random() < 0.5 else rng.uniform(0.05, 0.45)
            time_s = script.move(time_s, 0.03, covered=flash, noise=3.0) + rng.uniform(0.3, 0.6) * period_s
            time_s = script.move(time_s, 0.03, covered=0.05, noise=1.5) + rng.uniform(0.3, 0.6) * period_s
        script.move(time_s, 0.1, noise=1.0)
        time_s = script.move(time_s, 0.4, lids=rng.uniform(0.9, 1.0)) + rng.uniform(5, 20)
    script.add_blinks(rng, 16)


def _sleeps(script: Script, rng: Rng, fall_s: tuple[float, float]) -> None:
    time_s = rng.uniform(20, 30)
    while time_s < script.seconds - 10:
        script.sleeps.append(Closure(time_s, rng.uniform(*fall_s), rng.uniform(1.3, 4.0), rng.uniform(0.2, 0.6)))
        time_s = script.sleeps[-1].end_s + rng.uniform(15, 40)
    script.add_blinks(rng, 10)


def microsleeps(script: Script, rng: Rng) -> None:
    """Fall asleep for 1.3 to 4 s from open or half drooped eyes, the lids down within .15 to .45 s."""
    time_s = 5.0
    while time_s < script.seconds:  # lids that droop and are pulled up
        time_s = script.move(time_s, rng.uniform(1, 3), lids=rng.uniform(0.7, 0.95)) + rng.uniform(5, 15)
    _sleeps(script, rng, (0.15, 0.45))


def slow_sleeps(script: Script, rng: Rng) -> None:
    """Fall asleep with lids that sink for 1 to 2.5 s."""
    _sleeps(script, rng, (1.0, 2.5))


def sleeps_from_lowered(script: Script, rng: Rng) -> None:
    """Fall asleep over a page: from lids that are lowered already, within .15 to .45 s."""
    time_s = 8.0
    while time_s < script.seconds:
        time_s = _look_down(script, rng, time_s, rng.uniform(10, 18), rng.normal(-10, 4)) + 60.0
        time_s = _look_up(script, rng, time_s) + 3.0
    _sleeps(script, rng, (0.15, 0.45))


AWAKE: dict[str, Callable[[Script, Rng], None]] = {
    "screen": screen, "reading": reading, "phone": phone, "laughing": laughing, "squinting": squinting,
    "dark glasses": dark_glasses, "sun flicker": sun_flicker,
}  # fmt: skip
ASLEEP: dict[str, Callable[[Script, Rng], None]] = {
    "microsleeps": microsleeps, "lids that sink slowly": slow_sleeps, "from a lowered look": sleeps_from_lowered
}  # fmt: skip


def script_of(behaviour: Callable[[Script, Rng], None], seconds: float, seed: int) -> Script:
    """Write one script."""
    script = Script(seconds)
    behaviour(script, np.random.default_rng(seed))
    return script
