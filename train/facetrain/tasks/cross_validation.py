"""Cross-validation of a landmark network where too few faces are held out for a figure.

Every face is predicted once, by a network that has not seen its group (Stone, J. R. Stat. Soc. B 36, 1974).
"""

from __future__ import annotations

import math
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from facetrain.reporting.progress import say
from facetrain.sample import Sample
from facetrain.training.report import FOLD

FEW_FACES = 30
"""Of fewer held-out faces the mean error's standard error is some tenth of itself, more than a fine-tuning changes."""

Train = Callable[[list[Sample], list[Sample], Path], nn.Module]
Errors = Callable[[nn.Module, list[Sample]], NDArray[np.floating]]


def cross_validate(
    parts: list[list[Sample]], train: Train, errors: Errors, start: nn.Module | None, run_dir: Path
) -> dict[str, float]:
    """Return the mean error of all faces, and its standard error, by networks trained without them.

    parts: as `groups_dealt` returns them
    train: (training, validation, folder) -> network; its folders are run_dir/fold1, fold2 ...
    errors: (network, faces) -> mean error of each face, %
    start: the network that they all start from, whose error is returned, too; None if that is random
    """
    after, before = [], []
    started = time.monotonic()
    for number, part in enumerate(parts, 1):
        training = others(parts, part)
        say(f"cross-validation {number} of {len(parts)}: {len(training)} faces train, {len(part)} validate")
        network = train(training, part, run_dir / f"{FOLD}{number}")
        after.append(errors(network, part))
        if start is not None:
            before.append(errors(start, part))
        if number == 1:
            left_min = len(parts) * (time.monotonic() - started) / 60
            say(f"the other parts, and then the network itself: about {left_min:.1f} min")
    figures = {"before_cross_validation_nme": float(np.nanmean(np.concatenate(before)))} if before else {}
    pooled = np.concatenate(after)
    pooled = pooled[np.isfinite(pooled)]
    return figures | {
        "cross_validation_nme": float(pooled.mean()),
        "cross_validation_standard_error": float(pooled.std(ddof=1) / np.sqrt(len(pooled))) if len(pooled) > 1 else 0.0,
        "cross_validation_faces": float(len(pooled)),
    }


def groups_dealt(samples: list[Sample], folds: int) -> list[list[Sample]]:
    """Deal the groups out to at most `folds` parts of about the same size: the largest first, each to the smallest.

    Groups of one size come in the order of a hash, independent of machine and file order.
    """
    sizes = Counter(sample.group for sample in samples)
    part_of, faces = dict[str, int](), [0] * folds
    for group in sorted(sizes, key=lambda group: (-sizes[group], zlib.crc32(group.encode()), group)):
        part_of[group] = faces.index(min(faces))
        faces[part_of[group]] += sizes[group]
    parts = [[s for s in samples if part_of[s.group] == number] for number in range(folds)]
    return [part for part in parts if part]


def repeats_of_fold(repeats: Mapping[str, int], whole: int, fold: int) -> dict[str, int]:
    """Return the draws per face that give a fold at least as many crops as the whole training has.

    repeats: of the whole training, by data set. whole, fold: their numbers of training faces.
    """
    return {source: math.ceil(count * whole / fold) for source, count in repeats.items()}


def too_small(parts: list[list[Sample]], crops: Callable[[list[Sample]], int], batch: int) -> str:
    """Return why these parts cannot be cross-validated, "" if they can.

    A network trained on fewer than half of the faces says little of one trained on all.
    crops: training faces -> crops of an epoch. batch: crops of a training step
    """
    total = sum(map(len, parts))
    for training in (others(parts, part) for part in parts):
        if 2 * len(training) < total:
            return f"a part would train on {len(training)} of the {total} faces, less than half"
        if crops(training) < batch:
            return f"a part would train on {crops(training)} crops an epoch, less than a batch of {batch}"
    return ""


def others(parts: list[list[Sample]], part: list[Sample]) -> list[Sample]:
    """Return the faces of all parts but this one."""
    return [sample for other in parts if other is not part for sample in other]
