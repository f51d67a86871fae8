"""Eyelid openness per eye, and blinks, long closures and PERCLOS derived from it."""
