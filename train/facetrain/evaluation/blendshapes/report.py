"""Report of the blendshape network's measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facetrack.blendshapes import ShapeNetwork
from facetrack.blendshapes.features import features
from facetrain.evaluation.blendshapes import measure
from facetrain.reporting.report import Report, Table
from facetrain.samples.blendshapes.table import read_tables


def report(network: ShapeNetwork, tables: Path, clips: Path, events: Path) -> Report:
    """Measure a network on the tables of photographs and of clips, and on the labelled blinks."""
    table = read_tables(tables)
    photographs = measure.held_out(network, table)
    people = measure.on_clips(network, read_tables(clips))
    clip_r2 = dict(zip(network.names, measure.r2_within(people).tolist(), strict=True))
    gains, blinks = measure.blink_gains(network, people, events)
    index = next(i for i in range(len(table)) if features(table.face(i)) is not None)
    took_ms = measure.time_ms(network, table.face(index))
    means = np.nanmean(list(photographs.values())), np.nanmean(list(clip_r2.values()))
    rows = [(name, f"{photographs[name]:.2f}", f"{clip_r2[name]:.2f}") for name in network.names]
    rows.append(("**mean**", f"**{means[0]:.2f}**", f"**{means[1]:.2f}**"))
    talk = [(name, f"{ours:.2f}", f"{truth:.2f}") for name, (ours, truth) in gains.items()]
    return Report(
        "Blendshapes",
        [
            Table("R2 against MediaPipe", ("name", "held-out people", "clips"), rows),
            Table(f"way of a brow over the lids' in {blinks} blinks", ("brow", "facetrack", "MediaPipe"), talk),
        ],
        {"held_out": photographs, "clips": clip_r2, "blink_gains": gains, "time_ms": took_ms,
         "mean_held_out": means[0], "mean_clips": means[1]},
        [f"{len(table)} photographs, {len(people)} people of clips; {1000 * took_ms:.0f} us a face and frame."],
    )  # fmt: skip
