"""Evaluation of attribute heads and head pose on held-out data."""
