"""The browser's own camera: `/ws/camera` takes JPEG pictures, one in flight, and answers with what is in them.

A binary message is the time of the capture in milliseconds on the page's clock (float64, big-endian), then the JPEG.
"""

from __future__ import annotations

import asyncio
import math
import struct
import threading
import time
from typing import Any

import cv2
import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from facetrack.capture import Camera
from facetrack.capture.picture_size import stated_size
from facetrack.errors import FacetrackError, SourceError
from facetrack.serve.camera import ServedCamera
from facetrack.serve.web.api import service_of
from facetrack.serve.web.commands import calibrate, change_settings
from facetrack.serve.web.limits import MAX_JPEG, MAX_PICTURE_PX, Rate, TooManyError
from facetrack.serve.web.messages import EVENTS, POINTS, POSE, SIGNALS, STATE, as_json
from facetrack.serve.web.service import Service
from facetrack.serve.web.sockets import Refused, ResultSender, close, first_of, read_command
from facetrack.types import Image

TOPICS = (POINTS, POSE, SIGNALS, EVENTS, STATE)
CLOCK_BYTES = 8
OLDEST_S = 2.0
"""Age of a picture by the page's clock beyond which that clock was changed."""
PICTURES_PER_S = 120.0


class BrowserGrabber:
    """What the thread of a `Camera` reads from: the newest picture that came.

    Times are the page's, brought to time.perf_counter() by the shortest way that a picture has had so far, so that the
    network's delays are not taken for the face's movements.
    """

    fps: float | None = None

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: tuple[bytes, float] | None = None
        self._closed = False
        self._offset_s = math.inf

    def put(self, message: bytes) -> None:
        """Take a message. Raises Refused for one that is no picture of a sane size."""
        if len(message) > MAX_JPEG:
            raise Refused(Refused.TOO_BIG, f"expected {MAX_JPEG} bytes at most")
        jpeg = message[CLOCK_BYTES:]
        size = stated_size(jpeg) if jpeg.startswith(b"\xff\xd8") else None
        if size is None:
            raise Refused(Refused.MALFORMED, "expected a time and a JPEG")
        if not 0 < size[0] * size[1] <= MAX_PICTURE_PX:
            raise Refused(Refused.TOO_BIG, f"the picture is {size[0]}x{size[1]}; expected {MAX_PICTURE_PX} px at most")
        captured_s = self._captured_s(struct.unpack_from(">d", message)[0] / 1000.0)
        with self._changed:
            self._newest = jpeg, captured_s
            self._changed.notify()

    def _captured_s(self, page_s: float) -> float:
        """Return the time.perf_counter() of a capture. Raises Refused for what is no time."""
        if not math.isfinite(page_s):
            raise Refused(Refused.MALFORMED, "expected a time and a JPEG")
        now_s = time.perf_counter()
        self._offset_s = min(self._offset_s, now_s - page_s)
        if now_s - page_s - self._offset_s > OLDEST_S:
            self._offset_s = now_s - page_s
        return page_s + self._offset_s

    def read(self) -> tuple[Image, float] | None:
        """Wait for the next picture; None at the end. Raises SourceError for a broken one."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._closed)
            found, self._newest = self._newest, None
        if found is None:
            return None
        image = cv2.imdecode(np.frombuffer(found[0], np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise SourceError("the picture is broken; expected a JPEG")
        return image, found[1]  # type: ignore[return-value]

    def close(self) -> None:
        """End the reader."""
        with self._changed:
            self._closed = True
            self._changed.notify()


async def browser_camera(socket: WebSocket) -> None:
    """Serve one client of `/ws/camera`, with a tracker of its own."""
    service = service_of(socket)
    await socket.accept()
    try:
        with service.clients.one("browser_camera"):
            await _Session(socket, service).run()
    except TooManyError:
        limit = service.clients.browser_cameras
        reason = "this server takes no browser's camera" if not limit else f"all {limit} places for cameras are taken"
        await close(socket, Refused(Refused.LATER, reason))


class _Session:
    """One browser's camera, from the tracker's start to the connection's end."""

    def __init__(self, socket: WebSocket, service: Service) -> None:
        self._socket, self._service = socket, service
        self._grabber = BrowserGrabber()
        self._camera: ServedCamera | None = None
        self._ended = asyncio.Event()
        self._pictures, self._commands = Rate(PICTURES_PER_S, PICTURES_PER_S), Rate(5.0, 20.0)

    async def run(self) -> None:
        """Build the tracker, say that pictures may come, and answer them until the end."""
        tracker = await asyncio.to_thread(self._service.build, self._service.engine)
        await self._socket.send_text(as_json({"type": "ready", "max_bytes": MAX_JPEG, "max_pixels": MAX_PICTURE_PX}))
        opening = asyncio.create_task(asyncio.to_thread(Camera, "browser", grabber=self._grabber))
        try:
            await first_of(self._socket, self._receive(), self._answer(opening, tracker))
        finally:
            self._grabber.close()
            if self._camera is not None:
                await asyncio.to_thread(self._end, self._camera)

    @staticmethod
    def _end(camera: ServedCamera) -> None:
        camera.stop()
        camera.join()

    async def _answer(self, opening: asyncio.Task[Camera], tracker: Any) -> None:
        try:
            source = await asyncio.shield(opening)
        except FacetrackError as error:
            raise Refused(Refused.MALFORMED, str(error)) from error
        running = asyncio.get_running_loop()

        def end() -> None:
            running.call_soon_threadsafe(self._ended.set)

        self._camera = self._service.follow_browser(source, tracker, end)
        sending = asyncio.create_task(ResultSender(self._socket, self._camera, TOPICS).run())
        ending = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({sending, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, ending):
                task.cancel()
        if sending.done() and not sending.cancelled() and (failure := sending.exception()) is not None:
            raise failure
        raise Refused(Refused.MALFORMED if self._camera.error else 1000, self._camera.problem)

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            if message.get("bytes") is None:
                await self._obey(read_command(message, self._commands))
            elif self._pictures.allows():
                self._grabber.put(message["bytes"])
            else:
                raise Refused(Refused.POLICY, f"expected {PICTURES_PER_S:.0f} pictures a second at most")

    async def _obey(self, wanted: dict[str, Any]) -> None:
        """Do what a text message asks for, in the words of /api/settings and /api/calibrate."""
        from starlette.exceptions import HTTPException

        if self._camera is None:
            return
        try:
            if "action" in wanted:
                calibrate(self._camera, wanted)
            else:
                await change_settings(self._service, self._camera, wanted)
        except HTTPException as error:
            await self._socket.send_text(as_json({"type": "error", "error": error.detail}))
