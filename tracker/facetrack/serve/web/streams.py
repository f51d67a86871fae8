"""Routes that go on and on by HTTP: server-sent events and motion JPEG."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from facetrack.serve.feed import Feed
from facetrack.serve.web.api import camera_of, flag_of, service_of, width_of
from facetrack.serve.web.limits import Clients, TooManyError
from facetrack.serve.web.messages import event_message

HEARTBEAT_S = 15.0
"""Interval of a comment that keeps proxies from closing a quiet stream."""
BOUNDARY = b"--frame\r\n"


async def events(request: Request) -> Response:
    """Stream a camera's events as server-sent events."""
    feed = camera_of(request).feed
    return StreamingResponse(
        await _begun(_events(feed, service_of(request).clients)), media_type="text/event-stream"
    )  # fmt: skip


async def _events(feed: Feed, clients: Clients) -> AsyncIterator[bytes]:
    with clients.one("events"):
        place = feed.open_place(frames=False)
        try:
            yield b": events of facetrack\n\n"
            while True:
                _, found = await place.take(HEARTBEAT_S)
                if not found:
                    yield b": still here\n\n"
                for event in found:
                    data = json.dumps(event_message(feed, event, place.missed), separators=(",", ":"))
                    yield f"event: {event.kind}\ndata: {data}\n\n".encode()
        finally:
            feed.close_place(place)


async def mjpeg(request: Request) -> Response:
    """Stream a camera's pictures as motion JPEG."""
    feed = camera_of(request).feed
    pictures = _pictures(feed, service_of(request).clients, width_of(request), flag_of(request, "points"))
    return StreamingResponse(await _begun(pictures), media_type="multipart/x-mixed-replace; boundary=frame")


async def _pictures(feed: Feed, clients: Clients, width: int, with_points: bool) -> AsyncIterator[bytes]:
    with clients.one("mjpeg"):
        place = feed.open_place()
        try:
            yield BOUNDARY
            while True:
                result, _ = await place.take(HEARTBEAT_S)
                if result is not None:
                    data = await result.jpeg(width, with_points)
                    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
                    yield head + data + b"\r\n" + BOUNDARY  # the boundary that ends it, so that it is shown at once
        finally:
            feed.close_place(place)


async def _begun(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Take the first part, so that a refusal comes before the response's head. Raises HTTPException 503."""
    try:
        first = await anext(parts)
    except TooManyError as error:
        raise HTTPException(503, "too many clients; close some and try again") from error
    return _chained(first, parts)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for part in rest:
            yield part
    finally:
        await rest.aclose()  # type: ignore[attr-defined]
