"""The web server in a thread of its own; signals stay with the main thread (`facetrack.stopping`)."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

import uvicorn

from facetrack.errors import OutputError
from facetrack.serve.web.app import make_app
from facetrack.serve.web.guard import Access
from facetrack.serve.web.limits import MAX_CONNECTIONS, MAX_JPEG, STALLED_S
from facetrack.serve.web.service import Service

STOP_S = 0.4
"""Longest wait for the thread at the end; with a signal, the process ends after .8 s in any case."""


def listen(access: Access) -> tuple[socket.socket, Access]:
    """Open the listening socket; returns it with the port that it has, for port 0. Raises OutputError."""
    family = socket.AF_INET6 if ":" in access.host else socket.AF_INET
    try:
        found = socket.create_server((access.host, access.port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"cannot listen on {access.host} port {access.port} ({reason}); end what uses that port, or give another "
            "--port"
        ) from error
    with suppress(AttributeError, OSError):  # connections take it over; it ends those that take nothing, on Linux
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * STALLED_S)
    return found, replace(access, port=found.getsockname()[1])


class WebServer:
    """A context manager that serves while it is open. Raises OutputError for an unreadable certificate."""

    def __init__(self, service: Service, access: Access, listening: socket.socket) -> None:
        self._listening = listening
        config = uvicorn.Config(
            make_app(service, access), log_config=None, access_log=False, proxy_headers=False, server_header=False,
            lifespan="off", http="h11", ws="websockets-sansio", ws_max_size=MAX_JPEG, ws_per_message_deflate=False,
            ws_ping_interval=20.0, ws_ping_timeout=20.0, limit_concurrency=MAX_CONNECTIONS, timeout_keep_alive=10,
            timeout_graceful_shutdown=0, ssl_certfile=access.certificate, ssl_keyfile=access.key,
        )  # fmt: skip
        try:
            config.load()
        except (OSError, ValueError) as error:
            listening.close()
            raise OutputError(
                f"--tls-cert {access.certificate} with --tls-key {access.key} cannot be used ({error}); give a "
                "certificate and its key in PEM"
            ) from error
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="facetrack serve", daemon=True)

    def _run(self) -> None:
        self._server.run([self._listening])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_S)
        self._listening.close()
