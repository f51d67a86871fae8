"""Synthetic clip of a moving face, warped from one photograph, with ground truth: for the demo and for tests."""
