"""Synthetic clip of several people with ground truth: crossings, exits and returns, occlusions, large yaw."""
