"""OpenVINO: often the fastest on an Intel or AMD processor. Needs the extra `openvino`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facetrack.engine import check_outputs, check_threads
from facetrack.errors import MissingExtraError, ModelFileError, first_line
from facetrack.modelfile import METADATA_KEY, ModelSpec, check_file
from facetrack.types import Image

RT_INFO = ["framework", METADATA_KEY]
"""Path of an .onnx file's metadata in an OpenVINO model, also in its own format (.xml and .bin)."""
SUFFIXES = (".onnx", ".xml")


class OpenVinoEngine:
    """Network file (.onnx, or .xml with its .bin) opened in OpenVINO, on the CPU, optimised for latency.

    threads: as for `OnnxEngine`.
    Always computes in float32: on processors with bfloat16 units OpenVINO's default is bfloat16, which costs tenths of
    a pixel.
    Raises MissingExtraError without the extra; ModelFileError as `OnnxEngine` does.
    """

    def __init__(self, path: Path | str, threads: int = 1) -> None:
        check_threads(threads)
        self.path = Path(path)
        openvino = need_openvino()
        model = _read(openvino, self.path)
        self.spec = ModelSpec.from_metadata(metadata_of(model), self.path)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        try:
            compiled = openvino.Core().compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise ModelFileError(f"{self.path} is not a network that OpenVINO can run ({first_line(error)})") from error
        self._lock = threading.Lock()  # a request that runs refuses another thread
        self._request = compiled.create_infer_request()
        # A tensor may have several names: after an optimised-away node, also that of the node before it.
        self._outputs: list[str] = [
            next((name for name in self.spec.outputs if name in output.get_names()), output.get_any_name())
            for output in compiled.outputs
        ]
        check_outputs(self, self.path)

    def __call__(self, batch: Image) -> dict[str, NDArray[np.float32]]:
        # The input is not copied; the outputs are, as the next call overwrites them.
        with self._lock:
            outputs = self._request.infer([batch], share_inputs=True, share_outputs=False)
        return dict(zip(self._outputs, outputs.to_tuple(), strict=True))


def need_openvino() -> Any:
    """Import OpenVINO. Raises MissingExtraError if it is not installed."""
    # `import openvino` sends telemetry, and waits for the network, if openvino_telemetry can be imported.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError(
            "the engine openvino needs the package openvino; install the extra: python -m pip install "
            "'facetrack[openvino]'"
        ) from error
    return openvino


def metadata_of(model: Any) -> dict[str, str]:
    """Return the model's facetrack metadata by METADATA_KEY; empty if there is none."""
    return {METADATA_KEY: str(model.get_rt_info(RT_INFO).value)} if model.has_rt_info(RT_INFO) else {}


def _read(openvino: Any, path: Path) -> Any:
    check_file(path)
    if path.suffix not in SUFFIXES:
        raise ModelFileError(f"{path} is no file for OpenVINO; expected {' or '.join(SUFFIXES)}")
    try:
        return openvino.Core().read_model(path)
    except RuntimeError as error:
        raise ModelFileError(
            f"{path} is not a network that OpenVINO can open; expected an .onnx file, or an .xml and its .bin"
        ) from error
