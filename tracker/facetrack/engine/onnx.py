"""ONNX Runtime: the default engine, on any CPU; on a GPU with one of its providers."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facetrack.engine import check_outputs, check_threads
from facetrack.engine.halves import InHalves
from facetrack.errors import MissingExtraError, ModelFileError, first_line
from facetrack.modelfile import ModelSpec, check_file
from facetrack.types import Image

PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
}
"""Execution providers by decreasing priority: each operator runs on the first that supports it."""


class OnnxEngine:
    """Network file opened in ONNX Runtime.

    threads: of one picture, 1 by default: for networks this small the synchronisation costs more than a second core
        gains; many faces are then read in two halves on two cores. Worker threads never spin, as spinning keeps whole
        cores busy between two frames.
    provider: a key of PROVIDERS.
    Raises ModelFileError if the file is missing, is no ONNX file, or lacks facetrack's metadata; MissingExtraError if
    this ONNX Runtime does not have the provider or cannot start it.
    """

    def __init__(self, path: Path | str, threads: int = 1, provider: str = "cpu") -> None:
        self.path = Path(path)
        self._session = _open(self.path, threads, provider)
        try:
            metadata = self._session.get_modelmeta().custom_metadata_map
            self._input: str = self._session.get_inputs()[0].name
            self._outputs: list[str] = [output.name for output in self._session.get_outputs()]
        except UnicodeDecodeError as error:
            raise ModelFileError(
                f"{self.path} has names that are no text ({error}); copy or export it again"
            ) from error
        self.spec = ModelSpec.from_metadata(metadata, self.path)
        self._in_parts = InHalves(self._run) if threads == 1 and provider == "cpu" else self._run
        check_outputs(self, self.path)

    def __call__(self, batch: Image) -> dict[str, NDArray[np.float32]]:
        return self._in_parts(batch)

    def _run(self, batch: Image) -> dict[str, NDArray[np.float32]]:
        try:
            values = self._session.run(self._outputs, {self._input: batch})
        except Exception as error:  # as in `_open`
            raise ModelFileError(
                f"{self.path} fails on {batch.shape} bytes ({first_line(error)}); export it again"
            ) from error
        return dict(zip(self._outputs, values, strict=True))


def need_onnxruntime() -> Any:
    """Import ONNX Runtime, which is imported nowhere else, without its telemetry.

    Its wheels look up a server and write an identity of the machine into the user's cache (1.32); only this variable,
    set before the import, keeps them from it.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


def _open(path: Path, threads: int, provider: str) -> Any:
    onnxruntime = need_onnxruntime()
    check_threads(threads)
    check_file(path)
    _check_provider(provider, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        # What it prints there, before it tries the next provider, would end up among the records of --json -.
        with redirect_stdout(StringIO()):
            session = onnxruntime.InferenceSession(str(path), options, providers=PROVIDERS[provider])
    except Exception as error:  # ONNX Runtime's errors share no base class below Exception
        raise ModelFileError(
            f"{path} is not a network that ONNX Runtime can open ({first_line(error)}); expected an .onnx file"
        ) from error
    # ONNX Runtime silently falls back to the CPU if a provider's libraries are missing.
    _check_provider(provider, session.get_providers())
    if len(session.get_inputs()) != 1:
        raise ModelFileError(f"{path} has {len(session.get_inputs())} inputs; expected one, of pictures")
    return session


def _check_provider(provider: str, available: list[str]) -> None:
    if provider not in PROVIDERS:
        raise ModelFileError(f"`provider` is '{provider}'; expected one of {', '.join(PROVIDERS)}")
    wanted = PROVIDERS[provider][0]
    if wanted not in available:
        raise MissingExtraError(
            f"the provider '{provider}' needs ONNX Runtime's {wanted}, but here it has only {', '.join(available)}; "
            "replace onnxruntime by onnxruntime-gpu on a machine with an NVIDIA GPU, or leave `provider` out"
        )
