"""Gestures of the head: nods, shakes, and the nod of somebody who drops off."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from facetrack.signals.head.neutral import HeadAngles
from facetrack.signals.windows.observed_time import ROUNDING_S, GapTimer
from facetrack.signals.windows.reversals import TOLERANCE, Reversals, Swing
from facetrack.types import Event


@dataclass(frozen=True, slots=True)
class GestureOptions:
    """Thresholds of gestures.

    min_swing_deg: from one turning point to the next; the head of somebody who talks bobs by some 3.
    slowest_hz, fastest_hz: of the whole movement there and back.
    min_reversals: turning points between swings that count: a nod goes down, up and down at least, and a look at the
    keyboard, with one, is none. side_share: how far the other axis may go in a swing, as a share of it.
    drop_deg: how deep a head drops that nods off. drop_speed_deg_s: at most, in the mean; a look down is two or more
    times as fast. return_s: how soon it has come back by return_share of the drop after it left the bottom: the jerk of
    waking. drop_swing_deg: ups and downs on the way below this do not count.
    most_sigma_rise: largest standard deviation of the pose in a nod or shake over what it usually was: a reflection
        or a hand that passes over an eye turns the pose, not the head, and makes it unsure.
    open_above: openness of eyes that stay open; who nods off shuts them. shut_share: for how much of it at least, more
        than a blink's.
    All are choices of this project.
    """

    min_swing_deg: float = 4.0
    slowest_hz: float = 1.0
    fastest_hz: float = 4.0
    min_reversals: int = 2
    side_share: float = 0.6
    drop_deg: float = 15.0
    drop_speed_deg_s: float = 30.0
    return_s: float = 0.5
    return_share: float = 0.67
    drop_swing_deg: float = 6.0
    most_sigma_rise: float = 1.3
    open_above: float = 0.5
    shut_share: float = 0.25


class Gestures:
    """Events `nod`, `shake` (amplitude: the largest swing, in degrees) and `nod_off` (amplitude: the drop's depth).

    A nod or shake is reported when it has stopped: .75 s (of the slowest period) after its last turning point, or with
    the first swing that does not belong to it. A nod_off is reported with the head's return; a head that stays down,
    or comes back slowly, is none. No nod or shake is reported if the pose was unsure meanwhile, no nod_off if the eyes
    were seen to stay open.
    """

    def __init__(self, track_id: int, options: GestureOptions | None = None) -> None:
        self.options, self._track_id = options or GestureOptions(), track_id
        self._gap_timer = GapTimer()
        self._nods = _Oscillation("nod", self.options)
        self._shakes = _Oscillation("shake", self.options)
        self._drops = _Drops(self.options)
        self._evidence = _Evidence(self.options)
        self.reset()

    def reset(self) -> None:
        self._gap_timer.reset()
        for part in (self._nods, self._shakes, self._drops, self._evidence):
            part.reset()

    def update(
        self, time_s: float, head: HeadAngles | None, sigma_deg: float | None = None, openness: float | None = None
    ) -> tuple[Event, ...]:
        """Return what ended.

        head: relative to its neutral pose, None where unknown. sigma_deg: standard deviation of its yaw and pitch, the
        larger one. openness: of the more closed eye, 0..1. Both None where unknown.
        """
        if head is None:
            self.reset()
            return ()
        step_s = self._gap_timer.step(time_s)
        if step_s is None:
            self.reset()
            self._gap_timer.step(time_s)
            step_s = 0.0
        yaw_deg, pitch_deg = head.yaw_deg, head.pitch_deg
        nod = self._nods.update(time_s, pitch_deg, yaw_deg, step_s)
        shake = self._shakes.update(time_s, yaw_deg, pitch_deg, step_s)
        drop = self._drops.update(time_s, pitch_deg)
        self._evidence.add(time_s, sigma_deg, openness)
        if nod is None and shake is None and drop is None:
            return ()
        return tuple(
            Event.completed(g.kind, self._track_id, g.start_s, g.end_s, g.size_deg)
            for g in (nod, shake, drop)
            if g and self._evidence.supports(g)
        )


@dataclass(frozen=True, slots=True)
class _Gesture:
    kind: str
    start_s: float
    end_s: float
    size_deg: float


class _Evidence:
    """What speaks against gestures: an uncertainty of the pose that rose meanwhile, eyes that stayed open."""

    KEEP_S = 12.0

    def __init__(self, options: GestureOptions) -> None:
        self._options = options
        self._frames: deque[tuple[float, float | None, float | None]] = deque()

    def reset(self) -> None:
        self._frames.clear()

    def add(self, time_s: float, sigma_deg: float | None, openness: float | None) -> None:
        frames = self._frames
        frames.append((time_s, sigma_deg, openness))
        while time_s - frames[0][0] > self.KEEP_S:
            frames.popleft()

    def supports(self, gesture: _Gesture) -> bool:
        """Return whether the gesture may be one.

        A head that has dropped is seen from above, its eyes shut: its pose is unsure by itself.
        """
        during = [frame for frame in self._frames if gesture.start_s <= frame[0] <= gesture.end_s]
        if gesture.kind == "nod_off":
            known = [openness for _, _, openness in during if openness is not None]
            shut = sum(openness < self._options.open_above for openness in known)
            return 2 * len(known) < len(during) or shut >= self._options.shut_share * len(known)
        sigmas = sorted(sigma for _, sigma, _ in self._frames if sigma is not None)
        most = max((sigma for _, sigma, _ in during if sigma is not None), default=0.0)
        return not sigmas or most <= self._options.most_sigma_rise * sigmas[len(sigmas) // 4]


class _Oscillation:
    """Swings there and back about one axis while the other is quiet."""

    def __init__(self, kind: str, options: GestureOptions) -> None:
        self._kind, self._options, self._keep_s = kind, options, 2.0 / options.slowest_hz
        self._swings = Reversals(options.min_swing_deg, still_s=0.75 / options.slowest_hz)
        self.reset()

    def reset(self) -> None:
        self._swings.reset()
        self._other: deque[tuple[float, float]] = deque()
        self._chain: list[Swing] = []

    def update(self, time_s: float, angle_deg: float, other_deg: float, step_s: float) -> _Gesture | None:
        others = self._other
        others.append((time_s, other_deg))
        while time_s - others[0][0] > self._keep_s:
            others.popleft()
        swing = self._swings.update(time_s, angle_deg)
        if swing is not None:
            if self._belongs(swing, step_s, last=False):
                self._chain.append(swing)
                return None
            return self._close(None)
        if (last := self._swings.came_to_rest) is not None:
            return self._close(last if self._belongs(last, step_s, last=True) else None)
        return None

    def _belongs(self, swing: Swing, step_s: float, last: bool) -> bool:
        """Return whether it is as fast as a gesture's, and about this axis.

        A step of grace, since at low frame rates a turning point is only known to half of that at either end.
        """
        shortest_s = longest_s = swing.end.time_s - swing.start.time_s
        if last or not self._chain:
            # It begins or ends in a rest, whose middle tells nothing, and noise moves where the rest ends: either bound
            # has the benefit of the doubt.
            shortest_s = swing.end.reached_s - swing.start.left_s
            longest_s = _sine_s(swing, TOLERANCE * self._options.min_swing_deg)
        if longest_s + step_s < 0.5 / self._options.fastest_hz or shortest_s - step_s > 0.5 / self._options.slowest_hz:
            return False
        others = [value for t, value in self._other if swing.start.left_s <= t <= swing.end.reached_s]
        return max(others) - min(others) <= self._options.side_share * abs(swing.change)

    def _close(self, last: Swing | None) -> _Gesture | None:
        chain, self._chain = self._chain + ([last] if last else []), []
        if len(chain) <= self._options.min_reversals:
            return None
        return _Gesture(
            self._kind, chain[0].start.left_s, chain[-1].end.reached_s, max(abs(swing.change) for swing in chain)
        )


class _Drops:
    """A slow fall of the head and its quick return."""

    LONGEST_S = 10.0

    def __init__(self, options: GestureOptions) -> None:
        self._options = options
        self._swings = Reversals(options.drop_swing_deg, still_s=math.inf)
        self.reset()

    def reset(self) -> None:
        self._swings.reset()
        self._pitch: deque[tuple[float, float]] = deque()
        self._drop: Swing | None = None
        self._start_s = 0.0

    def update(self, time_s: float, pitch_deg: float) -> _Gesture | None:
        pitches = self._pitch
        pitches.append((time_s, pitch_deg))
        while time_s - pitches[0][0] > self.LONGEST_S:
            pitches.popleft()
        ended = self._swings.update(time_s, pitch_deg)
        if ended is not None:
            self._start_s = self._leaves_the_top(ended)
            self._drop = ended if self._is_slow_drop(ended) else None
        drop = self._drop
        if drop is None:
            return None
        if time_s - drop.end.left_s > self._options.return_s + ROUNDING_S:
            self._drop = None
            return None
        if pitch_deg - drop.end.value < self._options.return_share * -drop.change:
            return None
        self._drop = None
        return _Gesture("nod_off", self._start_s, time_s, -drop.change)

    def _leaves_the_top(self, swing: Swing) -> float:
        """Return when the head last was in the upper quarter of the fall.

        Where it rested may lie a little under where it was highest, and long after.
        """
        level_deg = swing.start.value + 0.25 * swing.change
        above = [t for t, pitch_deg in self._pitch if t <= swing.end.reached_s and pitch_deg >= level_deg]
        return above[-1] if above else self._pitch[0][0]

    def _is_slow_drop(self, swing: Swing) -> bool:
        depth_deg, fall_s = -swing.change, swing.end.reached_s - self._start_s
        return depth_deg >= self._options.drop_deg and 0.75 * depth_deg <= self._options.drop_speed_deg_s * fall_s


def _sine_s(swing: Swing, tolerance: float) -> float:
    """Return the time of half a sine that goes from within the tolerance of one end to the other's as fast."""
    phase = math.acos(1.0 - 2.0 * tolerance / abs(swing.change))  # at which it has gone by the tolerance
    return (swing.end.reached_s - swing.start.left_s) / (1.0 - 2.0 * phase / math.pi)
