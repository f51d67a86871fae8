"""An alarm when something begins: when it goes off, and what it does then. Not a certified safety device."""

from facetrack.sinks.alarms.actions import Action, Webhook, bell, play_sound, run_command
from facetrack.sinks.alarms.rule import PAUSE_S, Alarm, Rule, parse_kinds
from facetrack.sinks.alarms.sink import AlarmSink

__all__ = [
    "PAUSE_S",
    "Action",
    "Alarm",
    "AlarmSink",
    "Rule",
    "Webhook",
    "bell",
    "parse_kinds",
    "play_sound",
    "run_command",
]
