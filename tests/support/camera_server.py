"""Network camera for tests: HTTP MJPEG on the loopback interface."""

import http.server
import threading
import time
from itertools import count

import cv2
import numpy as np


class CameraServer(http.server.ThreadingHTTPServer):
    """Server of grey pictures, 64x48, 20 a second; a context manager that serves in a thread.

    frames_per_connection: None for endless connections.
    """

    daemon_threads = True
    frames_per_connection = None

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/cam"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), name="camera server", daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        limit = self.server.frames_per_connection
        for number in count() if limit is None else range(limit):
            data = cv2.imencode(".jpg", np.full((48, 64, 3), 5 * number % 256, np.uint8))[1].tobytes()
            head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
            try:
                self.wfile.write(head + data + b"\r\n")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)
