"""`facetrack devices`: which cameras answer, and at which sizes."""

from __future__ import annotations


def devices() -> None:
    """List the cameras that answer, with the sizes they give."""
    from rich.console import Console
    from rich.table import Table

    from facetrack.capture import list_devices

    console = Console()
    with console.status("asking each camera ..."):
        found = list_devices()
    if not found:
        console.print("No camera was found. Plug one in, or give `facetrack live --camera` a stream's URL.")
        return
    table = Table("camera", "name", "sizes", "fps")
    for device in found:
        sizes = ", ".join(f"{w}x{h}" for w, h in device.sizes)
        table.add_row(device.name, device.label or "", device.problem or sizes, f"{device.fps:g}" if device.fps else "")
    console.print(table)
