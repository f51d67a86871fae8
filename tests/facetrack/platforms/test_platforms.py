"""Windows and macOS: what they lack has a way round it, and docs/platforms.md lists every such place.

Neither system was at hand: each is imitated by taking away what it does not have. Availability: Python's library
reference, notes "Availability: Unix" of each function.
"""

from __future__ import annotations

import ast
import errno
import os
import re
import socket
import subprocess
import sys
import types
from pathlib import Path

import cv2
import pytest

from facetrack import stopping
from facetrack.batch import manifest
from facetrack.bench import memory
from facetrack.capture import device as device_module
from facetrack.capture import list_devices
from facetrack.download import cache_folder
from facetrack.engine import cache
from facetrack.errors import OutputError, SourceError
from facetrack.loops.window import check_display
from facetrack.serve import feed
from facetrack.sinks import lines as lines_module
from facetrack.sinks import staged
from facetrack.sinks.alarms import actions
from facetrack.sinks.alarms.rule import Alarm
from facetrack.sinks.lines import Lines
from facetrack.sinks.network.vts import token_file
from facetrack.sinks.pictures.virtual_camera import VirtualCameraSink
from facetrack.sinks.staged import StagedFile
from places import REPOSITORY

WINDOWS_LACKS = {
    "fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog",
    "os.fork", "os.getuid", "os.geteuid", "os.getloadavg", "os.mkfifo", "os.pread", "os.pwrite", "os.setpriority",
    "os.getpriority", "os.sched_getaffinity", "os.register_at_fork", "os.killpg", "os.setsid", "os.chown", "os.nice",
    "os.statvfs", "os.posix_fadvise", "os.uname", "os.getpgid", "os.wait", "os.O_CLOEXEC", "os.O_NONBLOCK",
    "signal.SIGHUP", "signal.SIGKILL", "signal.SIGUSR1", "signal.alarm", "signal.pause", "signal.setitimer",
    "signal.pthread_sigmask", "signal.pthread_kill", "signal.sigwait", "socket.AF_UNIX", "socket.TCP_USER_TIMEOUT",
    "select.poll", "select.epoll", "select.select", "asyncio.add_signal_handler", "time.clock_gettime",
}  # fmt: skip
"""select.select is there, for sockets alone. Of these macOS lacks sched_getaffinity, epoll and TCP_USER_TIMEOUT."""

BINARY = 1 << 28
"""A flag that stands for O_BINARY, which POSIX lacks."""


