"""Training, evaluation and export of the networks that facetrack runs."""
