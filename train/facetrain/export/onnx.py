"""Export of a trained network to ONNX, with a parity check against torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facetrack.engine.onnx import OnnxEngine
from facetrack.engine.parity import ParityError, check_tolerance, compare
from facetrack.modelfile import ModelSpec

__all__ = ["OPSET", "ParityError", "export_onnx"]
OPSET = 17


def export_onnx(
    model: nn.Module,
    spec: ModelSpec,
    crops: Tensor,
    path: Path,
    tolerance: dict[str, float],
    fold: bool = True,
) -> ModelSpec:
    """Write `model` with `spec` in its metadata, after checking it against torch on `crops`.

    crops: (N, H, W, 3) uint8, real ones
    tolerance: largest absolute difference of each output that is checked
    fold: False keeps the parameters by name where the graph computes with them alone
    Returns the spec with the measured differences. Raises ParityError, with nothing written, if an output differs.
    """
    import onnx

    # Weights trained in channels_last would be written as transposed constants.
    model = model.eval().cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    part = path.with_name(path.stem + ".part.onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        trace(model, crops[:2], list(spec.outputs), part, dynamic_axes(spec), fold)
        proto = onnx.load(part)
        spec = _with_parity(proto, spec, {}, part)
        differences = compare(model, OnnxEngine(part), crops, list(spec.outputs))
        check_tolerance(differences, tolerance, f"{path.name}: torch and ONNX Runtime")
        spec = _with_parity(proto, spec, differences, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return spec


def dynamic_axes(spec: ModelSpec) -> dict[str, dict[int, str]]:
    """Return the dynamic axes: the batch, and for a detector the image size."""
    if spec.input_px is not None:
        return {name: {0: "faces"} for name in ("crops", *spec.outputs)}
    axes = {"crops": {0: "pictures", 1: "height", 2: "width"}}
    return axes | {name: {0: "pictures", 2: f"rows_{name}", 3: f"columns_{name}"} for name in spec.outputs}


def trace(
    model: nn.Module, crops: Tensor, outputs: list[str], path: Path, axes: dict[str, dict[int, str]], fold: bool = True
) -> None:
    """Write an .onnx without metadata. axes: its dynamic ones by input and output, `dynamic_axes`.

    By torch's TorchScript exporter: for these plain networks its graphs are smaller than the newer exporter's, and run
    as fast.
    """
    import warnings

    # Eval mode with TrainingMode.PRESERVE: with TrainingMode.EVAL the exporter would fuse the batch norms into the
    # convolutions, and the file could not be trained further (`training.checkpoint.load_weights`). Runtimes fuse them
    # when they open the file.
    ordered = _Ordered(model, outputs).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ordered, (crops,), str(path), input_names=["crops"], output_names=outputs,
            dynamic_axes=axes, opset_version=OPSET, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=fold,
        )  # fmt: skip


class _Ordered(nn.Module):
    """Network with its outputs as a tuple in a fixed order."""

    def __init__(self, model: nn.Module, outputs: list[str]) -> None:
        super().__init__()
        self.model, self.outputs = model, outputs

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        values = self.model(crops)
        return tuple(values[name] for name in self.outputs)


def _with_parity(proto: Any, spec: ModelSpec, differences: dict[str, float], path: Path) -> ModelSpec:
    """Write the network with these differences in its metadata; returns the metadata."""
    import onnx

    spec = dataclasses.replace(spec, parity={name: round(value, 7) for name, value in differences.items()})
    onnx.helper.set_model_props(proto, spec.to_metadata())
    onnx.save(proto, path)
    return spec
