"""Training items: crops and labels drawn from samples."""
