"""A second look at the eyes, by a network of their own."""

from facetrack.eyes.reader import EYE_WIDTHS, ORDER, EyeReader, eye_matrices

__all__ = ["EYE_WIDTHS", "ORDER", "EyeReader", "eye_matrices"]
