"""Evaluation metrics: pure functions of arrays."""
