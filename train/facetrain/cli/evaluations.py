"""`facetrack eval`: networks on labelled faces by default, and a subcommand for each other measurement."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from facetrain.cli import (
    evaluate,
    evaluate_damage,
    evaluate_detector,
    evaluate_eyes,
    evaluate_gates,
    evaluate_heads,
    evaluate_jitter,
    evaluate_lids,
    evaluate_motion,
    evaluate_reliability,
    evaluate_signals,
    evaluate_tracking,
    evaluate_turned,
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
app.command(NETWORKS)(evaluate.evaluate)
app.command("robustness")(evaluate.robustness)
app.command("detector")(evaluate_detector.detector)
app.command("tracking")(evaluate_tracking.tracking)
app.command("motion")(evaluate_motion.motion)
app.command("jitter")(evaluate_jitter.jitter)
app.command("turned")(evaluate_turned.turned)
app.command("gates")(evaluate_gates.gates)
app.command("eyes")(evaluate_eyes.eyes)
app.command("heads")(evaluate_heads.heads)
app.command("lids")(evaluate_lids.lids)
app.command("signals")(evaluate_signals.signals)
app.command("faults")(evaluate_reliability.faults)
app.command("soak")(evaluate_reliability.soak)
app.command("crowd")(evaluate_tracking.crowd)
app.command("damage")(evaluate_damage.damage)
