"""Pseudo-labels by a teacher network, and inspection of labelled sets."""
