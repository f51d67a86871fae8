"""Exceptions of facetrack, one class for each error that a caller may want to distinguish.

Every message states the actual and the expected input and a remedy, in one sentence: the command line prints it and
exits with the class's exit code, 2 for all but CameraLostError.
"""


class FacetrackError(Exception):
    """Base class of all errors that facetrack raises on purpose."""

    exit_code = 2


class SourceError(FacetrackError):
    """Image, video, camera or stream that cannot be opened or read."""


class CameraLostError(SourceError):
    """Camera or stream that was followed and then failed for good."""

    exit_code = 3


class OutputError(FacetrackError):
    """Output that cannot be written to the given path."""


class ModelFileError(FacetrackError):
    """Network file that is missing, broken, or without facetrack's metadata."""


class DisplayError(FacetrackError):
    """Window that cannot be opened because there is no display."""


class MissingExtraError(FacetrackError):
    """Optional package that is not installed; the message names the extra to install."""


class DataError(FacetrackError):
    """Training or evaluation data that is missing or malformed."""


class SettingsError(FacetrackError):
    """Settings file (a person's profile, weights of the fatigue score) that is missing or malformed."""


def first_line(error: BaseException) -> str:
    """Return what another library's error says, shortened to fit into a sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
