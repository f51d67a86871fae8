"""Who may ask: names, origins, tokens."""

import pytest

from facetrack.errors import OutputError
from served import Access, served

websocket = pytest.importorskip("websocket", reason="needs websocket-client")

TOKEN = "a-secret-of-the-tests-0123"


@pytest.fixture(scope="module")
def local():
    with pytest.MonkeyPatch.context() as patch, served(patch) as running:
        yield running


@pytest.fixture(scope="module")
def locked():
    with pytest.MonkeyPatch.context() as patch, served(patch, token=TOKEN, names=("desk.example",)) as running:
        yield running


def test_own_names_are_known_and_others_are_not(local):
    port = local.access.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"LOCALHOST:{port}"):
        assert local.ask("/api/state", host=host)[0] == 200
    others = ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", f"10.0.0.1:{port}")
    for host in (*others, "127.0.0.1:1", "127.0.0.1", "", "127.0.0.1:٨"):
        assert local.ask("/api/state", host=host.encode().decode("latin-1"))[0] in (400, 403), host


@pytest.mark.parametrize(
    "path", ["/", "/api/state", "/snapshot.jpg", "/stream.mjpg", "/events", "/metrics", "/static/icon.svg"]
)
def test_other_sites_may_not_ask(local, path):
    own = f"http://{local.host}"
    if path not in ("/stream.mjpg", "/events"):
        assert local.ask(path, origin=own)[0] == 200
    for origin in (
        "http://evil.example",
        "null",
        f"https://{local.host}",
        f"{own}.evil.example",
        "http://127.0.0.1:1",
        "",
    ):
        assert local.ask(path, origin=origin)[0] == 403, origin
    assert local.ask(path, sec_fetch_site="cross-site")[0] == 403
    assert local.ask(path, sec_fetch_site="same-site")[0] == 403


def test_a_link_may_lead_to_the_page_but_not_to_a_picture(local):
    followed = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert local.ask("/", **followed)[0] == 200
    assert local.ask("/snapshot.jpg", **followed)[0] == 403
    assert local.ask("/", **{**followed, "sec_fetch_dest": "iframe"})[0] == 403


def test_commands_of_other_sites_change_nothing(local):
    assert local.ask("/api/settings", {"smoothing": "off"}, origin="http://evil.example")[0] == 403
    assert local.ask("/api/settings")[1]["smoothing"] != "high"


@pytest.mark.parametrize("path", ["/ws", "/ws/camera"])
def test_sockets_check_origin_and_host(local, path):
    for options in ({"origin": "http://evil.example"}, {"host": "evil.example"}, {"origin": "null"}):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            local.socket(path, **options)
        assert refused.value.status_code == 403
    local.socket("/ws", origin=f"http://{local.host}").close()


def test_without_the_token_nothing_is_told(locked):
    for path in (
        "/",
        "/api/state",
        "/snapshot.jpg",
        "/stream.mjpg",
        "/metrics",
        "/openapi.json",
        "/static/js/main.js",
        "/no",
    ):
        status, _, headers = locked.ask(path)
        assert (status, headers["www-authenticate"]) == (401, "Bearer"), path
    for header in ("Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", TOKEN):
        assert locked.ask("/api/state", authorization=header)[0] == 401
    for path in (f"/api/state?token={TOKEN[:-1]}", "/api/state?token=", f"/api/state?token=x&token={TOKEN}"):
        assert locked.ask(path)[0] == 401
    for path in ("/ws", "/ws/camera", "/ws?token=wrong"):
        with pytest.raises(websocket.WebSocketBadStatusException):
            locked.socket(path)


def test_the_token_opens_by_header_and_once_by_address(locked):
    assert locked.ask("/api/state", authorization=f"Bearer {TOKEN}")[0] == 200
    assert locked.ask(f"/api/state?token={TOKEN}")[0] == 200
    locked.socket(f"/ws?token={TOKEN}").close()
    locked.socket("/ws", header=[f"Authorization: Bearer {TOKEN}"]).close()
    status, _, headers = locked.ask(f"/overlay?camera=camera&token={TOKEN}")
    assert (status, headers["location"]) == (303, "/overlay?camera=camera")
    cookie = headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict"))
    assert TOKEN not in cookie
    kept = cookie.partition(";")[0]
    assert locked.ask("/overlay", cookie=kept)[0] == 200
    locked.socket("/ws", cookie=kept).close()
    assert locked.ask("/api/state", cookie=kept[:-1] + "x")[0] == 401
    assert locked.ask("/api/state", cookie="\x01=;;;")[0] in (400, 401)


def test_a_further_name_is_known(locked):
    host = f"desk.example:{locked.access.port}"
    assert locked.ask("/api/state", host=host, authorization=f"Bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"host": "0.0.0.0"}, "--token"),
        ({"host": "192.168.1.5"}, "--token"),
        ({"host": "::"}, "--token"),
        ({"token": "short"}, "at least 16"),
        ({"token": "ä" * 20}, "printable ASCII"),
        ({"certificate": "c.pem"}, "--tls-key"),
    ],
)
def test_unsafe_addresses_are_refused_at_the_start(values, said):
    with pytest.raises(OutputError, match=said):
        Access(**values)


def test_an_open_address_is_known_by_its_numbers_alone():
    access = Access("0.0.0.0", 8000, TOKEN)
    assert access.knows_host("192.168.1.5:8000")
    assert access.knows_host("[fe80::1]:8000")
    assert not access.knows_host("evil.example:8000")
    assert TOKEN not in repr(access)
