"""Build hook: compile tracker/facetrack/compiled where there is a C compiler; without one the package is pure Python.

`python hatch_build.py` does the same in the working tree, where a checkout on the path finds it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import zlib
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object  # type: ignore[assignment,misc]

SOURCES = Path(__file__).parent / "tracker" / "facetrack" / "compiled"
FLAGS = ["-O3", "-ffp-contract=off", "-fPIC", "-Wall", "-Wextra"]
"""No -ffast-math and no fused operations: the results are those of the NumPy functions."""


class CompiledKernels(BuildHookInterface):
    """Hook of the wheel: with the kernels it is one for this platform, for every Python from 3.11 on."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        library = compiled()
        if library is None:
            self.app.display_warning("facetrack is built without compiled kernels: NumPy computes the same, slower")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
        build_data["artifacts"].append(f"/{library.relative_to(Path(self.root)).as_posix()}")


def compiled() -> Path | None:
    """Compile the kernels beside their sources; returns the library, None where no compiler or no headers are."""
    library = SOURCES / "_kernels.abi3.so"
    library.unlink(missing_ok=True)
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "")
    if not compiler:  # as on Windows
        return None
    shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    include = f"-I{sysconfig.get_path('include')}"
    sources = sorted(str(path) for path in SOURCES.glob("*.c"))
    text = b"".join(path.read_bytes() for path in sorted(SOURCES.glob("*.[ch]")))
    built_from = f"-DBUILT_FROM={zlib.crc32(text)}UL"  # `facetrack.compiled` compares it
    try:
        subprocess.run(
            [*compiler, *FLAGS, built_from, *shared, include, *sources, "-o", str(library), "-lm"], check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return library


if __name__ == "__main__":
    sys.exit(0 if compiled() else "no C compiler that finds Python.h; NumPy computes the same, slower")
