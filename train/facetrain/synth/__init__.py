"""Rendered and drawn faces with exact ground truth. Needs no torch."""
