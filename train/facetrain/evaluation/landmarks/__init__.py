"""Evaluation of landmark networks on labelled faces."""
