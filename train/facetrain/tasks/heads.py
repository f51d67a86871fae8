"""The heads of a network that is trained further: attributes, as the tracker's signals need them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from facetrack.engine.onnx import OnnxEngine
from facetrack.modelfile import ATTRIBUTES, ModelSpec
from facetrain.models.attributes import HEADS, AttributeNet
from facetrain.models.growth import infer_options
from facetrain.models.landmarks import LandmarkNet
from facetrain.models.predict import predict
from facetrain.reporting.progress import say
from facetrain.training.checkpoint import load_weights, read_weights

HEAD_OUTPUTS = {"attributes": f"(N, {len(ATTRIBUTES)}) 0..1: {', '.join(ATTRIBUTES)}"}
MOVED = 0.1
"""Mean change of an attribute from which they should be trained again."""


def load_heads(model: AttributeNet, path: Path) -> None:
    """Load the heads' weights from an .onnx, whatever its trunk; raises DataError if their shapes differ."""

    def heads_only(state: dict[str, Tensor], _: nn.Module) -> dict[str, Tensor]:
        return {name.removeprefix(HEADS): value for name, value in state.items() if name.startswith(HEADS)}

    load_weights(model.heads, path, fit=heads_only)


@dataclass(frozen=True, slots=True)
class Kept:
    """Metadata of a network with the heads of its parent, and how far their outputs have moved."""

    spec: ModelSpec
    figures: dict[str, float] = field(default_factory=dict)


def keep_heads(
    model: nn.Module, spec: ModelSpec, path: Path | None, parent: ModelSpec | None, crops: Tensor
) -> tuple[nn.Module, Kept]:
    """Put the attribute heads of the network that `model` started from onto it, and keep that network's gates.

    The heads read the trunk, which has changed: figures says by how much their outputs on `crops` have moved. A network
    of another size keeps neither heads nor gates.
    path, parent: file and metadata of the network that it started from; None for random weights
    """
    if path is None or parent is None or parent.input_px is None or not isinstance(model, LandmarkNet):
        return model, Kept(spec)
    state = read_weights(path)
    if infer_options(state, parent.input_px) != model.options:
        return model, Kept(spec)
    spec = dataclasses.replace(spec, gates=parent.gates)
    if not any(name.startswith(HEADS) for name in state):
        return model, Kept(spec)
    whole = AttributeNet(model.options)
    whole.load_state_dict(model.state_dict(), strict=False)
    load_heads(whole, path)
    spec = dataclasses.replace(spec, outputs=spec.outputs | HEAD_OUTPUTS)
    old = OnnxEngine(path)(np.asarray(crops))["attributes"]
    moved = float(np.abs(predict(whole.eval(), crops)["attributes"] - old).mean())
    if moved > MOVED:
        say(f"the attributes have moved by {moved:.2f} (0..1): `facetrack train attributes --init` trains them again")
    return whole, Kept(spec, {"attributes_moved": moved})
