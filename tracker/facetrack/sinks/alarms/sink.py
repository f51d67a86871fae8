"""The alarm as a sink among the others."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from facetrack.sinks.alarms.actions import Action, Webhook
from facetrack.sinks.alarms.rule import Alarm, Rule
from facetrack.sinks.sink import RecordSink
from facetrack.types import Event, Face, Frame


class AlarmSink(RecordSink):
    """Watches every frame, says an alarm on standard error and runs its actions.

    ends: the first alarm ends the run, which then is `closed`. alarms: how many there were. paused: silent.
    is_stream: a frame counts at once, none is held back.
    """

    is_stream = True

    def __init__(self, rule: Rule, actions: Sequence[Action], *, ends: bool = False) -> None:
        self._rule, self._actions, self._ends = rule, tuple(actions), ends
        self.alarms = 0
        self.paused = self._closed = False

    @property
    def closed(self) -> bool:
        """Whether an alarm has ended the run."""
        return self._closed

    def pause(self) -> None:
        """Be silent, or go on."""
        self.paused = not self.paused

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Watch one frame."""
        alarm = self._rule.update(frame.time_s, faces, events)
        if alarm is not None and not self.paused and not self.closed:
            self._go_off(alarm)

    def _go_off(self, alarm: Alarm) -> None:
        self.alarms += 1
        print(f"alarm: {alarm.kind}, face {alarm.track_id}, at {alarm.time_s:.1f} s", file=sys.stderr)
        for action in self._actions:
            action(alarm)
        self._closed = self._ends

    def close(self) -> None:
        """Let a webhook that is on its way finish."""
        for action in self._actions:
            if isinstance(action, Webhook):
                action.close()

    def discard(self) -> None:
        """Do as close: what was rung was rung."""
        self.close()
