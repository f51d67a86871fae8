"""Attribute heads and head pose against held-out labels."""
