"""Annotated pictures: landmarks, signals and event messages drawn into a frame."""
