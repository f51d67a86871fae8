"""What an alarm does. No action waits: programs run beside, a webhook is called by a thread."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from facetrack.errors import OutputError
from facetrack.sinks.alarms.rule import Alarm
from facetrack.sinks.transport.newest import Newest
from facetrack.types.address import without_password

Action: TypeAlias = "Callable[[Alarm], None]"
BELL = "bell"
WEBHOOK_S = 5.0
PLAYERS = (("afplay",), ("paplay",), ("pw-play",), ("aplay", "-q"), ("ffplay", "-nodisp", "-autoexit", "-v", "quiet"))
"""Programs that play a sound file, the first that is there."""


class RunProgram:
    """Starts a program, and never a second one while the first runs. Its environment says which alarm it was.

    words: the program and its arguments. option: for messages. Raises OutputError where there is no such program.
    """

    def __init__(self, words: list[str], option: str) -> None:
        if not words or shutil.which(words[0]) is None:
            raise OutputError(f"{option} is '{shlex.join(words)}'; expected a program that is there and may be run")
        self._words, self._option = words, option
        self._running: subprocess.Popen[bytes] | None = None

    def __call__(self, alarm: Alarm) -> None:
        if self._running is not None and self._running.poll() is None:
            return
        said = {
            "FACETRACK_ALARM": alarm.kind,
            "FACETRACK_ID": str(alarm.track_id),
            "FACETRACK_TIME_S": f"{alarm.time_s:.3f}",
        }
        try:
            self._running = subprocess.Popen(self._words, stdin=subprocess.DEVNULL, env=os.environ | said)
        except OSError as error:
            logging.getLogger(__name__).warning("%s cannot be run (%s)", self._option, error.strerror)


def run_command(command: str) -> Action:
    """Run a program with its arguments, quoted as in a shell; it is no shell that runs it. Raises OutputError."""
    try:
        words = split_words(command)
    except ValueError as error:
        raise OutputError(f"--alarm-command is '{command}' ({error}); close the quotation") from error
    return RunProgram(words, "--alarm-command")


def split_words(command: str) -> list[str]:
    """Split a command as a shell does; on Windows \\ is no escape but the separator of folders. Raises ValueError."""
    if sys.platform != "win32":
        return shlex.split(command)
    return [word.strip('"') for word in shlex.split(command, posix=False)]


def play_sound(path: str) -> Action:
    """Play a sound file, or ring the terminal's bell. Raises OutputError."""
    if path == BELL:
        return bell
    if not Path(path).is_file():
        raise OutputError(f"--alarm-sound is '{path}'; expected a sound file that is there, or {BELL}")
    player = next((words for words in PLAYERS if shutil.which(words[0]) is not None), None)
    if sys.platform == "win32":
        import winsound

        flags = winsound.SND_FILENAME | winsound.SND_ASYNC
        return lambda alarm: winsound.PlaySound(path, flags)
    if player is None:
        names = ", ".join(words[0] for words in PLAYERS)
        raise OutputError(f"--alarm-sound finds no program to play {path}; install one of {names}, or give {BELL}")
    return RunProgram([*player, path], "--alarm-sound")


def bell(alarm: Alarm) -> None:
    """Ring the terminal's bell."""
    sys.stderr.write("\a")
    sys.stderr.flush()


class Webhook:
    """Posts {"alarm", "id", "time_s"} as JSON to an address; a failure is logged once. Raises OutputError."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OutputError(
                f"--alarm-webhook is '{without_password(address)}'; expected an address such as http://host/path"
            )
        self._address, self._place, self._warned = address, parts.hostname, False
        self._outbox: Newest[Alarm] = Newest(self._work, "facetrack webhook")

    def __call__(self, alarm: Alarm) -> None:
        self._outbox.put(alarm)

    def close(self) -> None:
        """Wait for a call that is on its way."""
        self._outbox.close(WEBHOOK_S)

    def _work(self, outbox: Newest[Alarm]) -> None:
        while (alarm := outbox.get()) is not None:
            said = {"alarm": alarm.kind, "id": alarm.track_id, "time_s": round(alarm.time_s, 3)}
            request = urllib.request.Request(
                self._address, json.dumps(said).encode(), {"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=WEBHOOK_S):
                    pass
            except (OSError, ValueError) as error:
                if not self._warned:
                    self._warned = True
                    logging.getLogger(__name__).warning("--alarm-webhook at %s: %s", self._place, error)
