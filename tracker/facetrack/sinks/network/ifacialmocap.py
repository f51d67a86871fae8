"""iFacialMocap's UDP text, as that phone program sends it (ifacialmocap.com, for developers; several decoders)."""

from __future__ import annotations

from facetrack.errors import OutputError
from facetrack.sinks.avatar.angles import HeadAngles
from facetrack.sinks.avatar.arkit import underscored
from facetrack.sinks.avatar.looks import eyes_deg
from facetrack.sinks.avatar.scene import Actor, Scene
from facetrack.sinks.network.output import Output
from facetrack.sinks.transport.address import parse_address
from facetrack.sinks.transport.udp import UdpSender
from facetrack.types.signals import ARKIT_52

PORT = 49983
VERSIONS = {"v1": "-", "v2": "&"}
"""What stands between a name and its number."""
_NAMES = {name: underscored(name) for name in ARKIT_52}


class IFacialMocapOutput(Output):
    """The main face's blendshapes, 0..100, and its head in ARKit's axes; silent without a face, for lack of a word.

    version: "v1", which every receiver reads, or "v2". flip: the angles among pitch, yaw and roll to send with the
    other sign, since those here were derived from one recording. Raises OutputError.
    """

    def __init__(self, address: str = "default", *, version: str = "v1", flip: frozenset[str] = frozenset()) -> None:
        if version not in VERSIONS:
            raise OutputError(f"--ifacialmocap-version is '{version}'; expected v1 or v2")
        self._socket = UdpSender(parse_address(address, PORT, "--ifacialmocap"), "--ifacialmocap")
        self._between = VERSIONS[version]
        self._angles = HeadAngles.of("ifacialmocap", flip)

    def send(self, scene: Scene) -> None:
        """Send the main face."""
        if scene.main is not None and scene.main.pose is not None:
            self._socket.send(self._text(scene.main).encode("ascii"))

    def _text(self, actor: Actor) -> str:
        assert actor.pose is not None
        pose, between = actor.pose, self._between
        shapes = [f"{_NAMES[name]}{between}{round(100 * value)}|" for name, value in actor.shapes.items()]
        yaw_deg, pitch_deg, roll_deg = self._angles(pose)
        x_m, y_m, z_m = (pose.translation_mm / (1000.0, -1000.0, -1000.0)).tolist()
        head = ",".join(f"{value:.6f}" for value in (pitch_deg, yaw_deg, roll_deg, x_m, y_m, z_m))
        look = eyes_deg(actor.face)
        eyes = "0,0,0"  # eyes that are not measured look straight ahead
        if look is not None:
            yaw, pitch, _ = self._angles.signs
            eyes = f"{pitch * look[1]:.6f},{yaw * look[0]:.6f},0"
        return f"{''.join(shapes)}=head#{head}|rightEye#{eyes}|leftEye#{eyes}|"

    def close(self) -> None:
        self._socket.close()
