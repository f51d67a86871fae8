"""A trained network for one runtime and one precision, in a file that was compared with torch before it appeared."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from facetrack.engine import Engine, parity
from facetrack.engine.choice import ENGINES, open_engine
from facetrack.engine.half_precision import half_convolutions
from facetrack.engine.onnx import OnnxEngine
from facetrack.engine.openvino import RT_INFO, need_openvino
from facetrack.engine.torch import open_module, save_program
from facetrack.engine.trial import interleaved_ms
from facetrack.errors import DataError, FacetrackError, OutputError
from facetrack.modelfile import METADATA_KEY, ModelSpec, fits_tracker
from facetrain.export.onnx import trace
from facetrain.export.sample_crops import sample_crops
from facetrain.formats.open import read_labelled
from facetrain.metrics import landmarks as metrics
from facetrain.sample import usable

SUFFIX = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}
PRECISIONS = {
    "onnx": ("fp32", "fp16", "int8"),
    "openvino": ("fp32", "fp16"),
    "torch": ("fp32", "fp16"),
    "tensorrt": ("fp32", "fp16"),
}
INT8_FACES = 256
"""Half of them set the ranges of the numbers, the other half says what that costs."""
INT8_NME = 0.1
"""How much worse, in % of the eye corners' distance, 8 bits may be on labelled faces that did not set the ranges."""
KEPT_FLOAT = ("/model/stem", "/model/heatmaps", "/model/heads")
"""Convolutions that are not worth 8 bits: on helen_train landmarks68 has 4.20 % in float, 4.47 % with all in 8 bits,
4.27 % without these."""
LATENCY_S = 2.0


@dataclass(frozen=True, slots=True)
class Exported:
    """path: of the file; None where programs were built into the user's cache. spec: with what the comparison found.
    latency_ms: medians by batch size, each {engine: ms}, ours and ONNX Runtime with one thread, in turns."""

    path: Path | None
    spec: ModelSpec
    latency_ms: dict[int, dict[str, float]]


def check(engine: str, precision: str, data: Path | None) -> None:
    """Raises FacetrackError for what is not offered."""
    if engine not in ENGINES:
        raise FacetrackError(f"--engine is '{engine}'; expected one of {', '.join(ENGINES)}")
    if precision not in PRECISIONS[engine]:
        more = "; OpenVINO and TensorRT read the one of --engine onnx" if precision == "int8" else ""
        raise FacetrackError(
            f"--precision is '{precision}'; expected {' or '.join(PRECISIONS[engine])} with --engine {engine}{more}"
        )
    if precision == "int8" and data is None:
        raise DataError(
            "int8 is judged by its error on labelled faces; give --data with a pack such as data/helen_train"
        )


def export(source: Path, engine: str, precision: str, sizes: tuple[int, ...], data: Path | None, out: Path) -> Exported:
    """Write the network at `source`, an .onnx of facetrain's in float32, for one engine.

    sizes: batches to time, and TensorRT's to build. data: labelled faces to compare on; the bundled photograph, seen
    64 times, without them. out: the file. Raises ParityError (nothing is written then) where the outputs differ by more
    than `facetrack.engine.parity.tolerances`, or int8's error by more than INT8_NME; FacetrackError for what is not
    offered.
    """
    check(engine, precision, data)
    network, spec = open_module(source)
    if engine in ("torch", "tensorrt") and spec.input_px is None:
        raise FacetrackError(
            f"'{spec.name}' takes pictures of any size, a program for {engine} of one; use its .onnx with the engine"
        )
    if engine == "tensorrt":
        return _into_cache(source, network, spec, precision, sizes, data)
    if engine == "openvino":
        need_openvino()
    if out.resolve() == source.resolve():
        raise OutputError(f"{out} is the network that is exported; choose another --out")
    if out.suffix != SUFFIX[engine]:
        raise OutputError(f"{out} ends in '{out.suffix}'; a file for {engine} ends in {SUFFIX[engine]}")
    with _staged(out) as part:
        if precision == "int8":
            assert data is not None
            spec = _quantized(source, spec, data, part)
        else:
            spec = _compared(WRITERS[engine], network, spec, engine, precision, data, part)
        latency_ms = latencies(open_engine(part, engine), OnnxEngine(source), sizes, _crops(spec, data), engine)
    return Exported(out, spec, latency_ms)


Writer = Callable[[nn.Module, ModelSpec, Tensor, Path], None]


def _compared(
    write: Writer, network: nn.Module, spec: ModelSpec, engine: str, precision: str, data: Path | None, path: Path
) -> ModelSpec:
    """Write it, compare, and write it again with what was found."""
    crops = _crops(spec, data)
    model = half_convolutions(network) if precision == "fp16" else network
    spec = dataclasses.replace(spec, parity={})
    write(model, spec, crops[:2], path)
    spec = parity.with_measured_parity(network, open_engine(path, engine), crops, spec, precision, engine)
    write(model, spec, crops[:2], path)
    return spec


def write_onnx(model: nn.Module, spec: ModelSpec, crops: Tensor, path: Path) -> None:
    """crops: (2, H, W, 3) uint8, to trace."""
    import onnx

    trace(model, crops, list(spec.outputs), path, dynamic_axes(spec))
    proto = onnx.load(path)
    onnx.helper.set_model_props(proto, spec.to_metadata())
    onnx.save(proto, path)


