"""`facetrack serve`: the web server with its dashboard, beside the live loop of each camera."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetrack.cli.apps.alarms import Alarms, exit_after
from facetrack.cli.apps.options import Apps
from facetrack.cli.extras import need_server
from facetrack.cli.live import SourceOptions
from facetrack.cli.options import Records, Tracking, takes, takes_tracking
from facetrack.errors import OutputError, SourceError
from facetrack.sinks.inputs import check_outputs
from facetrack.stopping import Stopped, end_with
from facetrack.types.address import without_password

if TYPE_CHECKING:
    from facetrack.capture import Camera
    from facetrack.serve.camera import ServedCamera
    from facetrack.serve.web.guard import Access
    from facetrack.sinks.alarms import AlarmSink
    from facetrack.tracking.tracker import FaceTracker

NO_CAMERA = "none"
NAMED = re.compile(r"([A-Za-z0-9_-]{1,32})=(.+)", re.DOTALL)
SWITCH_INTERVAL_S = 0.001
"""Interval at which Python's threads take turns, a fifth of the usual one: the server must not hold up the loops."""


def _option(name: str, help_text: str, **more: Any) -> Any:
    return typer.Option(name, help=help_text, rich_help_panel="Server", **more)


Cameras = Annotated[
    list[str] | None,
    typer.Option(
        "--camera",
        help="A camera's index or device path, a stream's URL, or a file, which is played again and again; NAME=.. "
        "gives it a name. Repeatable; none: browsers' cameras only. [default: 0]",
    ),
]
Host = Annotated[str, _option("--host", "Address to listen on; another than this machine's own needs --token.")]
Port = Annotated[int, _option("--port", "Port to listen on; 0 takes a free one.", min=0, max=65535)]
_TOKEN_HELP = "Secret of 16 characters and more that clients must know, once in the page's address: ?token=.."
Token = Annotated[str, _option("--token", _TOKEN_HELP, envvar="FACETRACK_TOKEN", show_default=False)]
AllowHost = Annotated[list[str] | None, _option("--allow-host", "A further host name this server is asked for by.")]
TlsCert = Annotated[Path | None, _option("--tls-cert", "Certificate (PEM), for https.")]
TlsKey = Annotated[Path | None, _option("--tls-key", "Its private key (PEM).")]
_BROWSER_HELP = "How many browsers may send their own cameras at once, each with a tracker of its own; 0: none."
BrowserCameras = Annotated[int, _option("--browser-cameras", _BROWSER_HELP, min=0, max=16)]


@dataclass(frozen=True, slots=True)
class Web:
    """Where the server listens, and who may ask."""

    host: Host = "127.0.0.1"
    port: Port = 8000
    token: Token = ""
    allow_host: AllowHost = None
    tls_cert: TlsCert = None
    tls_key: TlsKey = None
    browser_cameras: BrowserCameras = 2

    def access(self) -> Access:
        """Return what is allowed. Raises OutputError."""
        from facetrack.serve.web.guard import Access

        certificate, key = (None if path is None else str(path) for path in (self.tls_cert, self.tls_key))
        return Access(self.host, self.port, self.token, tuple(self.allow_host or ()), certificate, key)


@takes_tracking(max_faces=4)
@takes("source_options", SourceOptions, "width", "height", "fps", "reconnect", "give_up")
@takes("web", Web)
@takes("records", Records)
@takes("apps", Apps)
@takes("alarms", Alarms)
def serve(
    tracking: Tracking,
    web: Web,
    apps: Apps,
    alarms: Alarms,
    source_options: SourceOptions,
    records: Records,
    camera: Cameras = None,
    mirror: Annotated[bool, typer.Option(help="Mirror what avatars get (JSON and CSV are not mirrored).")] = False,
) -> None:
    """Serve a dashboard, and results by WebSocket and HTTP, to this machine alone unless asked for more.

    Only the newest frame is processed, and the newest result sent: a slow client costs nobody anything. Ctrl-C is the
    regular end.
    """
    need_server()
    from rich.console import Console

    from facetrack.serve.web.limits import Clients
    from facetrack.serve.web.server import WebServer, listen
    from facetrack.serve.web.service import Service

    addresses = camera_addresses(camera or ["0"])
    inputs = (*addresses.values(), *tracking.files)
    check_outputs(records.files, inputs=inputs)
    if len(addresses) != 1 and (any(records.files) or apps.asked_for or alarms.alarm is not None):
        raise OutputError("--json, --csv, --alarm and the protocols of other programs follow one camera; give one")
    say = partial(Console(stderr=True).print, highlight=False, markup=False, soft_wrap=True)
    access = web.access()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with ExitStack() as stack:
        listening, access = listen(access)
        stack.callback(listening.close)
        run = _Run(stack, tracking, source_options, say)
        for name, address in addresses.items():
            run.open(name, address, list(records.open(inputs, live=True)), apps, alarms, mirror)
        service = Service(run.cameras, Clients(web.browser_cameras), run.build, run.reopen, tracking.engine,
                          addresses)  # fmt: skip
        stack.enter_context(WebServer(service, access, listening))
        _announce(access, addresses, say)
        end_with(0)
        run.follow()
    run.report()


