"""The command `facetrack`, also as `python -m facetrack`."""

from __future__ import annotations

import re
import sys
import traceback
from typing import NoReturn

from facetrack import stopping
from facetrack.errors import FacetrackError

_WITHOUT_DESKTOP = (
    "on a server without a desktop put opencv-python-headless in the place of opencv-python (docs/platforms.md), or "
    "install what that library is in"
)


def main() -> None:
    """Run the command line. A FacetrackError prints one sentence; a signal ends any command (`facetrack.stopping`)."""
    stopping.install()
    try:
        from facetrack.cli import app  # takes a second, in which a signal may come, too

        app()
    except FacetrackError as error:
        from facetrack.cli.shell.common import is_verbose
        from facetrack.cli.shell.sentences import with_options

        if is_verbose():
            traceback.print_exc()
        print(f"facetrack: {with_options(str(error))}", file=sys.stderr)
        _exit(error.exit_code)
    except ImportError as error:
        library = re.match(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file", str(error))
        if library is None:
            raise
        print(f"facetrack: this system has no {library[1]}; {_WITHOUT_DESKTOP}", file=sys.stderr)
        _exit(2)
    except stopping.Stopped as stopped:
        stopping.end_with(stopped.exit_code)
        print("facetrack: stopped", file=sys.stderr)
        _exit(stopped.exit_code)
    except SystemExit as end:
        _exit(end.code)


def _exit(code: str | int | None) -> NoReturn:
    stopping.leave(code if isinstance(code, int) else int(code is not None))
    sys.exit(code)


if __name__ == "__main__":
    main()
