"""Download of networks from a local test server: right bytes, wrong bytes, truncated, and no server at all."""

import hashlib
import http.server
import socket
import threading
from pathlib import Path

import pytest

from facetrack import download
from facetrack.download import VendorFile, cache_folder, fetch
from facetrack.errors import ModelFileError, OutputError

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def server():
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            if self.path == "/gone":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write({"/right": CONTENT, "/other": CONTENT[::-1], "/short": CONTENT[:100]}[self.path])

        def log_message(self, *words):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}", requests
    running.shutdown()
    running.server_close()
    thread.join()


def file(address: str) -> VendorFile:
    return VendorFile("net.bin", address, hashlib.sha256(CONTENT).hexdigest())


def test_it_is_fetched_once(server, tmp_path):
    address, requests = server
    path = fetch(file(f"{address}/right"), tmp_path / "deep" / "cache")
    assert path == tmp_path / "deep" / "cache" / "net.bin"
    assert path.read_bytes() == CONTENT
    assert fetch(file(f"{address}/right"), path.parent) == path
    assert requests == ["/right"]
    assert [p.name for p in path.parent.iterdir()] == ["net.bin"]


def test_a_damaged_copy_is_fetched_again(server, tmp_path):
    (tmp_path / "net.bin").write_bytes(CONTENT[:50])
    assert fetch(file(f"{server[0]}/right"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "words"), [("/other", "expected"), ("/short", "`detector_model`"), ("/gone", "Not Found")]
)
def test_wrong_responses_leave_nothing(server, tmp_path, path, words):
    with pytest.raises(ModelFileError) as caught:
        fetch(file(server[0] + path), tmp_path / "cache")
    message = str(caught.value)
    assert words in message
    assert server[0] + path in message
    assert "\n" not in message
    assert not (tmp_path / "cache").exists()


def test_offline_is_one_sentence_with_a_way_out(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/net.bin"
    with pytest.raises(ModelFileError, match="could not be downloaded") as caught:
        fetch(file(address), tmp_path / "cache")
    assert address in str(caught.value)
    assert "`detector_model`" in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be(server, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        fetch(file(f"{server[0]}/right"), tmp_path / "cache")


def test_the_cache_folder_follows_the_xdg_specification(monkeypatch):
    monkeypatch.setattr(download.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/where")
    assert cache_folder() == Path("/some/where/facetrack")
    for unset in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert cache_folder() == Path.home() / ".cache" / "facetrack"
