"""From a trained network to a file that runs without torch, and the proof that both say the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import FacetrackError
from facetrack.modelfile import ModelSpec

OPSET = 17


class ParityError(FacetrackError):
    """The exported engine and torch disagree."""


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
        _trace(model, crops[:2], list(spec.outputs), part, dynamic_axes)
        proto = onnx.load(part)
        spec = _with_parity(proto, spec, {}, part)
        found = compare(model, OnnxEngine(part), crops)
        too_far = {name: found[name] for name, limit in tolerance.items() if not found[name] <= limit}
        if too_far:
            raise ParityError(
                f"{path.name}: torch and ONNX Runtime differ by {too_far}, allowed is {tolerance}; nothing was written"
            )
        spec = _with_parity(proto, spec, found, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return spec


def compare(model: nn.Module, engine: OnnxEngine, crops: Tensor) -> dict[str, float]:
    """Largest absolute difference of each output between torch and the engine, one crop at a time and as a batch."""
    with torch.inference_mode():
        outputs = model(crops)
    reference = {name: outputs[name].numpy() for name in engine.spec.outputs}
    batch = engine(crops.numpy())
    single = [engine(crops[i : i + 1].numpy()) for i in range(min(8, len(crops)))]
    worst: dict[str, float] = {}
    for name, value in reference.items():
        one_by_one = np.concatenate([s[name] for s in single])
        worst[name] = float(max(np.abs(batch[name] - value).max(), np.abs(one_by_one - value[: len(one_by_one)]).max()))
    return worst


def _trace(
    model: nn.Module, crops: Tensor, outputs: list[str], path: Path, dynamic_axes: dict[str, dict[int, str]]
) -> None:
    """torch's TorchScript exporter: for these plain networks its graphs are smaller than the newer one's, and run
    as fast."""
    import warnings

    # In eval mode as a whole, and told to preserve that: told to make it so, the exporter would melt the batch norms
    # into the convolutions, and a file could no longer be trained further (`checkpoint.load_weights`). Runtimes melt
    # them anyway when they open the file.
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
