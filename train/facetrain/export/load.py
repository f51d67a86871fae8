"""Loading of an exported network as a torch module: its .onnx has every weight under its torch name."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from facetrack.errors import ModelFileError
from facetrack.modelfile import ModelSpec, fits_tracker
from facetrain.models.appearance import AppearanceNet, AppearanceNetOptions
from facetrain.models.attributes import HEADS, AttributeNet
from facetrain.models.detector import DetectorNet
from facetrain.models.expression import OUTPUT, ExpressionNet, ExpressionNetOptions
from facetrain.models.eyes.network import EyeNet, EyeNetOptions
from facetrain.models.growth import infer_options
from facetrain.models.landmarks import LandmarkNet
from facetrain.training.checkpoint import load_weights, read_weights


def open_network(path: Path, spec: ModelSpec) -> nn.Module:
    """Open the network in eval mode.

    path: an .onnx that facetrain exported in float32
    spec: its metadata
    Raises ModelFileError for a network that the tracker cannot use, or that was converted after its export (half
    precision, int8); DataError if its weights do not fit the bundled recipes' networks.
    """
    network = _empty(path, spec)
    load_weights(network, path)
    return network.eval()


def _empty(path: Path, spec: ModelSpec) -> nn.Module:
    """Build the network without its weights."""
    if spec.kind == "detector":
        return DetectorNet()
    if spec.kind == "appearance" and spec.input_px is not None:
        return AppearanceNet(AppearanceNetOptions(input_px=spec.input_px))
    if spec.kind == "expression" and OUTPUT in spec.outputs and spec.input_px is not None:
        return ExpressionNet(ExpressionNetOptions(input_px=spec.input_px))
    if spec.kind == "eyes" and spec.input_px is not None:
        return EyeNet(EyeNetOptions(input_px=spec.input_px))
    if not fits_tracker(spec) or spec.input_px is None:
        raise ModelFileError(
            f"network '{spec.name}' is a {spec.kind} network with topology {spec.topology}; expected one that the "
            "tracker runs: 68 points with sigma and presence, a detector, appearance, eyes, or expression probabilities"
        )
    state = read_weights(path)
    try:
        options = infer_options(state, spec.input_px)
    except KeyError as error:
        raise ModelFileError(
            f"{path} does not hold the weights as they were trained (no {error}); give the .onnx that training wrote, "
            "not one that was exported from it"
        ) from None
    return AttributeNet(options) if any(name.startswith(HEADS) for name in state) else LandmarkNet(options)
