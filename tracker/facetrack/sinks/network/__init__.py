"""Protocols that other people's programs speak, one file each; docs/apps says what to click there."""

from facetrack.sinks.network.broadcast import Broadcast
from facetrack.sinks.network.output import Output

__all__ = ["Broadcast", "Output"]
