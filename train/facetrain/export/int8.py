"""Static int8 of a landmark network: the trunk's convolutions and what lies between them, validated on labelled faces.

A QDQ graph by ONNX Runtime's quantiser, ranges from labelled faces, weights per channel; then the doublings of feature
maps are rewritten as copies.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facetrack.engine import parity
from facetrack.engine.onnx import OnnxEngine, need_onnxruntime
from facetrack.errors import FacetrackError
from facetrack.modelfile import ModelSpec, fits_tracker
from facetrain.export.sample_crops import sample_crops
from facetrain.formats.open import read_labelled
from facetrain.metrics import landmarks as metrics
from facetrain.sample import usable

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

INT8_FACES = 256
"""Labelled faces for int8: half of them calibrate the ranges, the other half measure the loss of accuracy."""
INT8_NME = 0.1
"""Largest increase of the NME by int8, in % of the inter-ocular distance, on faces that were not used to calibrate."""
INT8_OTHERS = {
    "sigma": 0.2, "presence": 0.05, "visibility": 0.05, "attributes": 0.05, "rotation": 2.0,
    "rotation_sigma": 0.2,
}  # fmt: skip
"""Largest mean change of every other output by int8 on those faces: shares of float's sigma, probabilities, degrees."""
FLOAT_LAYERS = ("/model/stem", "/model/heatmaps", "/model/heads")
"""Layers that stay in float.

On helen_train landmarks68 has 4.20 % in float, 4.47 % with all convolutions in int8, 4.27 % without these.
"""
INT8_OPERATORS = ("Conv", "Add", "Relu", "Resize")
"""A Relu in float would cost a conversion back and forth, and a convolution's range would include negative values."""


def quantize(source: Path, spec: ModelSpec, data: Path, path: Path) -> ModelSpec:
    """Write the .onnx network at `source` to `path` in int8; returns its metadata with the differences from float.

    Every second face of `data` calibrates the ranges, the rest measure the error.
    Raises ParityError if the NME grows by more than INT8_NME or another output changes by more than INT8_OTHERS.
    """
    import onnx

    need_onnxruntime()
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not fits_tracker(spec):
        raise FacetrackError(f"int8 is validated by the error of 68 points; '{spec.name}' predicts others, use fp16")
    crops, truth = sample_crops(spec, usable(read_labelled(data).samples), INT8_FACES)

    class CalibrationFaces(CalibrationDataReader):
        """Every second face, one at a time."""

        def __init__(self) -> None:
            self._crops = iter(crops[::2].numpy())

        def get_next(self) -> dict[str, np.ndarray] | None:
            crop = next(self._crops, None)
            return None if crop is None else {"crops": crop[None]}

    with tempfile.TemporaryDirectory() as folder:
        fused = Path(folder) / "fused.onnx"  # batch norms fused into the convolutions, whose ranges are calibrated
        quant_pre_process(str(source), str(fused), skip_symbolic_shape=True)
        names = [node.name for node in onnx.load(fused).graph.node if node.op_type in INT8_OPERATORS]
        quantize_static(
            str(fused), str(path), CalibrationFaces(), op_types_to_quantize=list(INT8_OPERATORS), per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            nodes_to_exclude=[name for name in names if name.startswith(FLOAT_LAYERS)],
        )  # fmt: skip
    spec = dataclasses.replace(spec, parity={})
    proto = doubled_by_copies(onnx.load(path))
    onnx.helper.set_model_props(proto, spec.to_metadata())
    onnx.save(proto, path)
    by_float, by_int8 = (OnnxEngine(file)(crops[1::2].numpy()) for file in (source, path))
    nme = {
        name: metrics.summary(outputs["points"], truth[1::2])["nme"]
        for name, outputs in (("nme_float", by_float), ("nme_int8", by_int8))
    }
    others = output_changes(by_float, by_int8)
    allowed = {"nme_above_float": INT8_NME} | {name: INT8_OTHERS[name] for name in others}
    difference = {"nme_above_float": nme["nme_int8"] - nme["nme_float"], **others}
    parity.check_tolerance(difference, allowed, f"int8 and float on {data.name}")
    spec = dataclasses.replace(spec, parity={name: round(value, 4) for name, value in (nme | others).items()})
    onnx.helper.set_model_props(proto, spec.to_metadata())
    onnx.save(proto, path)
    return spec


