"""Routes that answer at once: state, cameras, settings, calibration, a picture."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from facetrack import __version__
from facetrack.serve.camera import ServedCamera
from facetrack.serve.feed import WIDTHS
from facetrack.serve.web.commands import calibrate, change_settings
from facetrack.serve.web.limits import MAX_BODY
from facetrack.serve.web.service import Service
from facetrack.sinks.header import SCHEMA_VERSION


def service_of(request: Any) -> Service:
    """Return what the routes share."""
    found: Service = request.app.state.service
    return found


def camera_of(request: Any) -> ServedCamera:
    """Return the camera that a request names by ?camera=, the first without."""
    return service_of(request).camera(request.query_params.get("camera"))


def width_of(request: Any) -> int:
    """Return the width that a request names by ?width=, 0 without. Raises HTTPException 400."""
    text = request.query_params.get("width", "0")
    if text not in {"0", *map(str, WIDTHS)}:
        raise HTTPException(400, f"width is '{text[:40]}'; expected 0 or one of {', '.join(map(str, WIDTHS))}")
    return int(text)


def flag_of(request: Any, name: str) -> bool:
    """Return whether a request says ?name=1. Raises HTTPException 400 for anything but 0 and 1."""
    text = request.query_params.get(name, "0")
    if text not in ("0", "1"):
        raise HTTPException(400, f"{name} is '{text[:40]}'; expected 0 or 1")
    return bool(text == "1")


async def _body(request: Request) -> dict[str, Any]:
    """Read a JSON object. Raises HTTPException 413, 415, 429 and 400."""
    if not service_of(request).commands.allows():
        raise HTTPException(429, "too many commands; wait a second")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "expected a body of application/json")
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY:
            raise HTTPException(413, f"the body is too long; expected {MAX_BODY} bytes at most")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is no JSON; expected an object") from error
    if not isinstance(found, dict):
        raise HTTPException(400, "the body is no JSON object")
    return found


async def state(request: Request) -> Response:
    """Answer with the state of the server and of one camera, and its last events."""
    service = service_of(request)
    camera = camera_of(request) if service.cameras or "camera" in request.query_params else None
    return JSONResponse({
        "version": __version__, "schema": SCHEMA_VERSION, "cameras": list(service.cameras),
        "camera": None if camera is None else camera.to_json(),
        "events": [] if camera is None else list(camera.feed.log),
        "clients": {kind: count for kind, count in service.clients.counts.items() if count},
        "browser_cameras": {
            "limit": service.clients.browser_cameras, "used": service.clients.counts["browser_camera"],
        },
    })  # fmt: skip


async def cameras(request: Request) -> Response:
    """Answer with the cameras and what they can be switched to; POST switches one."""
    service = service_of(request)
    if request.method == "POST":
        wanted = await _body(request)
        name, source = wanted.pop("camera", None), wanted.pop("source", None)
        if wanted or not isinstance(source, str) or not (name is None or isinstance(name, str)):
            raise HTTPException(400, "expected source and, unless it is the first, camera")
        await asyncio.to_thread(service.switch, service.camera(name), source)
    found = [camera.to_json() for camera in service.cameras.values()]
    listed = [
        {name: item[name] for name in ("name", "source", "choice", "state", "problem", "width", "height")}
        for item in found
    ]
    return JSONResponse({"cameras": listed, "choices": service.choices()})


async def settings(request: Request) -> Response:
    """Answer with a camera's settings; POST changes them."""
    camera = camera_of(request)
    if request.method == "POST":
        await change_settings(service_of(request), camera, await _body(request))
    found = camera.to_json()
    names = ("smoothing", "smoothings", "engine", "engines", "runs_on")
    return JSONResponse({"camera": camera.name, **{name: found[name] for name in names}})


async def calibration(request: Request) -> Response:
    """Answer with the state of the calibration; POST takes the neutral, starts it or stops it."""
    camera = camera_of(request)
    if request.method == "POST":
        calibrate(camera, await _body(request))
    return JSONResponse({"camera": camera.name, **camera.calibration.to_json()})


async def snapshot(request: Request) -> Response:
    """Answer with the newest picture."""
    newest = camera_of(request).feed.newest
    width, with_points = width_of(request), flag_of(request, "points")
    if newest is None:
        raise HTTPException(503, "no picture has come yet; try again in a moment")
    return Response(await newest.jpeg(width, with_points), media_type="image/jpeg")
