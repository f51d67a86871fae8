"""Annotated pictures for other eyes: an animation, a virtual camera."""