def used(path: Path) -> set[str]:
    """Return what a module uses of WINDOWS_LACKS, and of /proc, /sys and /dev."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {f"/{folder}" for folder in re.findall(r"^/(proc|sys|dev)\b", node.value)}
    return found & (WINDOWS_LACKS | {"/proc", "/sys", "/dev"})


def test_the_page_lists_every_place_that_needs_posix() -> None:
    root = REPOSITORY / "tracker" / "facetrack"
    places = {str(path.relative_to(root)) for path in root.rglob("*.py") if used(path)}
    page = (REPOSITORY / "docs" / "platforms.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("## Calls of the platform")[2].splitlines() if line.startswith("|")]
    listed = set(re.findall(r"`([\w/]+\.py)`", "\n".join(rows)))
    assert places <= listed
    assert all((root / name).is_file() for name in listed)


def test_every_module_is_imported_without_what_windows_lacks() -> None:
    """The modules, functions and constants are taken away before facetrack is imported, and sys.platform says win32."""
    body = """
        import os, select, signal, socket, sys
        import asyncio, concurrent.futures.process, multiprocessing.connection, cv2, av, numpy  # ask the true system
        for name in {names!r}:
            module, _, attribute = name.partition(".")
            if not attribute:
                sys.modules[module] = None
            elif name not in ("select.select", "socket.AF_UNIX") and hasattr(sys.modules.get(module), attribute):
                delattr(sys.modules[module], attribute)
        sys.platform = "win32"
        import importlib, pkgutil, facetrack
        from facetrack import stopping
        stopping.install()
        for found in pkgutil.walk_packages(facetrack.__path__, "facetrack."):
            if found.name.split(".")[1] in ("capture", "sinks", "loops", "tracking", "batch", "bench", "stopping",
                                            "download"):
                importlib.import_module(found.name)
        print([number.name for number in stopping.SIGNALS])
    """
    code = "\n".join(line.removeprefix("        ") for line in body.format(names=sorted(WINDOWS_LACKS)).split("\n"))
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "tracker")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == "['SIGINT', 'SIGTERM']", done.stderr[-2000:]


class TestStopping:
    @staticmethod
    def refuse(*_: object) -> None:
        raise OSError(10038, "not a socket")

    @pytest.mark.parametrize(("platform", "expected"), [("win32", None), ("linux", False)])
    def test_a_pipe_that_select_refuses(
        self, monkeypatch: pytest.MonkeyPatch, platform: str, expected: bool | None
    ) -> None:
        monkeypatch.setattr(stopping.select, "select", self.refuse)
        monkeypatch.setattr(stopping.sys, "platform", platform)
        assert stopping._takes_output(2) is expected

    def test_the_watchdog_ends_the_process_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ended: list[int] = []
        reader, writer = socket.socketpair()
        monkeypatch.setattr(stopping.select, "select", self.refuse)
        monkeypatch.setattr(stopping.sys, "platform", "win32")
        monkeypatch.setattr(stopping, "LIMIT_S", 0.0)
        monkeypatch.setattr(stopping._State, "exit_code", None)  # another test may have chosen one
        monkeypatch.setattr(stopping.os, "_exit", ended.append)
        writer.send(bytes([2]))
        stopping._watch(reader)
        assert ended == [130]


class TestLines:
    """Standard output, as a descriptor that fails as Windows' pipes do."""

    @pytest.fixture
    def out(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lines:
        with (tmp_path / "out").open("w") as file:
            monkeypatch.setattr(sys, "stdout", file)
            return Lines("-")

    def test_a_closed_pipe_is_an_invalid_argument(self, out: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
        def write(*_: object) -> int:
            raise OSError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr(lines_module.os, "write", write)
        monkeypatch.setattr(lines_module.sys, "platform", "win32")
        out.write("a line\n")
        assert out.closed

    def test_elsewhere_it_is_an_error(self, out: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
        def write(*_: object) -> int:
            raise OSError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr(lines_module.os, "write", write)
        with pytest.raises(OutputError, match="cannot be written"):
            out.write("a line\n")

    def test_a_full_pipe_is_tried_again(self, out: Lines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        true_write, full = os.write, [True, True]

        def write(descriptor: int, text: memoryview) -> int:
            if full:
                full.pop()
                raise BlockingIOError(errno.EAGAIN, "full")
            return true_write(descriptor, text)

        monkeypatch.setattr(lines_module.os, "write", write)
        monkeypatch.setattr(lines_module.select, "select", TestStopping.refuse)
        out.write("a line\n")
        assert (tmp_path / "out").read_text() == "a line\n"


class TestFilesWithoutLocks:
    def test_a_file_takes_its_place(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(staged, "fcntl", None)
        for _ in range(2):  # over what is there, too
            file = StagedFile(tmp_path / "a.csv")
            file.temporary.write_text("row\n")
            file.commit()
        assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]

    def test_an_open_file_is_published_at_its_end(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        true_replace = os.replace

        def refuse(*_: object) -> None:
            raise PermissionError(errno.EACCES, "used by another process")

        monkeypatch.setattr(staged, "fcntl", None)
        monkeypatch.setattr(staged.os, "replace", refuse)
        file = StagedFile(tmp_path / "a.csv")
        file.temporary.write_text("row\n")
        file.publish()
        assert not file.published
        monkeypatch.setattr(staged.os, "replace", true_replace)
        file.commit()
        assert (tmp_path / "a.csv").read_text() == "row\n"

    def test_the_manifest_is_opened_without_a_lock(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(manifest, "fcntl", None)
        for _ in range(2):
            os.close(manifest._locked(tmp_path / "manifest.jsonl", exclusive=True))

    def test_the_manifest_is_opened_without_translation_of_line_ends(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Windows writes \\r\\n, and stops at a byte 26, in a file that was not opened as binary."""
        true_open, flags = os.open, []

        def opened(path: Path, flag: int, mode: int) -> int:
            flags.append(flag)
            return true_open(path, flag & ~BINARY, mode)

        monkeypatch.setattr(manifest.os, "O_BINARY", BINARY, raising=False)
        monkeypatch.setattr(manifest.os, "open", opened)
        os.close(manifest._locked(tmp_path / "manifest.jsonl", exclusive=True))
        assert [bool(flag & BINARY) for flag in flags] == [True]


class TestCameras:
    @pytest.fixture
    def opened(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
        """Return (device, backend) of every try; no camera opens."""
        tries: list[tuple[int, int]] = []

        class Closed:
            def __init__(self, device: int, backend: int) -> None:
                tries.append((device, backend))

            def isOpened(self) -> bool:  # noqa: N802  (OpenCV's name)
                return False

            def release(self) -> None:
                """Do nothing."""

        monkeypatch.setattr(device_module.cv2, "VideoCapture", Closed)
        return tries

    @pytest.mark.parametrize(
        ("platform", "backends"),
        [("win32", [cv2.CAP_DSHOW, cv2.CAP_MSMF]), ("darwin", [cv2.CAP_AVFOUNDATION]), ("freebsd14", [cv2.CAP_V4L2])],
    )
    def test_a_camera_is_opened_by_the_systems_own_name_for_it(
        self, opened: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, platform: str, backends: list[int]
    ) -> None:
        monkeypatch.setattr(device_module.sys, "platform", platform)
        with pytest.raises(SourceError, match="privacy settings"):
            device_module.open_device(1)
        assert opened == [(1, backend) for backend in backends]

    def test_systems_that_list_no_cameras_are_asked_for_each(
        self, opened: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(device_module.sys, "platform", "darwin")
        assert list_devices() == []
        assert [device for device, _ in opened] == list(range(10))


class TestAlarms:
    @pytest.mark.parametrize(
        ("command", "words"),
        [
            (r"C:\tools\ring.exe --loud", [r"C:\tools\ring.exe", "--loud"]),
            (r'"C:\Program Files\ring.exe" "to me" 3', [r"C:\Program Files\ring.exe", "to me", "3"]),
        ],
    )
    def test_paths_of_windows_keep_their_separators(
        self, monkeypatch: pytest.MonkeyPatch, command: str, words: list[str]
    ) -> None:
        monkeypatch.setattr(actions.sys, "platform", "win32")
        assert actions.split_words(command) == words

    def test_a_sound_is_played_by_windows_itself(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        played: list[tuple[str, int]] = []
        winsound = types.SimpleNamespace(SND_FILENAME=1, SND_ASYNC=2, PlaySound=lambda *call: played.append(call))
        monkeypatch.setitem(sys.modules, "winsound", winsound)
        monkeypatch.setattr(actions.sys, "platform", "win32")
        monkeypatch.setattr(actions, "PLAYERS", ())
        (tmp_path / "a.wav").touch()
        actions.play_sound(str(tmp_path / "a.wav"))(None)  # type: ignore[arg-type]
        assert played == [(str(tmp_path / "a.wav"), 3)]

    def test_a_sound_is_played_by_macos_own_player(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        started: list[list[str]] = []
        monkeypatch.setattr(actions.sys, "platform", "darwin")
        monkeypatch.setattr(actions.shutil, "which", lambda name: name if name == "afplay" else None)
        monkeypatch.setattr(actions.subprocess, "Popen", lambda words, **_: started.append(words))
        (tmp_path / "a.wav").touch()
        alarm = Alarm("drowsy", track_id=1, time_s=2.0)
        actions.play_sound(str(tmp_path / "a.wav"))(alarm)
        assert started == [["afplay", str(tmp_path / "a.wav")]]


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux"])
def test_the_cache_may_be_moved_in_one_way_on_every_system(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    """As the messages about a cache that cannot be written advise, whatever the system."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/else/where")
    monkeypatch.setattr("sys.platform", platform)
    assert cache_folder() == Path("/else/where/facetrack")


@pytest.mark.parametrize(
    ("platform", "variable", "place"),
    [
        ("win32", "APPDATA", "AppData/Roaming"),
        ("darwin", None, "Library/Application Support"),
        ("linux", "XDG_CONFIG_HOME", ".config"),
    ],
)
def test_the_token_is_where_each_system_keeps_settings(
    monkeypatch: pytest.MonkeyPatch, platform: str, variable: str | None, place: str
) -> None:
    for name in ("APPDATA", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", platform)
    assert token_file() == Path.home() / place / "facetrack" / "vtube_studio_token"
    if variable is not None:
        monkeypatch.setenv(variable, "/else/where")
        assert token_file() == Path("/else/where/facetrack/vtube_studio_token")


@pytest.mark.parametrize(
    ("platform", "advice"),
    [("win32", "Unity Capture"), ("darwin", "start its virtual camera once"), ("linux", "modprobe")],
)
def test_a_system_without_a_virtual_camera_gets_its_own_advice(
    monkeypatch: pytest.MonkeyPatch, platform: str, advice: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no driver")

    driver = types.SimpleNamespace(Camera=refuse, PixelFormat=types.SimpleNamespace(BGR=0))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", driver)
    monkeypatch.setattr("sys.platform", platform)
    with pytest.raises(OutputError, match=advice):
        VirtualCameraSink((64, 48))


def test_the_cache_is_where_each_system_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("LOCALAPPDATA", "/users/me/AppData/Local")
    monkeypatch.setattr("sys.platform", "win32")
    assert cache_folder() == Path("/users/me/AppData/Local/facetrack/cache")
    monkeypatch.delenv("LOCALAPPDATA")
    assert cache_folder() == Path.home() / "AppData" / "Local" / "facetrack" / "cache"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "facetrack"


def test_memory_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "Path", lambda name: tmp_path / "none")
    monkeypatch.setattr(memory.sys, "platform", "win32")
    assert memory.peak_mb() is None
    usage = types.SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: types.SimpleNamespace(ru_maxrss=300 * 2**20))
    monkeypatch.setitem(sys.modules, "resource", usage)
    monkeypatch.setattr(memory.sys, "platform", "darwin")  # counts bytes, Linux kB
    assert memory.peak_mb() == 300


def test_the_processors_name_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "Path", lambda name: tmp_path / "none")
    monkeypatch.setattr(cache.platform, "processor", lambda: "")
    monkeypatch.setattr(cache.platform, "machine", lambda: "arm64")
    assert cache.cpu_name() == "unknown (arm64)"


def test_cores_and_load_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    from facetrack.bench import report
    from facetrack.engine.halves import available_cores

    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cores() == 6
    assert report.this_machine().load is None


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_a_window_needs_no_x_server(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", platform)
    check_display()


def test_threads_without_priorities_of_their_own_keep_the_process_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed.sys, "platform", "darwin")  # a priority there would be that of the whole process
    monkeypatch.setattr(os, "setpriority", lambda *_: pytest.fail("the whole process was slowed"))
    feed._let_loops_go_first()


def test_a_server_without_the_kernels_time_limit_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("starlette")
    from facetrack.serve.web.guard import Access
    from facetrack.serve.web.server import listen

    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT", raising=False)
    listening, access = listen(Access(port=0))
    with listening:
        assert access.port > 0


def test_a_compiled_engine_is_anybodys_where_files_have_no_owner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from facetrack.engine import tensorrt

    (tmp_path / "a.engine").touch()
    (tmp_path / "a.engine").chmod(0o666)
    monkeypatch.delattr(os, "getuid", raising=False)
    tensorrt.check_own(tmp_path / "a.engine")


@pytest.mark.parametrize(
    ("said", "code", "expected"),
    [
        ("libxcb.so.1: cannot open shared object file: No such file or directory", 2, "this system has no libxcb.so.1"),
        ("No module named 'x'", 1, "ImportError: No module named 'x'"),
    ],
)
def test_a_library_of_a_desktop_that_a_server_lacks_is_one_sentence(said: str, code: int, expected: str) -> None:
    """As `import cv2` of opencv-python ends in Debian's minimal installation."""
    script = f"""
import facetrack.cli
from facetrack.__main__ import main
def app():
    raise ImportError({said!r})
facetrack.cli.app = app
main()
"""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "tracker")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code
    assert expected in done.stderr
    assert ("Traceback" in done.stderr) == (code == 1)
