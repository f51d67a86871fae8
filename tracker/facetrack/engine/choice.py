"""Choice of the runtime for a network, and between files of one network: as requested, or the fastest here."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from facetrack.engine import Engine, cache
from facetrack.engine.trial import interleaved_ms
from facetrack.errors import FacetrackError, ModelFileError, first_line
from facetrack.modelfile import bundled_path, int8_sibling, network_path

T = TypeVar("T")
ENGINES = ("onnx", "openvino", "torch", "tensorrt")
AUTO = "auto"
PROVIDERS = {"onnx": ("cpu", "cuda", "tensorrt"), "torch": ("cpu", "cuda")}
"""Execution providers of an engine; the other engines have a single one each."""
OWN_FORMAT = {".xml": "openvino", ".safetensors": "torch"}
"""File formats that only one engine reads."""
TRIAL_S = 1.0
"""Duration of the speed comparison."""
TRIED = ("onnx", "openvino")
"""Engines of the speed comparison."""
ALTERNATIVE_COST = 1.3
"""Share of the default file's latency up to which an alternative is chosen: landmarks68-int8 errs by 9 to 14 % less, at
1.05 to 1.22 of it on processors with VNNI (docs/experiments.md)."""
DEFAULT_NETWORK = "landmarks68"
NOT_TRIED = "openvino could not be tried"


class Candidate(NamedTuple):
    """A network's file in one engine. label: for people, and unique within a comparison."""

    path: Path
    engine: str
    label: str


Trial = Callable[[Sequence[Candidate], int], dict[str, float]]
"""Speed comparison: candidates and number of threads -> latency in ms by label."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Chosen engine and file.

    engine: one of ENGINES.
    reason: explanation to print; empty if there was nothing to choose.
    path: the chosen one of the alternatives; None for the network's own file.
    """

    engine: str
    reason: str = ""
    path: Path | None = None


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
        return start_with_fallback(path, lambda name, _: open_engine(path, name, threads, provider), threads, provider)[
            0
        ]
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
        raise FacetrackError(f"`engine` is {engine!r}; expected {AUTO}, {', '.join(ENGINES)}")
    allowed = PROVIDERS.get("onnx" if engine == AUTO else engine, ("cpu",))
    if provider not in allowed:
        raise FacetrackError(
            f"`provider` is {provider!r}; expected {' or '.join(allowed)} with `engine` {engine}"
            + ("" if engine in PROVIDERS else ", or `engine` onnx or torch")
        )


def start_with_fallback(
    path: Path,
    start: Callable[[str, Path], T],
    threads: int = 1,
    provider: str = "cpu",
    alternatives: Sequence[Path] = (),
) -> tuple[T, Choice]:
    """Start the engine chosen for the network at `path`, falling back to ONNX Runtime and that file.

    start: engine name and file -> whatever it opens.
    provider: any but cpu selects ONNX Runtime and `path` without a comparison.
    alternatives: see `choose`.
    Exceptions of `start("onnx", path)` pass through.
    """
    choice = Choice("onnx") if provider != "cpu" else choose(path, threads, alternatives=alternatives)
    if (choice.engine == "onnx" and choice.path is None) or path.suffix in OWN_FORMAT:
        return start(choice.engine, path), choice
    try:
        return start(choice.engine, choice.path or path), choice
    except Exception as error:  # a broken package, a missing driver, no GPU memory: ONNX Runtime needs none of them
        return start("onnx", path), Choice("onnx", f"{choice.engine} does not start: {first_line(error)}")


def start_automatically(
    network: str | Path | None, start: Callable[[str, Path], T], threads: int = 1, provider: str = "cpu"
) -> tuple[T, Choice]:
    """Start a tracker in the engine that is chosen once, for its landmark network, which runs in every frame.

    network: path, or a bundled one's name; None for the default network or its int8 sibling. start: engine name and
        file -> tracker. See `start_with_fallback`.
    """
    alternatives = default_alternatives() if network is None else []
    return start_with_fallback(network_path(network or DEFAULT_NETWORK), start, threads, provider, alternatives)


def default_alternatives() -> list[Path]:
    """Return the other bundled files of the default network: its int8 sibling, if there is one."""
    sibling = int8_sibling(bundled_path(DEFAULT_NETWORK))
    return [] if sibling is None else [sibling]


def landmark_network(
    network: str | Path | None, engine: str | None, threads: int = 1, provider: str = "cpu"
) -> tuple[Path, str]:
    """Return the file and the engine of a landmark network.

    network: path, or a bundled one's name; None for the default network: its int8 sibling where a trial found it to be
        faster here, unless an engine or a provider is named.
    engine: one of ENGINES, or None for ONNX Runtime.
    """
    if network is not None:
        return network_path(network), engine or "onnx"
    path = bundled_path(DEFAULT_NETWORK)
    if engine is None and provider == "cpu":
        path = choose(path, threads, alternatives=default_alternatives(), engines=("onnx",)).path or path
    return path, engine or "onnx"


