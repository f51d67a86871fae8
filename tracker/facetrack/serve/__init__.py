"""A web server for what is tracked: results by WebSocket and HTTP, a dashboard, the browser's own camera.

Each camera has a live loop in a thread of its own (`camera`), whose results a `feed` hands to the clients without ever
waiting for one; the server runs in another thread (`server`). Needs the extra `serve`.
"""
