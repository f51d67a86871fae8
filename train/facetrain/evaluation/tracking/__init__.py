"""Evaluation of the tracker on generated clips with known identities."""
