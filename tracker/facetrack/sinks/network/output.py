"""Base class of the protocols."""

from __future__ import annotations

from abc import ABC, abstractmethod

from facetrack.sinks.avatar.scene import Scene
from facetrack.sinks.header import Header


class Output(ABC):
    """One protocol's way out. It takes every frame and must not wait; what is unknown in it is its own matter.

    everyone: whether it sends the other faces beside the main one.
    """

    everyone = False

    def begin(self, header: Header) -> None:  # noqa: B027  (most protocols have no use for it)
        """Take the description of the run, before the first frame."""

    @abstractmethod
    def send(self, scene: Scene) -> None:
        """Send a frame."""

    def wants_neutral(self) -> bool:
        """Whether the other side has asked for the neutral since the last call."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Say goodbye, where the protocol has a way, and free the sockets."""
