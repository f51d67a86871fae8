"""Measurements of networks and of the tracker against ground truth."""
