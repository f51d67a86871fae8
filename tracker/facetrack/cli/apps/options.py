"""The options by which `live` and `replay` send results to other programs, one for each protocol, written once."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetrack.errors import OutputError

if TYPE_CHECKING:
    from facetrack.sinks.network import Broadcast, Output


def _address(name: str, help_text: str) -> Any:
    return typer.Option(name, metavar="HOST[:PORT]", help=help_text)


Osf = Annotated[str | None, _address("--osf", "Send OpenSeeFace's packets (VSeeFace, Unity); default: port 11573.")]
Vmc = Annotated[str | None, _address("--vmc", "Send the VMC protocol over OSC (VSeeFace, Warudo); default: 39540.")]
VmcNoBundle = Annotated[bool, typer.Option("--vmc-no-bundle", help="Send each VMC message in a packet of its own.")]
IFacialMocap = Annotated[str | None, _address("--ifacialmocap", "Send iFacialMocap's packets; default: 49983.")]
IFacialMocapVersion = Annotated[str, typer.Option("--ifacialmocap-version", help="v1, which all read, or v2.")]
LiveLink = Annotated[str | None, _address("--livelink", "Send Live Link Face's packets (Unreal); default: 11111.")]
Opentrack = Annotated[str | None, _address("--opentrack", "Send to opentrack's input UDP over network; default: 4242.")]
MainFace = Annotated[str, typer.Option("--face", help="Face of protocols for one face: largest, longest or an ID.")]
Flip = Annotated[
    list[str] | None,
    typer.Option(
        "--flip", metavar="PROTOCOL:AXES", help="Change the sign of head angles, such as livelink:yaw,roll; repeatable."
    ),
]
FLIPPED = ("ifacialmocap", "livelink")
AXES = ("yaw", "pitch", "roll")


@dataclass(frozen=True, slots=True)
class Apps:
    """Where results go besides files; nothing is sent that was not asked for."""

    osf: Osf = None
    vmc: Vmc = None
    vmc_no_bundle: VmcNoBundle = False
    ifacialmocap: IFacialMocap = None
    ifacialmocap_version: IFacialMocapVersion = "v1"
    livelink: LiveLink = None
    opentrack: Opentrack = None
    face: MainFace = "longest"
    flip: Flip = None

    @property
    def asked_for(self) -> bool:
        """Whether anything is sent in real time."""
        return any(value is not None for name, value in self._values() if name in PROTOCOLS)

    def _values(self) -> list[tuple[str, Any]]:
        return [(item.name, getattr(self, item.name)) for item in fields(self)]

    def open(self, stack: ExitStack, *, mirror: bool) -> Broadcast | None:
        """Open the protocols asked for; None without any. The stack closes them. Raises FacetrackError."""
        from facetrack.sinks.avatar.choice import FaceChoice
        from facetrack.sinks.network import Broadcast

        choice, flips = FaceChoice(self.face), self._flips()
        outputs: list[Output] = []
        with ExitStack() as opened:
            for name in PROTOCOLS:
                address = getattr(self, name)
                if address is not None:
                    outputs.append(_open(name, address, self, flips.get(name, frozenset())))
                    opened.callback(outputs[-1].close)
            opened.pop_all()
        return stack.enter_context(Broadcast(outputs, choice, mirror=mirror)) if outputs else None

    def _flips(self) -> dict[str, frozenset[str]]:
        found = {}
        for text in self.flip or ():
            protocol, _, axes = text.partition(":")
            names = frozenset(axes.split(","))
            if protocol not in FLIPPED or not names <= set(AXES):
                raise OutputError(
                    f"--flip is '{text}'; expected one of {', '.join(FLIPPED)}, a colon and some of {', '.join(AXES)}: "
                    "livelink:yaw,roll"
                )
            found[protocol] = names
        return found


PROTOCOLS = ("osf", "vmc", "ifacialmocap", "livelink", "opentrack")
"""Options that each open a protocol."""


def _open(name: str, address: str, apps: Apps, flip: frozenset[str]) -> Output:
    """Open one protocol; its module is imported when it is asked for."""
    if name == "osf":
        from facetrack.sinks.network.osf import OsfOutput

        return OsfOutput(address)
    if name == "vmc":
        from facetrack.sinks.network.vmc import VmcOutput

        return VmcOutput(address, bundle=not apps.vmc_no_bundle)
    if name == "ifacialmocap":
        from facetrack.sinks.network.ifacialmocap import IFacialMocapOutput

        return IFacialMocapOutput(address, version=apps.ifacialmocap_version, flip=flip)
    if name == "livelink":
        from facetrack.sinks.network.livelink import LiveLinkOutput

        return LiveLinkOutput(address, flip=flip)
    from facetrack.sinks.network.opentrack import OpentrackOutput

    return OpentrackOutput(address)
