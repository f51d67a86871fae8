"""Mean of several trainings of one network: its weights averaged, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from facetrack.engine.parity import photograph_crops
from facetrack.engine.torch import open_module
from facetrack.errors import DataError
from facetrain.export.deploy import write_onnx


def write_mean(sources: Sequence[Path], out: Path) -> None:
    """Write the mean of the weights of several .onnx files, with the last one's metadata, as an .onnx.

    Of trainings that continue one another it errs less than each of them (Wortsman et al., "Model soups", ICML 2022).
    Raises DataError if they are not trainings of one architecture.
    """
    opened = [open_module(source) for source in sources]
    states = [network.state_dict() for network, _ in opened]
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    for source, shape in zip(sources, shapes, strict=True):
        if shape != shapes[-1]:
            raise DataError(f"{source} has other weights than {sources[-1]}; expected trainings of one architecture")
    network, spec = opened[-1]
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.copy_(torch.stack([state[name].double() for state in states]).mean(dim=0))
    write_onnx(network, spec, "fp32", photograph_crops(spec, 2), out)
