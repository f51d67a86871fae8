"""The options by which `live` and `replay` send results to other programs, one for each protocol, written once."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetrack.errors import OutputError
from facetrack.sinks.avatar.angles import AXES, FLIPPABLE

if TYPE_CHECKING:
    from facetrack.sinks.network import Broadcast, Output


PANEL = "Other programs"


def _option(name: str, help_text: str, **more: Any) -> Any:
    return typer.Option(name, help=help_text, rich_help_panel=PANEL, **more)


def _address(name: str, help_text: str) -> Any:
    return _option(name, help_text, metavar="HOST:PORT")


Osf = Annotated[str | None, _address("--osf", "Send OpenSeeFace's packets (VSeeFace, Unity); default: port 11573.")]
Vmc = Annotated[str | None, _address("--vmc", "Send the VMC protocol over OSC (VSeeFace, Warudo); default: 39540.")]
VmcNoBundle = Annotated[bool, _option("--vmc-no-bundle", "Send each VMC message in a packet of its own.")]
IFacialMocap = Annotated[str | None, _address("--ifacialmocap", "Send iFacialMocap's packets; default: 49983.")]
IFacialMocapVersion = Annotated[str, _option("--ifacialmocap-version", "v1, which all read, or v2.")]
LiveLink = Annotated[str | None, _address("--livelink", "Send Live Link Face's packets (Unreal); default: 11111.")]
Vts = Annotated[str | None, _address("--vts", "Send to VTube Studio's plugin API; default: localhost:8001.")]
VtsPhone = Annotated[str | None, _address("--vts-phone", "Answer as VTube Studio's phone; default: port 21412.")]
Opentrack = Annotated[str | None, _address("--opentrack", "Send to opentrack's input UDP over network; default: 4242.")]
_MQTT_HELP = "Publish to a broker, with Home Assistant's discovery: mqtt://host, mqtt://user:password@host:1883/name."
Mqtt = Annotated[str | None, _option("--mqtt", _MQTT_HELP, metavar="URL", envvar="FACETRACK_MQTT")]
_LSL_HELP = "Stream over the Lab Streaming Layer; default: facetrack."
Lsl = Annotated[str | None, _option("--lsl", _LSL_HELP, metavar="NAME")]
Control = Annotated[str | None, _address("--control", "Listen for `facetrack neutral`; default: port 39541.")]
_CAMERA_HELP = "Show the annotated picture as a camera that other programs can choose; default: any."
VirtualCamera = Annotated[str | None, _option("--virtual-camera", _CAMERA_HELP, metavar="DEVICE")]
MainFace = Annotated[str, _option("--face", "Face of protocols for one face: largest, longest or an ID.")]
_FLIP_HELP = "Change the sign of head angles, such as livelink:yaw,roll; repeatable."
Flip = Annotated[list[str] | None, _option("--flip", _FLIP_HELP, metavar="PROTOCOL:AXES")]


@dataclass(frozen=True, slots=True)
class Apps:
    """Where results go besides files; nothing is sent that was not asked for."""

    osf: Osf = None
    vmc: Vmc = None
    vmc_no_bundle: VmcNoBundle = False
    ifacialmocap: IFacialMocap = None
    ifacialmocap_version: IFacialMocapVersion = "v1"
    livelink: LiveLink = None
    vts: Vts = None
    vts_phone: VtsPhone = None
    opentrack: Opentrack = None
    mqtt: Mqtt = None
    lsl: Lsl = None
    control: Control = None
    face: MainFace = "longest"
    flip: Flip = None

    @property
    def asked_for(self) -> bool:
        """Whether anything is sent in real time."""
        return any(value is not None for name, value in self._values() if name in CLASSES)

    def _values(self) -> list[tuple[str, Any]]:
        return [(item.name, getattr(self, item.name)) for item in fields(self)]

    def open(self, stack: ExitStack, *, mirror: bool) -> Broadcast | None:
        """Open the protocols asked for; None without any. The stack closes them. Raises FacetrackError."""
        from facetrack.sinks.avatar.choice import FaceChoice
        from facetrack.sinks.network import Broadcast

        choice, flips = FaceChoice(self.face), self._flips()
        outputs: list[Output] = []
        with ExitStack() as opened:
            for name in CLASSES:
                address = getattr(self, name)
                if address is not None:
                    outputs.append(_open(name, address, self, flips.get(name, frozenset())))
                    opened.callback(outputs[-1].close)
            opened.pop_all()
        return stack.enter_context(Broadcast(outputs, choice, mirror=mirror)) if outputs else None

    def _flips(self) -> dict[str, frozenset[str]]:
        found = {}
        for text in self.flip or ():
            protocol, _, axes = text.replace("-", "_").partition(":")
            names = frozenset(axes.split(","))
            if protocol not in FLIPPABLE or not names <= set(AXES):
                raise OutputError(
                    f"--flip is '{text}'; expected {', '.join(FLIPPABLE)}, a colon and some of {', '.join(AXES)}: "
                    "livelink:yaw,roll"
                )
            found[protocol] = names
        return found


CLASSES = {
    "osf": "osf:OsfOutput",
    "vmc": "vmc:VmcOutput",
    "ifacialmocap": "ifacialmocap:IFacialMocapOutput",
    "livelink": "livelink:LiveLinkOutput",
    "vts": "vts:VtsOutput",
    "vts_phone": "vts_phone:VtsPhoneOutput",
    "opentrack": "opentrack:OpentrackOutput",
    "mqtt": "mqtt:MqttOutput",
    "lsl": "lsl:LslOutput",
    "control": "control:ControlInput",
}
"""Module and class behind each option that opens a protocol."""


def _open(name: str, address: str, apps: Apps, flip: frozenset[str]) -> Output:
    """Open one protocol; its module is imported when it is asked for."""
    module, _, kind = CLASSES[name].partition(":")
    more: dict[str, Any] = {"flip": flip} if name in FLIPPABLE else {}
    if name == "vmc":
        more["bundle"] = not apps.vmc_no_bundle
    if name == "ifacialmocap":
        more["version"] = apps.ifacialmocap_version
    found: Output = getattr(import_module(f"facetrack.sinks.network.{module}"), kind)(address, **more)
    return found
