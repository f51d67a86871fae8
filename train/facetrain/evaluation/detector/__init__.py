"""Evaluation of face detectors on labelled and synthetic images."""
