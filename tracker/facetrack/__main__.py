"""The command `facetrack`, also as `python -m facetrack`."""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn

from facetrack import stopping
from facetrack.errors import FacetrackError


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
