"""Temporal stability of landmarks: jitter and lag."""
