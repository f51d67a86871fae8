"""The routes, in one table."""

from __future__ import annotations

import json
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from facetrack import __version__
from facetrack.serve.web import api, streams
from facetrack.serve.web.browser import browser_camera
from facetrack.serve.web.guard import Access, Guard
from facetrack.serve.web.metrics import metrics
from facetrack.serve.web.service import Service
from facetrack.serve.web.sockets import results

STATIC = Path(__file__).with_name("static")
OPENAPI_FILE = Path(__file__).with_name("openapi.json")


async def dashboard(request: Request) -> Response:
    """Answer with the dashboard."""
    return FileResponse(STATIC / "index.html")


async def overlay(request: Request) -> Response:
    """Answer with the page for OBS."""
    return FileResponse(STATIC / "overlay.html")


async def openapi(request: Request) -> Response:
    """Answer with the description of all routes."""
    found = json.loads(OPENAPI_FILE.read_text(encoding="utf-8"))
    found["info"]["version"] = __version__
    return JSONResponse(found)


def routes() -> list[BaseRoute]:
    """Return all routes."""
    return [
        Route("/", dashboard, methods=["GET"]),
        Route("/overlay", overlay, methods=["GET"]),
        Route("/api/state", api.state, methods=["GET"]),
        Route("/api/cameras", api.cameras, methods=["GET", "POST"]),
        Route("/api/settings", api.settings, methods=["GET", "POST"]),
        Route("/api/calibrate", api.calibration, methods=["GET", "POST"]),
        Route("/snapshot.jpg", api.snapshot, methods=["GET"]),
        Route("/stream.mjpg", streams.mjpeg, methods=["GET"]),
        Route("/events", streams.events, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/openapi.json", openapi, methods=["GET"]),
        WebSocketRoute("/ws", results),
        WebSocketRoute("/ws/camera", browser_camera),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "the server failed; its console says how"}, status_code=500)


def make_app(service: Service, access: Access) -> Guard:
    """Return the ASGI application."""
    app = Starlette(routes=routes(), exception_handlers={HTTPException: _refused, 500: _failed})
    app.router.redirect_slashes = False
    app.state.service = service
    return Guard(app, access)
