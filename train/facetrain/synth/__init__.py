"""Rendered and drawn faces with exact ground truth, without torch."""