def write_openvino(model: nn.Module, spec: ModelSpec, crops: Tensor, path: Path) -> None:
    """An .xml and its .bin. Weights are stored in half where the network has them in half."""
    openvino = need_openvino()
    with tempfile.TemporaryDirectory() as folder:
        traced = Path(folder) / "network.onnx"
        write_onnx(model, spec, crops, traced)
        converted = openvino.Core().read_model(traced)
        converted.set_rt_info(spec.to_metadata()[METADATA_KEY], RT_INFO)
        openvino.serialize(converted, path)


WRITERS: dict[str, Writer] = {"onnx": write_onnx, "openvino": write_openvino, "torch": save_program}


def dynamic_axes(spec: ModelSpec) -> dict[str, dict[int, str]]:
    """Any number of crops; for a detector, of any size."""
    if spec.input_px is not None:
        return {name: {0: "faces"} for name in ("crops", *spec.outputs)}
    axes = {"crops": {0: "pictures", 1: "height", 2: "width"}}
    return axes | {name: {0: "pictures", 2: f"rows_{name}", 3: f"columns_{name}"} for name in spec.outputs}


def _quantized(source: Path, spec: ModelSpec, data: Path, path: Path) -> ModelSpec:
    """Convolutions with weights and activations of 8 bits, each channel with its own scale; the ranges are those of
    every second face, the error that of the others."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not fits_tracker(spec):
        raise FacetrackError(f"int8 is judged by the error of 68 points, which '{spec.name}' does not give; use fp16")
    crops, truth = sample_crops(spec, usable(read_labelled(data).samples), INT8_FACES)

    class Half(CalibrationDataReader):
        """Every second face, one at a time."""

        def __init__(self) -> None:
            self._left = iter(crops[::2].numpy())

        def get_next(self) -> dict[str, np.ndarray] | None:
            crop = next(self._left, None)
            return None if crop is None else {"crops": crop[None]}

    with tempfile.TemporaryDirectory() as folder:
        melted = Path(folder) / "melted.onnx"  # the norms into the convolutions: their ranges are what counts
        quant_pre_process(str(source), str(melted), skip_symbolic_shape=True)
        names = [node.name for node in onnx.load(melted).graph.node if node.op_type == "Conv"]
        quantize_static(
            str(melted), str(path), Half(), op_types_to_quantize=["Conv"], per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            nodes_to_exclude=[name for name in names if name.startswith(KEPT_FLOAT)],
        )  # fmt: skip
    spec = dataclasses.replace(spec, parity={})
    proto = onnx.load(path)
    onnx.helper.set_model_props(proto, spec.to_metadata())
    onnx.save(proto, path)
    nme = {
        name: metrics.summary(engine(crops[1::2].numpy())["points"], truth[1::2])["nme"]
        for name, engine in (("float", OnnxEngine(source)), ("int8", OnnxEngine(path)))
    }
    found = {"nme_above_float": nme["int8"] - nme["float"]}
    parity.check_tolerance(found, {"nme_above_float": INT8_NME}, f"int8 and float on {data.name}")
    spec = dataclasses.replace(spec, parity={"nme_float": round(nme["float"], 4), "nme_int8": round(nme["int8"], 4)})
    onnx.helper.set_model_props(proto, spec.to_metadata())
    onnx.save(proto, path)
    return spec


def _into_cache(
    source: Path, network: nn.Module, spec: ModelSpec, precision: str, sizes: tuple[int, ...], data: Path | None
) -> Exported:
    """TensorRT's programs hold on one GPU only: they go where `--engine tensorrt` looks for them, each with its report,
    made on the photograph; `data` that disagrees removes them again."""
    from facetrack.engine.tensorrt import TensorRtEngine

    engine = TensorRtEngine(source, precision, sizes)
    crops = _crops(spec, data)
    try:
        spec = parity.with_measured_parity(network, engine, crops, spec, precision, "tensorrt")
    except parity.ParityError:
        engine.discard()
        raise
    return Exported(None, spec, latencies(engine, OnnxEngine(source), sizes, crops, "tensorrt"))


def latencies(
    engine: Engine, usual: Engine, sizes: tuple[int, ...], crops: Tensor, name: str
) -> dict[int, dict[str, float]]:
    """Median ms of each batch size for `engine` and for ONNX Runtime, in turns, one thread: of processor time, which
    a busy machine does not disturb, but of the clock where a GPU works."""
    timer = time.perf_counter if name == "tensorrt" else time.process_time
    found = {}
    for size in sizes:
        batch = np.ascontiguousarray(crops.numpy()[np.arange(size) % len(crops)])
        ways = {name: lambda batch=batch: engine(batch), "ONNX Runtime": lambda batch=batch: usual(batch)}
        found[size] = interleaved_ms(ways, LATENCY_S / len(sizes), timer)
    return found


def _crops(spec: ModelSpec, data: Path | None) -> Tensor:
    if data is None:
        return parity.photograph_crops(spec)
    return sample_crops(spec, usable(read_labelled(data).samples))[0]


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """A path of the same name in a folder beside `out`: what lies there takes its place at the end, all or nothing."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=out.parent, prefix=".export")
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error}); choose another --out") from error
    with folder as name:
        yield Path(name) / out.name
        for file in sorted(Path(name).iterdir()):  # an .xml comes after its .bin: it is never there without it
            file.replace(out.parent / file.name)
