"""Mouth openness, speech, yawns and smiles."""
