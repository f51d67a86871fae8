"""Attention: gaze on a target, glances away from it, and distraction.

Not a certified driver-monitoring system: the criteria are those of the rules named here, but nothing was tested
against them, and the gaze is coarse, or the head's alone (see `signals.head.gaze`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from facetrack.signals.head.gaze import Gaze
from facetrack.signals.windows.lasting import LastingEvent
from facetrack.signals.windows.observed_time import ROUNDING_S, GapTimer, TimeWeightedWindow
from facetrack.types import Event
from facetrack.types.signals import AttentionSignals


@dataclass(frozen=True, slots=True)
class AttentionOptions:
    """Target zone and times of attention.

    yaw_deg, pitch_deg: the target's zone, (least, most) relative to straight ahead: yaw positive towards the
    picture's right, pitch up. edge_deg: how far beyond the zone's edge the gaze has to go to leave it, so that a gaze
    on the edge does not flicker.
    min_glance_s: a shorter look away is none: a fixation takes at least .12 s (ISO 15007).
    share_s: window of `attention`; least_known_s: how much of it has to be known.
    down_is_target: whether lids lowered over a look down (known with an eye network only) look at the target, as over a
        book on a desk, or away from it.
    long_glance_s, total_s, within_s: distraction is one glance of 3 s, or 10 s in all within 30 s (Euro NCAP; EU
    2023/2590 warns after 3.5 s above 50 km/h). long_down_s: the same of a look down under lowered lids. recover_s: it
    is over after so long on the target; a choice of this project.
    Raises ValueError for a zone without room.
    """

    yaw_deg: tuple[float, float] = (-20.0, 20.0)
    pitch_deg: tuple[float, float] = (-15.0, 15.0)
    down_is_target: bool = False
    edge_deg: float = 2.0
    min_glance_s: float = 0.12
    share_s: float = 60.0
    least_known_s: float = 3.0
    long_glance_s: float = 3.0
    long_down_s: float = 3.0
    total_s: float = 10.0
    within_s: float = 30.0
    recover_s: float = 2.0

    def __post_init__(self) -> None:
        for name, (least, most) in (("yaw_deg", self.yaw_deg), ("pitch_deg", self.pitch_deg)):
            if not least < most:
                raise ValueError(f"the zone's {name} reaches from {least} to {most}; expected the smaller angle first")


ZONES = {
    "screen": AttentionOptions(),
    "desk": AttentionOptions((-30.0, 30.0), (-45.0, 15.0), down_is_target=True),
    "driver": AttentionOptions(long_down_s=2.0),
}
"""Zones by name, choices of this project: a screen ahead (as without a name); a desk, where reading and writing are on
target; a driver's road, where 2 s of lowered eyes are a distraction."""


