"""Landmark networks of a few channels, for tests."""

import dataclasses

import numpy as np
import torch

from facetrack.engine import parity
from facetrain.models.attributes import AttributeNet
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.samples.sources import LandmarkSources
from facetrain.tasks.heads import HEAD_OUTPUTS
from facetrain.tasks.landmarks import LandmarkRecipe, export_landmarks, landmark_spec

SMALL = {"stem": 4, "widths": (4, 6, 8), "depths": (1, 1, 1), "head": 4, "input_px": 32}
TINY = LandmarkNetOptions(input_px=64, stem=4, widths=(4, 4, 8), depths=(1, 1, 1), head=4)


def alive(options):
    """Return a network whose batch normalisations have running averages other than 0 and 1."""
    torch.manual_seed(0)
    model = LandmarkNet(options).train()
    model(torch.randint(0, 255, (8, options.input_px, options.input_px, 3), dtype=torch.uint8))
    return model.eval()


def points(model):
    crops = torch.from_numpy(np.random.default_rng(1).integers(0, 255, (4, 32, 32, 3), np.uint8))
    with torch.inference_mode():
        return model(crops)["points"].numpy()


def random_network(options=TINY, seed=0):
    """Return a network with random weights, with attribute heads if it is of turned faces."""
    torch.manual_seed(seed)
    return (AttributeNet if options.turned else LandmarkNet)(options).eval()


def spec_of(network, metrics=None):
    sources = LandmarkSources([], {}, [], {}, ["a set"], "terms", [])
    spec = landmark_spec(LandmarkRecipe(network=network.options), sources, metrics or {})
    has_heads = isinstance(network, AttributeNet)
    return dataclasses.replace(spec, outputs=spec.outputs | HEAD_OUTPUTS) if has_heads else spec


def exported(network, path, metrics=None):
    """Export a network as training does; returns the path."""
    spec = spec_of(network, metrics)
    export_landmarks(network, spec, parity.photograph_crops(spec, 8), path)
    return path
