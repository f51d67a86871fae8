"""Rendered 3-D heads with exact ground truth: points, head angles, eyelids, mouth and gaze."""
