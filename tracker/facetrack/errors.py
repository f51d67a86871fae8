"""Errors, one class for each kind that a caller may want to distinguish.

Every message says what was got, what was expected, and what to do next, in one sentence: the command line prints it as
it stands and exits with 2.
"""


class FacetrackError(Exception):
    """Base of all errors that facetrack raises on purpose."""


class SourceError(FacetrackError):
    """A picture, video, camera or stream cannot be opened or read."""


class OutputError(FacetrackError):
    """A result cannot be written where it was asked for."""


class ModelFileError(FacetrackError):
    """A network file is missing, broken, or does not say what it needs."""


class DisplayError(FacetrackError):
    """A window was asked for and there is no display to open it on."""


class MissingExtraError(FacetrackError):
    """An optional package is not installed; the message names the extra that brings it."""


class DataError(FacetrackError):
    """Training or evaluation data is missing or malformed."""


class SettingsError(FacetrackError):
    """A file of settings (a person's profile, the weights of fatigue) is missing or malformed."""
