"""Blinks, speech, smiles and yawns against labelled and rendered clips."""
