"""Change of the metadata of an exported network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from facetrack.modelfile import ModelSpec


def rewrite_spec(path: Path, **changes: Any) -> ModelSpec:
    """Replace fields of the specification inside an .onnx; the network itself stays as it is, bit by bit.

    Returns the new specification. Raises ModelFileError for a file that is none of facetrack's.
    """
    import onnx

    proto = onnx.load(path)
    spec = replace(ModelSpec.from_metadata({p.key: p.value for p in proto.metadata_props}, path), **changes)
    onnx.helper.set_model_props(proto, spec.to_metadata())
    part = path.with_name(f"{path.name}.part")
    onnx.save(proto, part)
    part.replace(path)
    return spec
