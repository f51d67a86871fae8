"""Training items of the face detector."""