class Attention:
    """On target or not, its share of the last minute, events `glance_away` and `distraction`.

    A frame's state holds until the next frame. `glance_away` begins after min_glance_s and ends with the frame that
    looks back; amplitude: the furthest angle from straight ahead, in degrees. `distraction` begins with the frame that
    fulfils a criterion: it is an alarm. It starts with the glance, or with the first of those that make up the total,
    and lasts until the gaze has come back for recover_s, which it ends at the beginning of; after that the counting
    starts anew. Time in which the gaze is unknown counts on neither side and ends a glance, not a distraction.
    """

    def __init__(self, track_id: int, options: AttentionOptions | None = None) -> None:
        self.options, self._track_id = options or AttentionOptions(), track_id
        self._gap_timer = GapTimer()
        self._share = TimeWeightedWindow(self.options.share_s)
        self._away = TimeWeightedWindow(self.options.within_s)
        self._glance = LastingEvent("glance_away", track_id)
        self._distraction = LastingEvent("distraction", track_id)
        self.reset()

    def interrupt(self) -> tuple[Event, ...]:
        """Drop what goes on, the face being lost; returns the ends of what was reported, the last known moment.

        A bout of distraction stays one: it is not reported again before it is over.
        """
        return (*self._lose_gaze(), *self._distraction.end(self._last_s))

    def _lose_gaze(self) -> tuple[Event, ...]:
        """End the glance: it is not known to go on. A distraction goes on without it."""
        ended = self._glance.end(self._last_s, self._furthest_deg)
        self._forget()
        return ended

    def _forget(self) -> None:
        self._gap_timer.reset()
        self._on_target: bool | None = None
        self._since_s = 0.0
        self._furthest_deg = 0.0

    def reset(self) -> None:
        """Equal to a new one."""
        self._share.reset()
        self._away.reset()
        self._glance.reset()
        self._distraction.reset()
        self._distracted = False
        self._last_s = 0.0
        self._forget()

    def update(
        self, time_s: float, gaze: Gaze | None, down_since_s: float | None = None
    ) -> tuple[AttentionSignals, tuple[Event, ...]]:
        """Follow the next frame; returns the reading and what began or ended.

        down_since_s: when lids that are lowered over a look down began to fall; None while they are not.
        """
        if gaze is None:
            ended = self._lose_gaze()
            return AttentionSignals(None, self._attention(time_s), None), ended
        ended = ()
        step_s = self._gap_timer.step(time_s)
        if step_s is None:
            ended = self._lose_gaze()
            self._gap_timer.step(time_s)
        elif self._on_target is not None:
            self._share.add(time_s - step_s, time_s, self._on_target)
            self._away.add(time_s - step_s, time_s, not self._on_target)
        self._away.advance(time_s)
        events = ended + self._look(time_s, gaze, down_since_s) + self._judge(time_s, down_since_s is not None)
        self._last_s = time_s
        return AttentionSignals(self._on_target, self._attention(time_s), self._distracted), events

    def _look(self, time_s: float, gaze: Gaze, down_since_s: float | None) -> tuple[Event, ...]:
        """Place the gaze in the zone or outside; returns the glance away that begins or ends with it."""
        was_on = self._on_target
        looks_down = down_since_s is not None and not self.options.down_is_target
        is_on = self._on_target = not looks_down and self._inside(gaze, was_on is not False)
        if is_on and was_on:
            return ()
        angle_deg = 0.0 if is_on else _angle_deg(gaze)
        if is_on == was_on:
            self._furthest_deg = max(self._furthest_deg, angle_deg)
            return self._begin_glance(time_s)
        began = self._begin_glance(time_s) if was_on is False else ()
        ended = self._glance.end(time_s, self._furthest_deg)
        self._since_s, self._furthest_deg = time_s, angle_deg
        if looks_down and down_since_s is not None:  # it is known only some time after they fell
            self._since_s = down_since_s
        return (*began, *ended)

    def _begin_glance(self, time_s: float) -> tuple[Event, ...]:
        """Report a look away once it is long enough to be a glance."""
        if time_s - self._since_s < self.options.min_glance_s - ROUNDING_S:
            return ()
        return self._glance.begin(self._since_s, time_s, self._furthest_deg)

    def _judge(self, time_s: float, looks_down: bool) -> tuple[Event, ...]:
        """Begin or end a distraction."""
        options, lasted_s = self.options, time_s - self._since_s + ROUNDING_S
        if self._distracted:
            forgotten = self._away.known_s <= 0.0
            if forgotten or (self._on_target and lasted_s >= options.recover_s):
                self._distracted = False
                self._away.reset()
                return self._distraction.end(self._last_s if forgotten else self._since_s)
            return ()
        is_long = not self._on_target and lasted_s >= (options.long_down_s if looks_down else options.long_glance_s)
        if not is_long and self._away.true_s + ROUNDING_S < options.total_s:
            return ()
        start_s = self._since_s if is_long else self._away.first_s
        self._distracted = True
        return self._distraction.begin(time_s if start_s is None else start_s, time_s)

    def _inside(self, gaze: Gaze, with_edge: bool) -> bool:
        options = self.options
        edge_deg = options.edge_deg if with_edge else 0.0
        (left, right), (down, up) = options.yaw_deg, options.pitch_deg
        return (
            left - edge_deg <= gaze.yaw_deg <= right + edge_deg and down - edge_deg <= gaze.pitch_deg <= up + edge_deg
        )

    def _attention(self, time_s: float) -> float | None:
        return self._share.share(time_s, self.options.least_known_s - ROUNDING_S)


def _angle_deg(gaze: Gaze) -> float:
    """Between the gaze and straight ahead."""
    cos = math.cos(math.radians(gaze.yaw_deg)) * math.cos(math.radians(gaze.pitch_deg))
    return math.degrees(math.acos(max(-1.0, min(1.0, cos))))
