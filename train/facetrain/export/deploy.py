"""Export of a trained network for one runtime and precision, written only after a comparison with torch."""

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
from facetrack.engine.torch import WEIGHTS, open_module, save_network
from facetrack.engine.trial import interleaved_ms
from facetrack.errors import DataError, FacetrackError, OutputError
from facetrack.modelfile import METADATA_KEY, ModelSpec
from facetrain.export.int8 import quantize
from facetrain.export.onnx import dynamic_axes, trace
from facetrain.export.sample_crops import sample_crops
from facetrain.formats.open import read_labelled
from facetrain.sample import usable

SUFFIX = {"onnx": ".onnx", "openvino": ".xml", "torch": WEIGHTS}
PRECISIONS = {
    "onnx": ("fp32", "fp16", "int8"),
    "openvino": ("fp32", "fp16"),
    "torch": ("fp32", "fp16"),
    "tensorrt": ("fp32", "fp16"),
}
LATENCY_S = 2.0
"""Duration of the latency measurement of all batch sizes."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Exported network.

    path: of the file; None if the programs are in the user's cache
    spec: metadata with the differences from torch
    latency_ms: medians by batch size, each {engine: ms}, of this engine and ONNX Runtime, interleaved, one thread
    """

    path: Path | None
    spec: ModelSpec
    latency_ms: dict[int, dict[str, float]]


def check(engine: str, precision: str, data: Path | None) -> None:
    """Check the options; raises FacetrackError for an unsupported combination."""
    if engine not in ENGINES:
        raise FacetrackError(f"--engine is '{engine}'; expected one of {', '.join(ENGINES)}")
    if precision not in PRECISIONS[engine]:
        more = "; OpenVINO and TensorRT read the one of --engine onnx" if precision == "int8" else ""
        raise FacetrackError(
            f"--precision is '{precision}'; expected {' or '.join(PRECISIONS[engine])} with --engine {engine}{more}"
        )
    if precision == "int8" and data is None:
        raise DataError(
            "int8 is validated by its error on labelled faces; give --data with a pack such as data/helen_train"
        )


def export(source: Path, engine: str, precision: str, sizes: tuple[int, ...], data: Path | None, out: Path) -> Exported:
    """Export the network at `source`, an .onnx of facetrain's in float32, for one engine.

    sizes: batch sizes to time, and TensorRT's to build
    data: labelled faces for the comparison; None for 64 crops of the bundled photograph
    out: the file
    Raises ParityError, with nothing written, if the outputs differ by more than `facetrack.engine.parity.tolerances`,
    or int8's NME by more than `export.int8.INT8_NME`; FacetrackError for an unsupported combination.
    """
    check(engine, precision, data)
    network, spec = open_module(source)
    if engine == "tensorrt" and spec.input_px is None:
        raise FacetrackError(
            f"'{spec.name}' takes images of any size, a program for {engine} of one; use its .onnx with the engine"
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
            spec = quantize(source, spec, data, part)
        else:
            spec = _compared(WRITERS[engine], network, spec, engine, precision, data, part)
        latency_ms = latencies(open_engine(part, engine), OnnxEngine(source), sizes, _crops(spec, data), engine)
    return Exported(out, spec, latency_ms)


Writer = Callable[[nn.Module, ModelSpec, str, Tensor, Path], None]
"""Writes a network in float32 for one precision: network, its metadata, precision, crops to trace, path."""


def _compared(
    write: Writer, network: nn.Module, spec: ModelSpec, engine: str, precision: str, data: Path | None, path: Path
) -> ModelSpec:
    """Write the network, compare it with torch, and write it again with the differences in its metadata."""
    crops = _crops(spec, data)
    spec = dataclasses.replace(spec, parity={})
    write(network, spec, precision, crops[:2], path)
    spec = parity.with_measured_parity(network, open_engine(path, engine), crops, spec, precision, engine)
    write(network, spec, precision, crops[:2], path)
    return spec


def write_onnx(network: nn.Module, spec: ModelSpec, precision: str, crops: Tensor, path: Path) -> None:
    """Write an .onnx with metadata.

    crops: (2, H, W, 3) uint8, to trace
    """
    import onnx

    model = half_convolutions(network) if precision == "fp16" else network
    trace(model, crops, list(spec.outputs), path, dynamic_axes(spec))
    proto = onnx.load(path)
    onnx.helper.set_model_props(proto, spec.to_metadata())
    onnx.save(proto, path)


def write_openvino(network: nn.Module, spec: ModelSpec, precision: str, crops: Tensor, path: Path) -> None:
    """Write an .xml and its .bin; half-precision weights stay in half precision."""
    openvino = need_openvino()
    with tempfile.TemporaryDirectory() as folder:
        traced = Path(folder) / "network.onnx"
        write_onnx(network, spec, precision, crops, traced)
        converted = openvino.Core().read_model(traced)
        converted.set_rt_info(spec.to_metadata()[METADATA_KEY], RT_INFO)
        openvino.serialize(converted, path)


def write_torch(network: nn.Module, spec: ModelSpec, precision: str, _: Tensor, path: Path) -> None:
    """Write the weights and the specification; the architecture is facetrain's own."""
    save_network(network, spec, precision, path)


WRITERS: dict[str, Writer] = {"onnx": write_onnx, "openvino": write_openvino, "torch": write_torch}


def _into_cache(
    source: Path, network: nn.Module, spec: ModelSpec, precision: str, sizes: tuple[int, ...], data: Path | None
) -> Exported:
    """Build TensorRT's programs into the cache where `--engine tensorrt` finds them: they run on this GPU only.

    Removes them again, and raises ParityError, if they differ from torch on `data`.
    """
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
    engine: Engine, reference: Engine, sizes: tuple[int, ...], crops: Tensor, name: str
) -> dict[int, dict[str, float]]:
    """Measure the median latency in ms of each batch size for `engine` and for ONNX Runtime, interleaved, one thread.

    Processor time, which other load on the machine does not affect; wall-clock time on a GPU.
    """
    timer = time.perf_counter if name == "tensorrt" else time.process_time
    medians = {}
    for size in sizes:
        batch = np.ascontiguousarray(crops.numpy()[np.arange(size) % len(crops)])
        runs = {name: lambda batch=batch: engine(batch), "ONNX Runtime": lambda batch=batch: reference(batch)}
        medians[size] = interleaved_ms(runs, LATENCY_S / len(sizes), timer)
    return medians


def _crops(spec: ModelSpec, data: Path | None) -> Tensor:
    if data is None:
        return parity.photograph_crops(spec)
    return sample_crops(spec, usable(read_labelled(data).samples))[0]


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """Yield a path of the same name in a temporary folder beside `out`; its files replace `out` at the end."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=out.parent, prefix=".export")
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error}); choose another --out") from error
    with folder as name:
        yield Path(name) / out.name
        for file in sorted(Path(name).iterdir()):  # the .bin before its .xml, which must not exist alone
            file.replace(out.parent / file.name)
