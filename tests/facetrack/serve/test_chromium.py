"""The pages in real headless Chromium, with a clip as the server's camera and as the browser's own.

FACETRACK_SHOTS=FOLDER keeps screenshots there, to be looked at.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

import facetrack
from places import DATA
from sockets import free_port

pytest.importorskip("starlette", reason="needs the extra serve")
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CLIP = DATA / "videos" / "talk_d10.mp4"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FRAMES, RATE = 60, 10
"""Pictures of the clip that are shown, and how many a second: a busy machine must keep up."""
PATIENCE_MS = 180_000

pytestmark = [
    pytest.mark.data, pytest.mark.net, pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Return the folder of the first FRAMES pictures as a slow video, as Chromium's .mjpeg, and their points.

    The points are those of a tracker that sees the same JPEG pictures one by one, without smoothing.
    """
    folder = tmp_path_factory.mktemp("clip")
    tracker = facetrack.FaceTracker.from_weights(options=facetrack.TrackerOptions(smoothing="off"), engine="onnx")
    points, jpegs = [], []
    writer = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), RATE, (512, 512))
    with facetrack.open_video(CLIP) as video:
        for frame in video:
            image = cv2.resize(frame.image, (512, 512))
            jpegs.append(cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 95))[1].tobytes())
            writer.write(image)
            faces = tracker.update(facetrack.Frame(image, time_s=frame.index / 30, index=frame.index))
            if faces:
                points.append(faces[0].landmarks.points)
            if len(jpegs) == FRAMES:
                break
    writer.release()
    (folder / "clip.mjpeg").write_bytes(b"".join(jpegs))
    return folder, np.array(points)


@contextmanager
def serving(camera):
    port = free_port()
    words = ["serve", "--camera", camera, "--engine", "onnx", "--smooth", "off", "--port", port]
    process = subprocess.Popen([sys.executable, "-m", "facetrack", *map(str, words)], stderr=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < until_s
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def page_of(address, folder, **options):
    """Open a page; asserts that neither its console nor the policy of its content had anything to say."""
    arguments = [
        "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={folder / 'clip.mjpeg'}",
    ]  # fmt: skip
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(**options)
        page.set_default_timeout(PATIENCE_MS)
        said = []
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address, timeout=PATIENCE_MS)
        yield page
        assert [text for text in said if not any(name in text for name in ("GPU", "WebGL", "readback"))] == []
        browser.close()


def until(page, expression, *arguments):
    """Wait until an expression holds; the page's policy forbids the eval of Playwright's own wait_for_function."""
    until_s = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression, *arguments):
        assert time.monotonic() < until_s, expression
        page.wait_for_timeout(100)


def seen(page):
    """Return the newest frame that the page holds, once it has a face."""
    until(page, "globalThis.facetrack?.newest?.faces.length === 1")
    return page.evaluate("facetrack.newest")


def off_clip(frame, points):
    """Return the mean distance of a frame's points from the nearest frame's in the clip, in eye distances."""
    found = np.array(frame["faces"][0]["points"]) * 512 / frame["width"]
    eyes = np.linalg.norm(points[:, 36] - points[:, 45], axis=1)
    return float((np.linalg.norm(points - found, axis=2).mean(axis=1) / eyes).min())


