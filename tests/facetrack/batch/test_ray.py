"""A Ray cluster of two nodes on one machine, one of which is killed. Not in CI: FACETRACK_RAY=1 pytest -s THIS_FILE."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from facetrack.batch.inputs import find_videos
from facetrack.batch.manifest import DONE, Manifest, read_entries
from facetrack.batch.ray_workers import RayWorkers
from facetrack.batch.run import run
from facetrack.batch.task import Job
from facetrack.batch.track import Track
from facetrack.batch.workers import LocalWorkers
from small_clips import Slow, fail_to_start, timeless, write_clip

pytestmark = pytest.mark.skipif(os.environ.get("FACETRACK_RAY") != "1", reason="starts a Ray cluster")

CLIPS = 8


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for index in range(CLIPS):
        write_clip(tmp_path / "in" / f"{index}.mp4", frames=4 + index)
    return tmp_path


def job_in(folder: Path, begin) -> Job:
    folder.mkdir()
    return Job(folder, "o", Track(("json", "csv", "events", "report"), begin))


def do(job: Job, videos, workers, listed=lambda *_: None) -> float:
    started = time.perf_counter()
    with Manifest(job.folder) as manifest:
        run(job, videos, workers, manifest, listed)
    return time.perf_counter() - started


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: timeless(path.read_bytes()) for path in folder.iterdir() if path.name != "manifest.jsonl"}


def be_patient(monkeypatch) -> None:
    """Give a node five minutes to start: Ray gives it 30 s, which a busy machine exceeds."""
    for name in ("agent_register_timeout_ms", "worker_register_timeout_seconds"):
        monkeypatch.setenv(f"RAY_{name}", "300000" if name.endswith("ms") else "300")
    services = pytest.importorskip("ray._private.services")
    get_node = services.get_node

    def get_patiently(*arguments):
        end_s = time.monotonic() + 300
        while True:
            try:
                return get_node(*arguments)
            except RuntimeError:
                if time.monotonic() > end_s:
                    raise
                time.sleep(1)

    monkeypatch.setattr(services, "get_node", get_patiently)


def ports() -> dict[str, int]:
    """Name free ports for a node's agents: for ports of their own choice Ray waits 15 s, and aborts."""
    with ExitStack() as stack:
        agents = ("metrics_agent", "metrics_export", "dashboard_agent_listen", "runtime_env_agent")
        sockets = {agent: stack.enter_context(socket.socket()) for agent in agents}
        for found in sockets.values():
            found.bind(("127.0.0.1", 0))
        return {f"{agent}_port": found.getsockname()[1] for agent, found in sockets.items()}


def test_a_cluster_writes_the_same_bytes_also_when_a_node_is_killed(clips, monkeypatch):
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    be_patient(monkeypatch)
    videos = find_videos([str(clips / "in")], clips / "none")
    slow = Slow(0.2)
    local = job_in(clips / "local", slow)
    local_s = do(local, videos, LocalWorkers(local, 2))
    head = {"num_cpus": 1, "include_dashboard": False, **ports()}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    try:
        second = cluster.add_node(num_cpus=1, **ports())
        cluster.wait_for_nodes()
        whole = job_in(clips / "whole", slow)
        whole_s = do(whole, videos, RayWorkers(whole, 2, cluster.address))
        wounded = job_in(clips / "wounded", slow)
        listed = []

        def kill_once(video, entry):
            listed.append(video.name)
            if len(listed) == 3:
                threading.Timer(0.3, lambda: cluster.remove_node(second, allow_graceful=False)).start()

        wounded_s = do(wounded, videos, RayWorkers(wounded, 2, cluster.address), kill_once)
        with pytest.raises(Exception, match="no such network"):
            do(job := job_in(clips / "none", fail_to_start), videos, RayWorkers(job, 1, cluster.address))
    finally:
        cluster.shutdown()
    print(f"\n{CLIPS} clips: {local_s:.1f} s local, {whole_s:.1f} s with Ray, {wounded_s:.1f} s with a node killed")
    assert files_in(whole.folder) == files_in(local.folder)
    assert files_in(wounded.folder) == files_in(local.folder)
    assert len((wounded.folder / "manifest.jsonl").read_text().splitlines()) == CLIPS
    assert {entry.status for entry in read_entries(wounded.folder).values()} == {DONE}
