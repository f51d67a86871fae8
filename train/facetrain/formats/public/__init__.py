"""Readers of label formats in public use, one file each."""
