"""What the routes share: the cameras, the clients, and how further cameras and trackers are opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException

from facetrack.capture import Camera, name_devices
from facetrack.errors import FacetrackError
from facetrack.serve.camera import Parts, ServedCamera
from facetrack.serve.web.limits import Clients, Rate
from facetrack.sinks.header import source_name
from facetrack.tracking.tracker import FaceTracker


@dataclass(slots=True)
class Service:
    """The cameras by their names, in the order given, and what clients share.

    addresses: what a camera may be switched to by its name, besides the devices of this machine; clients do not see
    them, as they may hold a password. open_camera: opens one of them.
    build: makes a tracker on the engine of that name.
    """

    cameras: dict[str, ServedCamera]
    clients: Clients
    build: Callable[[str], FaceTracker]
    open_camera: Callable[[str], Camera]
    engine: str = "auto"
    addresses: Mapping[str, str] = field(default_factory=dict)
    commands: Rate = field(default_factory=lambda: Rate(5.0, 20.0))

    def camera(self, name: str | None) -> ServedCamera:
        """Return the camera of that name, the first without one. Raises HTTPException 404."""
        if name is None and self.cameras:
            return next(iter(self.cameras.values()))
        if name is None or name not in self.cameras:
            known = ", ".join(self.cameras) or "none: this server only follows browsers' cameras"
            raise HTTPException(404, f"there is no camera '{(name or '')[:40]}'; there is {known}")
        return self.cameras[name]

    def choices(self) -> list[dict[str, Any]]:
        """Return what a camera can be switched to."""
        found = {name: source_name(address) for name, address in self.addresses.items()}
        found |= {device.name: device.label or device.name for device in name_devices()}
        return [{"source": source, "label": label} for source, label in found.items()]

    def switch(self, camera: ServedCamera, source: str) -> None:
        """Go on with another source. Raises HTTPException 404 for one that is not among the choices."""
        if source not in {choice["source"] for choice in self.choices()}:
            raise HTTPException(404, f"source is '{source[:80]}'; expected one of /api/cameras")
        if not camera.can_switch:
            raise HTTPException(409, f"the camera '{camera.name}' cannot be switched")
        address = self.addresses.get(source, source)
        camera.switch(source, address, lambda: self.open_camera(address))

    def follow_browser(self, source: Camera, tracker: FaceTracker, on_end: Callable[[], None]) -> ServedCamera:
        """Follow a browser's camera in a loop of its own, which nobody else is shown."""
        camera = ServedCamera(Parts("browser", "browser", source, tracker, self.build, self.engine), on_end)
        camera.start()
        return camera

    def set_engine(self, camera: ServedCamera, engine: str) -> None:
        """Change a camera's engine. Raises HTTPException 400 where it does not open."""
        try:
            camera.set_engine(engine)
        except FacetrackError as error:
            raise HTTPException(400, str(error)) from error
