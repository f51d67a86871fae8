"""A face as avatars and trackers understand it: blendshapes, 3-D points, angles from a neutral, the one main face."""