def camera_addresses(words: list[str]) -> dict[str, str]:
    """Return each camera's address by its name; `none` is no camera. Raises SourceError for two of one name."""
    if words == [NO_CAMERA]:
        return {}
    found: dict[str, str] = {}
    for word in words:
        match = NAMED.fullmatch(word)
        name, address = (match[1], match[2]) if match else (f"camera{len(found) + 1}" if found else "camera", word)
        if name in found or address == NO_CAMERA:
            raise SourceError(f"--camera is '{without_password(word)}'; expected names that differ, or none alone")
        found[name] = address
    return found


def _announce(access: Access, addresses: Mapping[str, str], say: Callable[[str], None]) -> None:
    for name, address in addresses.items():
        say(f"following {name}: {without_password(address)}")
    known = "?token=.. with your token" if access.token else "no token, as only this machine can reach it"
    say(f"dashboard: {access.url} ({known}); Ctrl-C stops")
    if not access.is_local and access.certificate is None:
        say("plain http: others in the network can read what is sent, and browsers there do not give their cameras; "
            "--tls-cert and --tls-key change both")  # fmt: skip


class _Run:
    """The cameras of a run. cameras: by name."""

    def __init__(
        self, stack: ExitStack, tracking: Tracking, source_options: SourceOptions, say: Callable[[str], None]
    ) -> None:
        self.cameras: dict[str, ServedCamera] = {}
        self._stack, self._tracking, self._source_options, self._say = stack, tracking, source_options, say
        self._alarm: AlarmSink | None = None
        self._ended = threading.Event()

    def build(self, engine: str) -> FaceTracker:
        """Make a tracker on the engine of that name."""
        return replace(self._tracking, engine=engine).tracker()

    def reopen(self, address: str) -> Camera:
        """Open a camera, or play a file as one. Raises SourceError."""
        from facetrack.capture import Camera
        from facetrack.capture.source import is_camera
        from facetrack.serve.played import PlayedFile

        if not is_camera(address):
            return Camera(address, grabber=PlayedFile(address))
        options = self._source_options
        return Camera(address, width=options.width, height=options.height, fps=options.fps)

    def open(
        self, name: str, address: str, records: list[Any], apps: Apps, alarms: Alarms, mirror: bool
    ) -> None:  # fmt: skip
        """Open a camera with its tracker and outputs. Raises FacetrackError."""
        from facetrack.capture import ReconnectingCamera
        from facetrack.loops.outputs import Output
        from facetrack.serve.camera import Parts, ServedCamera

        outputs = [self._stack.enter_context(Output(sink, name)) for name, sink in records]
        tracker = self._tracking.tracker()
        broadcast, self._alarm = apps.open(self._stack, mirror=mirror), alarms.open(self._stack)
        options = self._source_options
        source = ReconnectingCamera(
            self.reopen(address), lambda: self.reopen(address), options.give_up if options.reconnect else 0.0, self._say
        )
        self._stack.enter_context(source)
        senders = [sink for sink in (broadcast, self._alarm) if sink is not None]
        parts = Parts(name, address, source, tracker, self.build, self._tracking.engine, outputs, senders, broadcast)
        self.cameras[name] = ServedCamera(parts, self._check)

    def _check(self) -> None:
        """End the run when the last camera has."""
        if all(camera.state in ("ended", "failed") for camera in self.cameras.values()):
            self._ended.set()

    def follow(self) -> None:
        """Follow the cameras until a signal comes, or the last one has ended."""
        for camera in self.cameras.values():
            camera.start()
        try:
            self._ended.wait()
        except Stopped:
            pass
        finally:
            for camera in self.cameras.values():
                camera.stop()
            for camera in self.cameras.values():
                camera.join()

    def report(self) -> None:
        """Say what became of the cameras and outputs, and exit accordingly."""
        from facetrack.loops.outputs import problems

        consumers = [consumer for camera in self.cameras.values() for consumer in camera.loop.consumers]
        for camera in self.cameras.values():
            self._say(f"{camera.name}: {camera.loop.summary()}")
        for sentence in problems(consumers):
            self._say(f"facetrack: {sentence}")
        for camera in self.cameras.values():
            if camera.error is not None:
                raise camera.error
        if any(consumer.error is not None for consumer in consumers):
            raise typer.Exit(OutputError.exit_code)
        exit_after(self._alarm)
