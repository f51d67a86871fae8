"""Cached inputs of the attribute heads: the trunk below them is frozen, so it runs once per crop, not every epoch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from facetrain.models.attributes import AttributeNet, HeadInputs
from facetrain.samples.sampling import EpochItems, epoch_order
from facetrain.training.distributed import pick_device
from facetrain.training.fit import FitOptions, limit_worker_threads
from facetrain.training.logging import progress_bar

BATCH = 64


class CachedFeatures(EpochItems):
    """Data set of the heads' inputs for augmented crops.

    Item: the fields of `HeadInputs` without the batch axis; attributes and smile_trust as in `AttributeCrops`.
    """

    def __init__(self, network: AttributeNet, crops: EpochItems, draws: int, options: FitOptions) -> None:
        """Compute the features of `draws` crops.

        crops: as `AttributeCrops`
        draws: number of crops, some 8 kB of features each
        options: device, seed and number of data-loading workers
        """
        super().__init__(draws, options.seed)
        self.names = crops.names
        order = epoch_order(len(crops), np.random.default_rng((options.seed, 0)), draws)
        loader = DataLoader(
            crops, BATCH, sampler=order.tolist(), num_workers=options.workers, worker_init_fn=limit_worker_threads
        )
        device = pick_device(options.device)
        network = network.eval().to(device)
        parts: dict[str, list[Tensor]] = {}
        with progress_bar(True) as progress:
            bar = progress.add_task("computing features", total=len(loader), loss="")
            for batch in loader:
                labels = {name: value for name, value in batch.items() if name != "crop"}
                features = extract_features(network, batch["crop"], device) | labels
                for name, part in features.items():
                    parts.setdefault(name, []).append(part)
                progress.update(bar, advance=1)
        self.parts = {name: torch.cat(batches) for name, batches in parts.items()}

    def item(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        return {name: part[index].float() for name, part in self.parts.items()}


def extract_features(network: AttributeNet, crops: Tensor, device: torch.device) -> dict[str, Tensor]:
    """Return the fields of `HeadInputs` for (N, S, S, 3) uint8 crops, by name, in half precision."""
    with torch.inference_mode():
        chunks = [network.reading(part.to(device)) for part in crops.split(BATCH)]
    columns = zip(*chunks, strict=True)
    return {n: torch.cat([p.half().cpu() for p in ps]) for n, ps in zip(HeadInputs._fields, columns, strict=True)}
