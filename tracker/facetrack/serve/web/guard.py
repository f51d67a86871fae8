"""Who may ask: host names, origins, the token, and headers that keep a page to itself; for HTTP and WebSocket."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facetrack.errors import OutputError

LEAST_TOKEN = 16
"""Characters of a token: a guess at the rate that a server answers takes longer than anyone waits."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
PAGES = ("/", "/overlay")
COOKIE_AGE_S = 30 * 86_400
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server listens, and who may ask.

    token: "" for none, which only a loopback address goes without. names: further host names it is asked for by.
    certificate, key: files in PEM; without them it speaks plain HTTP.
    Raises OutputError for an address that is open to others without a token, and for half a pair of files.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = field(default="", repr=False)
    names: tuple[str, ...] = ()
    certificate: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        if not self.is_local and not self.token:
            example = secrets.token_urlsafe(24)
            raise OutputError(
                f"--host {self.host} lets other machines in; add a secret of at least {LEAST_TOKEN} characters that "
                f"they must know, such as --token {example}, or leave --host out"
            )
        if self.token and (len(self.token) < LEAST_TOKEN or not self.token.isascii() or not self.token.isprintable()):
            raise OutputError(
                f"--token has {len(self.token)} characters; expected at least {LEAST_TOKEN}, printable ASCII: make one "
                'with python -c "import secrets; print(secrets.token_urlsafe())"'
            )
        if (self.certificate is None) != (self.key is None):
            raise OutputError("--tls-cert and --tls-key belong together; give both, or neither for plain HTTP")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def scheme(self) -> str:
        return "http" if self.certificate is None else "https"

    @property
    def url(self) -> str:
        """Address of the page, for this machine where it listens everywhere."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"{self.scheme}://[{host}]:{self.port}/" if ":" in host else f"{self.scheme}://{host}:{self.port}/"

    @property
    def cookie(self) -> tuple[str, str]:
        """Name and value of the cookie that stands for the token; ports share a browser's cookies."""
        value = hmac.new(self.token.encode(), b"facetrack serve cookie", hashlib.sha256).hexdigest()
        return f"facetrack_{self.port}", value

    def knows_host(self, host: str) -> bool:
        """Whether a Host header names this server: an attacker's name that resolves here (DNS rebinding) does not."""
        name, _, port = host.lower().rpartition(":")
        if not port.isdecimal():
            name, port = host.lower(), "443" if self.certificate else "80"
        if not port.isascii() or int(port) != self.port:
            return False
        if name in LOCAL_NAMES or name in {self.host.lower(), *(known.lower() for known in self.names)}:
            return True
        if self.is_local:
            return False
        own = socket.gethostname().lower()
        return name in (own, f"{own}.local") or _is_number(name)

    def knows_token(self, token: str | None) -> bool:
        return token is not None and hmac.compare_digest(token.encode(), self.token.encode())

    def knows_cookie(self, header: str | None) -> bool:
        """Whether a Cookie header holds the cookie."""
        name, value = self.cookie
        try:
            found = SimpleCookie(header or "").get(name)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), value.encode())


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


class Guard:
    """Middleware that answers what may not be asked, and adds HEADERS to every response."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._refusal(scope)
        if answer is None:
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})  # before it is accepted: 403
        else:
            await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1 or not self._access.knows_host(headers["host"]):
            return _error(403, "this server is not called so; ask by its number or name, or start it with --allow-host")
        origin = headers.get("origin")
        if origin is not None and not self._same_origin(origin, headers["host"]):
            return _error(403, "another site's page asks; only this server's own pages may")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _opens_page(scope, headers):
            return _error(403, "another site's page asks; only this server's own pages may")
        return self._token_refusal(scope, headers) if self._access.token else None

    def _same_origin(self, origin: str, host: str) -> bool:
        return origin.lower() == f"{self._access.scheme}://{host.lower()}"

    def _token_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return None if self._access.knows_token(given.strip()) else _unauthorized()
        if self._access.knows_cookie(headers.get("cookie")):
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = query.pop("token", [])
        if len(tokens) != 1 or not self._access.knows_token(tokens[0]):
            return _unauthorized()
        if scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD") or scope["path"] not in PAGES:
            return None
        # Once in the address, from then on in a cookie: addresses are kept in histories and shown on screens.
        rest = urlencode(query, doseq=True)
        answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), status_code=303)
        name, value = self._access.cookie
        answer.set_cookie(
            name, value, max_age=COOKIE_AGE_S, httponly=True, samesite="strict", secure=self._access.scheme == "https"
        )
        return answer


def _opens_page(scope: Scope, headers: Headers) -> bool:
    """Whether somebody follows a link to a page, which tells the page that holds the link nothing."""
    navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return navigates and scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in PAGES


def _error(status: int, sentence: str, headers: Iterable[tuple[str, str]] = ()) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status, headers=dict(headers))


def _unauthorized() -> JSONResponse:
    said = "the token is missing or wrong; send it as Authorization: Bearer TOKEN, or open the page with ?token=TOKEN"
    return _error(401, said, [("www-authenticate", "Bearer")])
