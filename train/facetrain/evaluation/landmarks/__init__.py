"""Landmark networks against labelled faces."""
