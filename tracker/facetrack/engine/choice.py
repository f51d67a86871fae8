"""Choice of the runtime for a network: the requested one, or the fastest on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import numpy as np

from facetrack.engine import Engine, cache
from facetrack.engine.trial import interleaved_ms
from facetrack.errors import FacetrackError

T = TypeVar("T")
ENGINES = ("onnx", "openvino", "torch", "tensorrt")
AUTO = "auto"
PROVIDERS = {"onnx": ("cpu", "cuda", "tensorrt"), "torch": ("cpu", "cuda")}
"""Execution providers of an engine; the other engines have a single one each."""
OWN_FORMAT = {".xml": "openvino", ".safetensors": "torch"}
"""File formats that only one engine reads."""
TRIAL_S = 1.0
"""Duration of the speed comparison."""
Trial = Callable[[Path, int], dict[str, float]]
"""Speed comparison: path and number of threads -> latency in ms by engine."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Chosen engine.

    engine: one of ENGINES.
    reason: explanation to print; empty if there was nothing to choose.
    """

    engine: str
    reason: str = ""


def open_engine(path: Path | str, engine: str = "onnx", threads: int = 1, provider: str = "cpu") -> Engine:
    """Open the network at `path` in an engine: one of ENGINES or `auto` (see `choose`).

    threads: on the CPU.
    provider: execution provider of `onnx` (cpu, cuda, tensorrt) and `torch` (cpu, cuda).
    `tensorrt` builds for crops of one size; a detector, which takes images of any size, then runs in torch on the GPU.
    Raises MissingExtraError naming the missing package, ModelFileError if the file is not a network, FacetrackError for
    an unknown engine or provider.
    """
    path = Path(path)
    check(engine, provider)
    if engine == AUTO:
        return start_with_fallback(path, lambda name: open_engine(path, name, threads, provider), threads, provider)[0]
    if engine == "onnx":
        from facetrack.engine.onnx import OnnxEngine

        return OnnxEngine(path, threads, provider)
    if engine == "openvino":
        from facetrack.engine.openvino import OpenVinoEngine

        return OpenVinoEngine(path, threads)
    from facetrack.engine.torch import TorchEngine

    if engine == "torch":
        return TorchEngine(path, threads, provider)
    from facetrack.engine.onnx import OnnxEngine
    from facetrack.engine.tensorrt import TensorRtEngine, need_torch_tensorrt

    need_torch_tensorrt()
    if OnnxEngine(path).spec.input_px is None:
        return TorchEngine(path, threads, "cuda", "fp16")
    return TensorRtEngine(path)


def check(engine: str, provider: str) -> None:
    """Raise FacetrackError for an unknown engine, and for a provider that the engine does not have."""
    if engine not in (*ENGINES, AUTO):
        raise FacetrackError(f"--engine is '{engine}'; expected {AUTO}, {', '.join(ENGINES)}")
    allowed = PROVIDERS.get("onnx" if engine == AUTO else engine, ("cpu",))
    if provider not in allowed:
        raise FacetrackError(
            f"--provider is '{provider}'; expected {' or '.join(allowed)} with --engine {engine}"
            + ("" if engine in PROVIDERS else ", or --engine onnx or torch")
        )


def start_with_fallback(
    path: Path, start: Callable[[str], T], threads: int = 1, provider: str = "cpu"
) -> tuple[T, Choice]:
    """Start the engine chosen for the network at `path`, falling back to ONNX Runtime.

    start: engine name -> whatever it opens.
    provider: any but cpu selects ONNX Runtime without a comparison.
    Exceptions of `start("onnx")` pass through.
    """
    choice = Choice("onnx") if provider != "cpu" else choose(path, threads)
    if choice.engine == "onnx" or path.suffix in OWN_FORMAT:
        return start(choice.engine), choice
    try:
        return start(choice.engine), choice
    except Exception as error:  # a broken package, a missing driver, no GPU memory: ONNX Runtime needs none of them
        return start("onnx"), Choice("onnx", f"{choice.engine} does not start: {_first_line(error)}")


def choose(path: Path, threads: int = 1, trial: Trial | None = None) -> Choice:
    """Choose the engine for the network at `path`. Raises nothing.

    TensorRT if there are an NVIDIA GPU and torch-tensorrt; else OpenVINO if it is installed and faster than ONNX
    Runtime in an interleaved comparison of one second; else ONNX Runtime.

    The latencies are cached by weights, processor, package versions and threads. If the cache cannot be written there
    is no comparison, as it would run every time.
    trial: the comparison; `measure` by default.
    """
    if path.suffix in OWN_FORMAT:
        return Choice(OWN_FORMAT[path.suffix], f"the only engine that reads {path.suffix}")
    if _tensorrt_available():
        return Choice("tensorrt", "an NVIDIA GPU and torch-tensorrt are available")
    if find_spec("openvino") is None or not path.is_file():
        return Choice("onnx")
    try:
        latency_ms = _cached_trial(path, threads, trial or measure)
    except Exception as error:  # ONNX Runtime needs neither OpenVINO nor the cache, so no failure of theirs is fatal
        return Choice("onnx", f"openvino could not be tried: {_first_line(error)}")
    fastest = "openvino" if latency_ms["openvino"] < latency_ms["onnx"] else "onnx"
    return Choice(
        fastest, f"latency per face: {latency_ms['onnx']:.2f} ms in onnx, {latency_ms['openvino']:.2f} ms in openvino"
    )


def measure(path: Path, threads: int) -> dict[str, float]:
    """Measure the median latency of ONNX Runtime and OpenVINO in ms, interleaved for TRIAL_S.

    The batch is one random crop; for a detector, one random image of 320x320 px.
    """
    onnx, openvino = open_engine(path, "onnx", threads), open_engine(path, "openvino", threads)
    side = onnx.spec.input_px or 320
    crop = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    calls = {"onnx": lambda: onnx(crop), "openvino": lambda: openvino(crop)}
    return interleaved_ms(calls, TRIAL_S, time.process_time if threads == 1 else time.perf_counter)


def _cached_trial(path: Path, threads: int, trial: Trial) -> dict[str, float]:
    def write(file: Path) -> None:
        file.write_text(json.dumps(trial(path, threads)))

    return cache.load_or_build(choice_key(path, threads).path(".json"), _read, write)


def choice_key(path: Path, threads: int) -> cache.CacheKey:
    versions = tuple(cache.version(package) for package in ("facetrack", "onnxruntime", "openvino"))
    device = f"{cache.cpu_name()}, {threads} threads"
    return cache.CacheKey("choice", cache.weights_hash(path), device, versions)


def _read(file: Path) -> dict[str, float]:
    latency_ms = json.loads(file.read_text())
    return {name: float(latency_ms[name]) for name in ("onnx", "openvino")}


def _tensorrt_available() -> bool:
    if find_spec("torch_tensorrt") is None:
        return False
    try:
        import torch
    except Exception:  # an incomplete installation raises more than ImportError
        return False
    return bool(torch.cuda.is_available())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
