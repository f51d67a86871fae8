"""What clients may change, with the same words by HTTP and by a browser camera's WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from facetrack.serve.camera import ENGINES, ServedCamera, engines
from facetrack.serve.web.service import Service
from facetrack.smoothing.landmarks import SMOOTHING

ACTIONS = ("neutral", "start", "stop")


async def change_settings(service: Service, camera: ServedCamera, wanted: Mapping[str, Any]) -> None:
    """Change smoothing and engine, or nothing at all.

    Raises HTTPException 400 for another key or value, 409 for an engine that is not installed.
    """
    if not wanted or not set(wanted) <= {"smoothing", "engine"}:
        raise HTTPException(400, "expected smoothing, engine, or both")
    if "smoothing" in wanted:
        _check("smoothing", wanted["smoothing"], tuple(SMOOTHING))
    if "engine" in wanted:
        _check("engine", wanted["engine"], tuple(ENGINES))
        if wanted["engine"] not in engines():
            raise HTTPException(
                409, f"engine {wanted['engine']} is not installed; expected one of {', '.join(engines())}"
            )
        if wanted["engine"] != camera.engine:
            await asyncio.to_thread(service.set_engine, camera, wanted["engine"])
    if "smoothing" in wanted:
        camera.set_smoothing(wanted["smoothing"])


def calibrate(camera: ServedCamera, wanted: Mapping[str, Any]) -> None:
    """Take the neutral, or start or stop a calibration. Raises HTTPException 400, and 409 without a face."""
    if set(wanted) != {"action"}:
        raise HTTPException(400, f"expected action: {', '.join(ACTIONS)}")
    _check("action", wanted["action"], ACTIONS)
    if wanted["action"] == "start":
        camera.loop.call_soon(camera.calibration.ask)
    elif wanted["action"] == "stop":
        camera.loop.call_soon(camera.calibration.stop)
    elif not camera.take_neutral():
        raise HTTPException(409, "no face is seen, so there is no neutral to take; look at the camera and try again")


def _check(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise HTTPException(400, f"{name} is {str(value)[:40]!r}; expected one of {', '.join(choices)}")
