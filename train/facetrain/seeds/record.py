"""Metadata and export of the seed networks."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from facetrack.modelfile import ModelSpec
from facetrack.types import Image
from facetrain.export.onnx import export_onnx
from facetrain.reporting.figures import Figures
from facetrain.samples.provenance import describe, terms_of

OUTPUTS = {
    "points": "(N, K, 2) x y in crop px, pixel centres at integers",
    "sigma": "(N, 68) one standard deviation of a point's error per coordinate on validation faces, crop px",
    "presence": "(N,) logit of a face being there",
    "gender": "(N,) logit of a man",
    "smile": "(N,) logit of a smile",
    "glasses": "(N,) logit of glasses",
    "pose": "(N, 5) logits: left profile, left, frontal, right, right profile",
    "expression": "(N, 7) logits: anger, disgust, fear, happiness, neutral, sadness, surprise",
}
PARITY = {"points": 1e-3, "sigma": 1e-3}
"""Largest difference between torch and the exported network: a thousandth of a pixel; of a logit as much."""


def seed_spec(
    name: str, network: nn.Module, crops: Image, topology: str, margin: float, packs: list[str], figures: Figures
) -> ModelSpec:
    """Return the metadata of a seed network; its kind follows from its outputs."""
    with torch.inference_mode():
        outputs = list(network.eval().cpu()(torch.from_numpy(crops[:1])))
    kind = "landmarks" if "points" in outputs else "expression"
    return ModelSpec(
        name=name,
        kind=kind,
        input_px=crops.shape[1],
        mean=float(getattr(network, "MEAN", 0.0)),
        scale=float(getattr(network, "SCALE", 255.0)),
        topology=topology,
        margin=margin,
        outputs={key: OUTPUTS[key] for key in outputs},
        data=[describe(pack) for pack in packs],
        terms=terms_of(packs),
        reproduce=f"facetrack train {name} --data DATA",
        metrics={f"validation/{key}": round(value, 4) for key, value in figures.items()},
    )


def export_seed(model: nn.Module, spec: ModelSpec, crops: Image, path: Path) -> ModelSpec:
    """Write the .onnx after checking every output on real crops."""
    tolerance = {name: PARITY.get(name, 1e-3) for name in spec.outputs}
    return export_onnx(model, spec, torch.from_numpy(crops[:24]), path, tolerance)
