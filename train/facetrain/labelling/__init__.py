"""Labels predicted by a teacher network."""
