"""`facetrack eval`: networks on labelled faces by default, and a subcommand for each other measurement."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from facetrain.cli.evaluate import (
    damage,
    detector,
    eyes,
    gates,
    gaze,
    heads,
    jitter,
    lids,
    motion,
    networks,
    reliability,
    signals,
    tracking,
    turned,
)

NETWORKS = "networks"


class NetworksUnlessNamed(TyperGroup):
    """Command group that reads `facetrack eval MODEL ...` as `facetrack eval networks MODEL ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, [NETWORKS, *args] if args and not named else args)


app = typer.Typer(
    cls=NetworksUnlessNamed, no_args_is_help=True, help="Measure networks (`eval MODEL --data PATH`) and the tracker."
)
app.command(NETWORKS)(networks.evaluate)
app.command("robustness")(networks.robustness)
app.command("detector")(detector.detector)
app.command("tracking")(tracking.tracking)
app.command("motion")(motion.motion)
app.command("jitter")(jitter.jitter)
app.command("turned")(turned.turned)
app.command("gates")(gates.gates)
app.command("eyes")(eyes.eyes)
app.command("gaze")(gaze.gaze)
app.command("heads")(heads.heads)
app.command("lids")(lids.lids)
app.command("signals")(signals.signals)
app.command("faults")(reliability.faults)
app.command("soak")(reliability.soak)
app.command("crowd")(tracking.crowd)
app.command("blendshapes")(signals.blendshapes)
app.command("damage")(damage.damage)
