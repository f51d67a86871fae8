"""Jitter and lag of landmarks over time."""
