"""Addresses of streams, and the command that names them, as they may be shown."""

from __future__ import annotations

import re
import shlex
import sys

_SECRET = re.compile(r"(?i)(user|usr|login|pass|pwd|psw|token|key|auth|secret|sig)\w*=.*")
"""Cameras also take credentials in the path: /user=admin_password=x_channel=1.sdp."""
_HOST = re.compile(r"[^/:@]+(/|$)")
_HOST_AND_PATH = re.compile(r"([\w.-]+|\[[\w.:]+\])(:\d+)?/")


def without_password(address: str) -> str:
    """Return an address without user name, password and query, for messages and logs; other text as it is.

    A password may hold / ? # or @ as typed, which makes the address ambiguous; then less is shown, never more.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    before, cut = _before_query(rest)
    if "@" in before:
        if not _HOST.match(before):  # a host without port and user name: the @ is the path's own
            before = before.rpartition("@")[2]
    elif "@" in rest and not _HOST_AND_PATH.match(before):
        before, cut = _before_query(rest.rpartition("@")[2])
    return f"{scheme}://{_SECRET.sub('...', before)}{cut and cut + '...'}"


def typed_command() -> str:
    """Return the command of this process, as it can be typed again, without passwords."""
    return shlex.join(["facetrack", *map(without_password, sys.argv[1:])])


def _before_query(text: str) -> tuple[str, str]:
    """Return the part before the query or fragment, and the character that begins it, if any."""
    found = re.search(r"[?#]", text)
    return (text[: found.start()], found[0]) if found else (text, "")
