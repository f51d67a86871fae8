"""From a trained network to a file that runs without torch, and the proof that both say the same."""

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
    dynamic_axes: dict[str, dict[int, str]],
) -> ModelSpec:
    """Write `model` with `spec` in its metadata, after checking it against torch on `crops`.

    crops: (N, H, W, 3) uint8, real ones. tolerance: largest allowed absolute difference for each output that is
    checked. The file appears at `path` only if every output agrees; else ParityError. Returns the spec with the
    differences found.
    """
    import onnx

    # Weights trained in channels_last would be written as transposed constants.
    model = model.eval().cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    part = path.with_name(path.stem + ".part.onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        trace(model, crops[:2], list(spec.outputs), part, dynamic_axes)
        proto = onnx.load(part)
        spec = _with_parity(proto, spec, {}, part)
        found = compare(model, OnnxEngine(part), crops, list(spec.outputs))
        check_tolerance(found, tolerance, f"{path.name}: torch and ONNX Runtime")
        spec = _with_parity(proto, spec, found, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return spec


def trace(
    model: nn.Module, crops: Tensor, outputs: list[str], path: Path, dynamic_axes: dict[str, dict[int, str]]
) -> None:
    """Write an .onnx without its spec.

    torch's TorchScript exporter: for these plain networks its graphs are smaller than the newer one's, and run
    as fast."""
    import warnings

    # In eval mode as a whole, and told to preserve that: told to make it so, the exporter would melt the batch norms
    # into the convolutions, and a file could no longer be trained further (`training.checkpoint.load_weights`).
    # Runtimes melt them anyway when they open the file.
    ordered = _Ordered(model, outputs).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ordered, (crops,), str(path), input_names=["crops"], output_names=outputs,
            dynamic_axes=dynamic_axes, opset_version=OPSET, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE,
        )  # fmt: skip


class _Ordered(nn.Module):
    """The network with its outputs as a tuple in a fixed order."""

    def __init__(self, model: nn.Module, outputs: list[str]) -> None:
        super().__init__()
        self.model, self.outputs = model, outputs

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        values = self.model(crops)
        return tuple(values[name] for name in self.outputs)


def _with_parity(proto: Any, spec: ModelSpec, found: dict[str, float], path: Path) -> ModelSpec:
    import onnx

    spec = dataclasses.replace(spec, parity={name: round(value, 7) for name, value in found.items()})
    onnx.helper.set_model_props(proto, spec.to_metadata())
    onnx.save(proto, path)
    return spec
