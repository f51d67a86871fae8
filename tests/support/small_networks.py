"""Landmark networks of a few channels, for tests."""

import numpy as np
import torch

from facetrain.models.landmarks import LandmarkNet

SMALL = {"stem": 4, "widths": (4, 6, 8), "depths": (1, 1, 1), "head": 4, "input_px": 32}


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
