"""`facetrack report`: one HTML page of a video's signals and events, made while it is followed.

At the edge, as the sinks are: imports values (floors 0-1) and what all sinks share.
"""

from facetrack.report.sink import ReportSink

__all__ = ["ReportSink"]
