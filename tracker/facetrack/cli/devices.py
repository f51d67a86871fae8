"""`facetrack devices`: list of the connected cameras and their frame sizes."""

from __future__ import annotations


def devices() -> None:
    """List the connected cameras and the frame sizes they support."""
    from rich.console import Console
    from rich.table import Table

    from facetrack.capture import list_devices
    from facetrack.cli.console import show_table

    console = Console()
    with console.status("probing cameras ..."):
        cameras = list_devices()
    if not cameras:
        console.print("No camera was found. Connect one, or give `facetrack live --camera` a stream's URL.")
        return
    table = Table("camera", "name", "sizes", "fps")
    for camera in cameras:
        sizes = ", ".join(f"{w}x{h}" for w, h in camera.sizes)
        table.add_row(camera.name, camera.label or "", camera.problem or sizes, f"{camera.fps:g}" if camera.fps else "")
    show_table(console, table)
