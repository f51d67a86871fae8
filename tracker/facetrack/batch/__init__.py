"""`facetrack batch`: many videos, each one task whose outputs appear whole or not at all; a rerun does what is missing.

One loop (`run`) over workers that are processes here (`workers`) or actors of a Ray cluster (`ray_workers`).
"""
