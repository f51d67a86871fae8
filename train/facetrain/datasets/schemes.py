"""Samples of one landmark scheme as those of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facetrack import topology_maps
from facetrack.errors import DataError
from facetrain.sample import Sample


def as_scheme(sample: Sample, target: str) -> Sample:
    """The same picture with its points in another scheme, as `topology_maps` maps them; weights are the least of each
    group.

    Raises DataError where there is no map.
    """
    source = sample.scheme
    if topology_maps.groups(source, target) is None:
        known = sorted({start for start, end in topology_maps.MAPS if end == target})
        raise DataError(
            f"{sample.name}: its points are '{source or 'none'}', which cannot be read as '{target}'; that can: "
            f"{', '.join(known) or 'nothing'}"
        )
    visible = sample.visible
    return replace(
        sample,
        points=topology_maps.convert(sample.points, source, target).astype(np.float32),
        weight=topology_maps.convert_weight(sample.weight, source, target).astype(np.float32),
        visible=None if visible is None else topology_maps.convert_weight(visible.astype(float), source, target) > 0,
        scheme=target,
    )
