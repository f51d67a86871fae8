"""Temporal filters for landmarks."""
