"""Blendshapes of photographs and clips: what the tracker measures of a face, and what MediaPipe says of it."""
