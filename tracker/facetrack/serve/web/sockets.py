"""WebSocket of results: `/ws`. One message a frame, the newest one; events in their order, between frames."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any

from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from facetrack.serve.camera import ServedCamera
from facetrack.serve.web.api import camera_of, service_of, width_of
from facetrack.serve.web.limits import MAX_BODY, SEND_S, Rate, TooManyError
from facetrack.serve.web.messages import (
    EVENTS,
    FRAME_TOPICS,
    PICTURE,
    STATE,
    USUAL_TOPICS,
    as_json,
    event_message,
    frame_message,
    frame_text,
    hello,
    parse_topics,
)

STATE_EVERY_S, STATE_IN_CALIBRATION_EVERY_S = 1.0, 0.2
FORMATS = ("json", "msgpack")


class Refused(Exception):  # noqa: N818  (not an error of this program)
    """End of a connection by this side. code: of the closing frame (RFC 6455, 7.4.1)."""

    MALFORMED, POLICY, TOO_BIG, FAILED, LATER = 1007, 1008, 1009, 1011, 1013

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class ResultSender:
    """Sends one client a camera's results. topics: may change on the way. state: of the camera, for that topic."""

    def __init__(
        self, socket: WebSocket, camera: ServedCamera, topics: tuple[str, ...], width: int = 0, rate: float = 0.0,
        packed: bool = False,
    ) -> None:  # fmt: skip
        self.topics = topics
        self._socket, self._camera, self._width, self._packed = socket, camera, width, packed
        self._interval_s = 1.0 / rate if rate else 0.0
        self._greeted, self._state_s = -1, -STATE_EVERY_S

    async def run(self) -> None:
        """Send until the client has gone. Raises Refused for one that takes nothing."""
        feed = self._camera.feed
        place = feed.open_place()
        try:
            while True:
                result, events = await place.take(STATE_EVERY_S)
                if self._greeted != feed.runs:
                    self._greeted = feed.runs
                    await self._send(hello(feed, self.topics))
                for event in events if EVENTS in self.topics else ():
                    await self._send(event_message(feed, event, place.missed))
                now_s = time.monotonic()
                if STATE in self.topics and now_s - self._state_s >= self._state_every_s:
                    self._state_s = now_s
                    await self._send({"type": "state", **self._camera.to_json()})
                if result is not None and any(topic in FRAME_TOPICS for topic in self.topics):
                    await self._send_frame(result)
                    await asyncio.sleep(max(0.0, now_s + self._interval_s - time.monotonic()))
        finally:
            feed.close_place(place)

    @property
    def _state_every_s(self) -> float:
        return STATE_IN_CALIBRATION_EVERY_S if self._camera.calibration.standing.goes_on else STATE_EVERY_S

    async def _send_frame(self, result: Any) -> None:
        feed, topics = self._camera.feed, self.topics
        picture = await result.jpeg(self._width) if PICTURE in topics else None
        if self._packed:
            message = frame_message(feed, result, topics)
            await self._send(message if picture is None else {**message, "jpeg": picture})
            return
        await self._timed(self._socket.send_text(frame_text(feed, result, topics)))
        if picture is not None:
            await self._timed(self._socket.send_bytes(picture))

    async def _send(self, message: dict[str, Any]) -> None:
        if self._packed:
            import msgpack

            await self._timed(self._socket.send_bytes(msgpack.packb(message)))
        else:
            await self._timed(self._socket.send_text(as_json(message)))

    async def _timed(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await sending
        except TimeoutError as error:
            raise Refused(Refused.POLICY, f"nothing was taken for {SEND_S:.0f} s") from error


async def results(socket: WebSocket) -> None:
    """Serve one client of `/ws`."""
    try:
        sender = _wanted(socket)
    except (HTTPException, ValueError) as error:
        await socket.accept()
        await socket.close(Refused.POLICY, _short(getattr(error, "detail", None) or str(error)))
        return
    await socket.accept()
    try:
        with service_of(socket).clients.one("websocket"):
            await first_of(socket, sender.run(), _receive(socket, sender))
    except TooManyError:
        await close(socket, Refused(Refused.LATER, "too many clients; close some and try again"))


def _wanted(socket: WebSocket) -> ResultSender:
    camera, query = camera_of(socket), socket.query_params
    topics = parse_topics(query["topics"]) if "topics" in query else USUAL_TOPICS
    rate, form = query.get("rate", "0"), query.get("format", "json")
    if not rate.isdecimal() or not rate.isascii() or int(rate[:4]) > 60:
        raise ValueError(f"rate is '{rate[:40]}'; expected messages a second up to 60, or 0 for every frame")
    if form not in FORMATS:
        raise ValueError(f"format is '{form[:40]}'; expected json or msgpack")
    return ResultSender(socket, camera, topics, width_of(socket), float(rate), form == "msgpack")


async def _receive(socket: WebSocket, sender: ResultSender) -> None:
    """Take the client's wishes: {"topics": ["points", "events"]}."""
    rate = Rate(5.0, 20.0)
    while True:
        wanted = read_command(await socket.receive(), rate)
        if set(wanted) != {"topics"}:
            raise Refused(Refused.POLICY, 'expected {"topics": [..]}')
        set_topics(sender, wanted)


def set_topics(sender: ResultSender, wanted: dict[str, Any]) -> None:
    """Change a client's topics. Raises Refused."""
    names = wanted["topics"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refused(Refused.POLICY, "expected a list of topics")
    try:
        sender.topics = parse_topics(",".join(names))
    except ValueError as error:
        raise Refused(Refused.POLICY, str(error)) from error


def read_command(message: Any, rate: Rate) -> dict[str, Any]:
    """Read a client's JSON object. Raises Refused, and WebSocketDisconnect at the end."""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    if text is None:
        raise Refused(1003, "expected text")
    if not rate.allows():
        raise Refused(Refused.POLICY, "too many messages")
    if len(text) > MAX_BODY:
        raise Refused(Refused.TOO_BIG, f"expected {MAX_BODY} characters at most")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(Refused.MALFORMED, "expected JSON") from error
    if not isinstance(found, dict):
        raise Refused(Refused.MALFORMED, "expected a JSON object")
    return found


async def first_of(socket: WebSocket, *parts: Coroutine[Any, Any, None]) -> None:
    """Run coroutines until the first one ends, then end the others and the connection."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        error = task.exception()
        if isinstance(error, Refused):
            await close(socket, error)
            return
        if error is not None and not is_gone(error):
            raise error
    await close(socket, Refused(1000, ""))


def is_gone(error: BaseException) -> bool:
    """Whether an error says that the other side has gone."""
    return isinstance(error, WebSocketDisconnect | OSError) or type(error).__name__ == "ClientDisconnected"


async def close(socket: WebSocket, why: Refused) -> None:
    """Close a connection that may be closed already."""
    if socket.client_state == WebSocketState.CONNECTED and socket.application_state == WebSocketState.CONNECTED:
        with suppress(Exception):  # it may go in this moment
            async with asyncio.timeout(SEND_S):
                await socket.close(why.code, _short(why.reason))


def _short(reason: str) -> str:
    """Return what fits into a closing frame: 123 bytes."""
    return reason.encode()[:120].decode("utf-8", "ignore")