def choose(
    path: Path,
    threads: int = 1,
    trial: Trial | None = None,
    alternatives: Sequence[Path] = (),
    engines: Sequence[str] = TRIED,
) -> Choice:
    """Choose the engine for the network at `path`, and its file if there are alternatives. Raises nothing.

    TensorRT and `path` if there are an NVIDIA GPU and torch-tensorrt; else the fastest in an interleaved comparison of
    one second in ONNX Runtime and, if it is installed, OpenVINO; without anything to compare, ONNX Runtime and `path`.

    The latencies are cached by weights, processor, package versions and threads. If the cache cannot be written there
    is no comparison, as it would run every time.
    trial: the comparison; `measure` by default.
    alternatives: other files for the same purpose, such as a larger network in int8, which is more accurate and on some
        processors as fast; one is chosen if it takes at most ALTERNATIVE_COST of the time.
    engines: those to compare.
    """
    if path.suffix in OWN_FORMAT:
        return Choice(OWN_FORMAT[path.suffix], f"the only engine that reads {path.suffix}")
    if len(engines) > 1 and _tensorrt_available():
        return Choice("tensorrt", "an NVIDIA GPU and torch-tensorrt are available")
    installed = [name for name in engines if name != "openvino" or find_spec("openvino") is not None]
    candidates = [Candidate(path, name, name) for name in installed]
    candidates += [Candidate(other, name, f"{name} ({other.stem})") for other in alternatives for name in installed]
    if len(candidates) < 2 or not path.is_file():
        return Choice("onnx")
    try:
        latency_ms = _cached_trial(candidates, threads, trial or measure)
    except Exception as error:  # ONNX Runtime needs neither OpenVINO nor the cache, so no failure of theirs is fatal
        if alternatives:
            alone = choose(path, threads, trial, engines=engines)
            if alone.reason.startswith(NOT_TRIED):  # OpenVINO fails with this file, too
                return alone
            reason = f"{', '.join(other.stem for other in alternatives)} could not be tried: {first_line(error)}"
            return replace(alone, reason=reason)
        return Choice("onnx", f"{NOT_TRIED}: {first_line(error)}")
    # An alternative is the more accurate network: what it may cost more is given to it here.
    cost = {c.label: latency_ms[c.label] / (1.0 if c.path == path else ALTERNATIVE_COST) for c in candidates}
    fastest = min(candidates, key=lambda candidate: cost[candidate.label])  # the first of equals
    listed = ", ".join(f"{latency_ms[candidate.label]:.2f} ms in {candidate.label}" for candidate in candidates)
    return Choice(fastest.engine, f"latency per face: {listed}", None if fastest.path == path else fastest.path)


def measure(candidates: Sequence[Candidate], threads: int) -> dict[str, float]:
    """Measure the median latency of each candidate in ms, interleaved for TRIAL_S.

    The batch is one random crop; for a detector, one random image of 320x320 px. Raises ModelFileError for a file that
    is of another kind than the first, or lacks one of its outputs.
    """
    calls: dict[str, Callable[[], object]] = {}
    opened = {candidate.label: open_engine(candidate.path, candidate.engine, threads) for candidate in candidates}
    first = opened[candidates[0].label].spec
    for candidate in candidates:
        engine = opened[candidate.label]
        missing = set(first.outputs) - set(engine.spec.outputs)
        if missing or engine.spec.kind != first.kind:
            raise ModelFileError(
                f"{candidate.path.name} is a {engine.spec.kind} network without {', '.join(sorted(missing)) or 'use'}; "
                f"expected one like {candidates[0].path.name}"
            )
        side = engine.spec.input_px or 320
        crop = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
        calls[candidate.label] = partial(engine, crop)
    return interleaved_ms(calls, TRIAL_S, time.process_time if threads == 1 else time.perf_counter)


def _cached_trial(candidates: Sequence[Candidate], threads: int, trial: Trial) -> dict[str, float]:
    def write(file: Path) -> None:
        file.write_text(json.dumps(trial(candidates, threads)))

    def read(file: Path) -> dict[str, float]:
        latency_ms = json.loads(file.read_text())
        return {candidate.label: float(latency_ms[candidate.label]) for candidate in candidates}

    return cache.load_or_build(choice_key(candidates, threads).path(".json"), read, write)


def choice_key(candidates: Sequence[Candidate], threads: int) -> cache.CacheKey:
    """Return the key of a comparison's figures."""
    versions = tuple(cache.version(package) for package in ("facetrack", "onnxruntime", "openvino"))
    weights = " ".join(f"{cache.weights_hash(candidate.path)} {candidate.engine}" for candidate in candidates)
    return cache.CacheKey("choice", weights, f"{cache.cpu_name()}, {threads} threads", versions)


def _tensorrt_available() -> bool:
    if find_spec("torch_tensorrt") is None:
        return False
    try:
        import torch
    except Exception:  # an incomplete installation raises more than ImportError
        return False
    return bool(torch.cuda.is_available())