def output_changes(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the mean change of each output but the points, in the units of INT8_OTHERS."""
    changes = {}
    for name in INT8_OTHERS.keys() & before.keys():
        old, new = before[name].astype(np.float64), after[name].astype(np.float64)
        if name in ("presence", "visibility"):
            old, new = 1 / (1 + np.exp(-old)), 1 / (1 + np.exp(-new))
        if name == "rotation":
            cosine = (np.einsum("nij,nij->n", old, new) - 1) / 2  # of the angle between: Huynh 2009, distance 6
            changes[name] = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())
        else:
            scale = old if name in ("sigma", "rotation_sigma") else 1.0
            changes[name] = float((np.abs(new - old) / scale).mean())
    return changes


def doubled_by_copies(proto: ModelProto) -> ModelProto:
    """Replace each nearest-neighbour doubling of quantised maps by two concatenations; the values stay the same.

    ONNX Runtime resizes bytes one at a time (65 of 1260 us of the dense network); channels last, a doubled row is the
    row beside itself, and doubled rows are two rows in one. One whose maps something else reads as well stays.
    """
    import onnx
    from onnxruntime.quantization.onnx_model import ONNXModel

    shapes = {
        info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        for info in onnx.shape_inference.infer_shapes(proto).graph.value_info
    }
    model = ONNXModel(proto)
    makers, readers = model.output_name_to_node(), model.input_name_to_nodes()
    graph, nodes = proto.graph, list(proto.graph.node)
    for node in [one for one in nodes if one.op_type == "Resize"]:
        source, by = makers.get(node.input[0]), readers.get(node.output[0], [])
        if source is None or len(by) != 1 or model.is_graph_output(node.output[0]):
            continue  # something else needs the maps in float
        (after,) = by
        _, channels, rows, columns = shapes[node.input[0]]
        doubled = shapes[node.output[0]][1:] == [channels, 2 * rows, 2 * columns]
        if not (doubled and _is_nearest(node) and source.op_type == "DequantizeLinear"):
            continue
        if after.op_type != "QuantizeLinear" or list(after.input[1:]) != list(source.input[1:]):
            continue
        wide = onnx.numpy_helper.from_array(np.array([0, rows, 2 * columns * channels]), f"{node.name}_wide")
        tall = onnx.numpy_helper.from_array(np.array([0, 2 * rows, 2 * columns, channels]), f"{node.name}_tall")
        graph.initializer.extend([wide, tall])
        at = nodes.index(node)
        nodes[at : at + 1] = _copies(node.name, source.input[0], after.output[0], wide.name, tall.name)
        nodes.remove(after)
        readers[source.output[0]].remove(node)
        if not readers[source.output[0]]:
            nodes.remove(source)
    del graph.node[:]
    graph.node.extend(nodes)
    model.clean_initializers()
    onnx.checker.check_model(proto)
    return proto


def _copies(name: str, source: str, out: str, wide: str, tall: str) -> list[NodeProto]:
    """Return the nodes that double (N, C, H, W) `source` into `out` by way of channels last."""
    from onnx.helper import make_node

    last, beside, rows, below, doubled = (f"{name}_{step}" for step in ("last", "beside", "rows", "below", "doubled"))
    return [
        make_node("Transpose", [source], [last], f"{name}_last", perm=[0, 2, 3, 1]),
        make_node("Concat", [last, last], [beside], f"{name}_beside", axis=3),
        make_node("Reshape", [beside, wide], [rows], f"{name}_rows"),
        make_node("Concat", [rows, rows], [below], f"{name}_below", axis=2),
        make_node("Reshape", [below, tall], [doubled], f"{name}_doubled"),
        make_node("Transpose", [doubled], [out], f"{name}_first", perm=[0, 3, 1, 2]),
    ]


def _is_nearest(node: NodeProto) -> bool:
    """Whether a Resize takes pixel i // 2 for pixel i."""
    from onnx.helper import get_attribute_value

    said = {one.name: get_attribute_value(one) for one in node.attribute}
    modes = "mode", "coordinate_transformation_mode", "nearest_mode"
    return [said.get(mode) for mode in modes] == [b"nearest", b"asymmetric", b"floor"]
