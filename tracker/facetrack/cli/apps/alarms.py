"""The options of an alarm, written once for `live` and `replay`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetrack.errors import OutputError

if TYPE_CHECKING:
    from facetrack.sinks.alarms import Action, AlarmSink

ALARM_EXIT_CODE = 4
"""Exit code of a run that an alarm ended."""


def _option(name: str, help_text: str, **more: Any) -> Any:
    return typer.Option(name, help=help_text, rich_help_panel="Alarms", **more)


_KINDS_HELP = "Go off when one begins: drowsy,distraction,microsleep, or other events."
Kinds = Annotated[str | None, _option("--alarm", _KINDS_HELP, metavar="KINDS")]
Command = Annotated[str | None, _option("--alarm-command", "Run this program; FACETRACK_ALARM is the kind.")]
Sound = Annotated[str | None, _option("--alarm-sound", "Play this sound file; bell is the terminal's.")]
Hook = Annotated[str | None, _option("--alarm-webhook", "Post the alarm as JSON to a URL.", metavar="URL")]
Exit = Annotated[bool, _option("--alarm-exit", "End the run with exit code 4.")]
Pause = Annotated[float, _option("--alarm-pause", "Least time between two alarms, s.", min=0.0)]


@dataclass(frozen=True, slots=True)
class Alarms:
    """What goes off, and how; without an action the terminal's bell rings. No certified driver monitoring."""

    alarm: Kinds = None
    alarm_command: Command = None
    alarm_sound: Sound = None
    alarm_webhook: Hook = None
    alarm_exit: Exit = False
    alarm_pause: Pause = 10.0

    def open(self, stack: ExitStack) -> AlarmSink | None:
        """Open the alarm; None without one. Raises OutputError for a bad value."""
        from facetrack.sinks.alarms import AlarmSink, Rule, Webhook, bell, parse_kinds, play_sound, run_command

        if self.alarm is None:
            if self.alarm_command or self.alarm_sound or self.alarm_webhook or self.alarm_exit:
                raise OutputError("an alarm's action is given without its kinds; add --alarm drowsy,microsleep")
            return None
        rule = Rule(parse_kinds(self.alarm), self.alarm_pause)
        actions: list[Action] = []
        if self.alarm_command is not None:
            actions.append(run_command(self.alarm_command))
        if self.alarm_sound is not None:
            actions.append(play_sound(self.alarm_sound))
        if self.alarm_webhook is not None:
            actions.append(Webhook(self.alarm_webhook))
        if not actions and not self.alarm_exit:
            actions.append(bell)
        return stack.enter_context(AlarmSink(rule, actions, ends=self.alarm_exit))


def exit_after(alarm: AlarmSink | None) -> None:
    """End the command with ALARM_EXIT_CODE if the alarm ended the run."""
    if alarm is not None and alarm.closed:
        raise typer.Exit(ALARM_EXIT_CODE)
