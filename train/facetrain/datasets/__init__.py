"""Readers, one file per format; each gives `Sample`s."""
