"""Cross-validation of a landmark network where too few faces are held out for a figure.

Every face is predicted once, by a network that has not seen its group (Stone, J. R. Stat. Soc. B 36, 1974).
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from facetrain.reporting.progress import say
from facetrain.sample import Sample

FEW_FACES = 30
"""Of fewer held-out faces the mean error's standard error is some tenth of itself, more than a fine-tuning changes."""

Train = Callable[[list[Sample], list[Sample], Path], nn.Module]
Errors = Callable[[nn.Module, list[Sample]], NDArray[np.floating]]


def cross_validate(
    samples: list[Sample], folds: int, train: Train, errors: Errors, start: nn.Module | None, run_dir: Path
) -> dict[str, float]:
    """Return the mean error of all faces, and its standard error, by networks trained without them.

    train: (training, validation, folder) -> network; its folders are run_dir/fold1, fold2 ...
    errors: (network, faces) -> mean error of each face, %
    start: the network that they all start from, whose error is returned, too; None if that is random
    """
    parts = groups_dealt(samples, folds)
    after, before = [], []
    started = time.monotonic()
    for number, part in enumerate(parts, 1):
        held = {id(sample) for sample in part}
        say(f"cross-validation {number} of {len(parts)}: {len(samples) - len(part)} faces train, {len(part)} validate")
        network = train([s for s in samples if id(s) not in held], part, run_dir / f"fold{number}")
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
    """Deal the groups out to at most `folds` parts, in the order of a hash, independent of machine and file order."""
    groups = sorted({s.group for s in samples}, key=lambda group: (zlib.crc32(group.encode()), group))
    part_of = {group: index % folds for index, group in enumerate(groups)}
    parts = [[s for s in samples if part_of[s.group] == number] for number in range(folds)]
    return [part for part in parts if part]