def off_picture(page):
    """Return the mean distance of the page's points from those of a tracker of its own on the page's very picture."""
    seen(page)
    frame, data = page.evaluate("""async () => {
        const {newest, picture} = facetrack;
        return [newest, Array.from(new Uint8Array(await picture.arrayBuffer()))];
    }""")
    image = cv2.imdecode(np.array(data, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[:2] == (frame["height"], frame["width"])
    tracker = facetrack.FaceTracker.from_weights(options=facetrack.TrackerOptions(smoothing="off"), engine="onnx")
    for i in range(5):
        faces = tracker.update(facetrack.Frame(image, time_s=i / 30, index=i))
    ours = faces[0].landmarks.points
    found = np.array(frame["faces"][0]["points"])
    return float(np.linalg.norm(ours - found, axis=1).mean() / np.linalg.norm(ours[36] - ours[45]))


def test_the_dashboard_of_a_servers_camera(clip, tmp_path):
    folder, points = clip
    with serving(folder / "clip.avi") as address, page_of(address, folder) as page:
        assert off_clip(seen(page), points) < 0.02
        assert off_picture(page) < 0.02
        until(page, "facetrack.pictures > 3")
        page.wait_for_selector("#status[data-state=live]")
        assert page.locator(".person h3").first.inner_text() == "Person 1"
        # Timelines move: the picture of the first row changes.
        first = page.locator(".timeline canvas").first
        before = first.evaluate("canvas => canvas.toDataURL()")
        until(page, "before => document.querySelector('.timeline canvas').toDataURL() !== before", before)
        # The points are drawn where they were found: the line's colour is there, on black.
        page.keyboard.press("p")
        until(page, "!facetrack.newest.picture")
        assert lines_drawn(page) > 0.9
        check_controls(page)
        page.keyboard.press("p")
        until(page, "facetrack.newest.picture")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(1500)
            shoot(page, scheme, tmp_path)


def shoot(page, name, folder):
    """Save a picture of the page."""
    path = Path(os.environ.get("FACETRACK_SHOTS", folder)) / f"{name}.png"
    page.screenshot(path=path, full_page=True, timeout=PATIENCE_MS)
    assert path.stat().st_size > 20_000


def lines_drawn(page):
    """Return the share of the landmarks of the newest frame, drawn once more, near which a pixel is not black."""
    return page.evaluate("""() => {
        const {newest, stage} = facetrack, {canvas, context} = stage;
        stage.draw(newest, null);
        const scale = canvas.width / newest.width;
        return newest.faces[0].points.filter(([x, y]) => {
            const {data} = context.getImageData(scale * (x + .5) - 2, scale * (y + .5) - 2, 5, 5);
            return data.some((value, index) => index % 4 < 3 && value > 90);
        }).length / newest.faces[0].points.length;
    }""")


def check_controls(page):
    page.locator("#smoothing").focus()
    page.keyboard.press("End")
    until(page, "facetrack.state?.smoothing === 'high'")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("n")
    until(page, "document.querySelector('#toast').textContent.includes('straight ahead')")
    until(page, "Math.abs(facetrack.newest.faces[0]?.signals.head.yaw_deg ?? 90) < 30")
    page.keyboard.press("c")
    until(page, "facetrack.state.calibration.phase === 'done'")
    page.wait_for_selector("#download:visible")
    assert page.evaluate("facetrack.state.calibration.profile.profile") == 1
    page.keyboard.press("Escape")
    until(page, "!document.querySelector('#calibration').open && document.activeElement === document.body")


def test_the_browsers_own_camera(clip, tmp_path):
    folder, _ = clip
    with serving("none") as address, page_of(address, folder) as page:
        assert off_picture(page) < 0.02
        until(page, "facetrack.newest.frame > 20 && facetrack.state")
        trip_ms, server_ms = page.evaluate("[facetrack.source.roundTripMs, facetrack.newest.latency_ms]")
        print(f"\nround trip {trip_ms:.0f} ms, of which the server {server_ms:.0f} ms")
        assert page.evaluate("facetrack.pictures") >= 20
        until(page, "document.querySelector('#latency-name').textContent === 'round trip'")
        check_controls(page)
        shoot(page, "browser", tmp_path)


@pytest.mark.parametrize("width", [375, 768])
def test_nothing_sticks_out_of_a_narrow_page_and_everything_has_a_name(clip, width, tmp_path):
    folder, _ = clip
    size = {"width": width, "height": 812}
    with serving(folder / "clip.avi") as address, page_of(address, folder, viewport=size, color_scheme="dark") as page:
        seen(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        unnamed = page.evaluate("""[...document.querySelectorAll('button, select, input, a, canvas')]
            .filter(node => !(node.ariaLabel || node.textContent.trim() || node.labels?.length))
            .map(node => node.outerHTML)""")
        assert unnamed == []
        assert re.search(r"dark", page.evaluate("getComputedStyle(document.documentElement).colorScheme"))
        page.wait_for_timeout(4000)
        shoot(page, f"{width}-dark", tmp_path)
        page.emulate_media(color_scheme="light")
        shoot(page, f"{width}-light", tmp_path)
        page.goto(f"{address}/overlay")
        assert seen(page)["faces"][0]["points"]
        corner = page.evaluate("[...document.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1).data]")
        assert corner == [0, 0, 0, 0]
