"""Addresses as they are shown: whatever a password looks like, none of it is left."""

import pytest

from facetrack.sinks.header import source_name
from facetrack.types.address import without_password

PASSWORDS = ["pw7", "p/w7", "p@w7", "p?w7", "p#w7", "p:w7", "12/w7", "12?w7", "/w7@x/", "", "a//b@w7", "pw7%2F"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("host", ["10.0.0.2", "10.0.0.2:554", "cam.local", "[fe80::1]:554"])
@pytest.mark.parametrize("path", ["", "/1", "/live/ch0?profile=2"])
def test_no_part_of_a_password_is_shown(password, host, path):
    shown = without_password(f"rtsp://admin:{password}@{host}{path}")
    assert shown.startswith("rtsp://")
    assert "admin" not in shown
    assert "w7" not in shown
    assert host.split(":")[0].strip("[]") in shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://h:80/s.mjpg?user=me&pwd=pw7", "http://h:80/s.mjpg?..."),
        ("http://h/s.cgi?loginuse=me&loginpas=pw7", "http://h/s.cgi?..."),
        ("rtsp://h:554/user=me_password=pw7_channel=1.sdp", "rtsp://h:554/..."),
        ("http://h/live@2x/s.mjpg", "http://h/live@2x/s.mjpg"),
        ("rtsp://h:554/stream1", "rtsp://h:554/stream1"),
        ("0", "0"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_what_is_no_credential_stays(address, shown):
    assert without_password(address) == shown


def test_the_header_of_a_file_names_no_query():
    assert source_name("http://me:pw7@h:80/s.mjpg?pwd=pw7") == "http://h:80/s.mjpg"
    assert source_name("/some/folder/a.mp4") == "a.mp4"
